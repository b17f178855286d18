"""The harness itself: what it does when something it needs is missing, and that the bundle is the vendor's SDK."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.browser import sdk_bundle
from tests.browser.browser_host import BrowserHost
from tests.browser.chromium import ChromiumMissingError, find_chromium

HERE = Path(__file__).parent


def test_missing_chromium_is_an_error_that_says_how_to_install_it() -> None:
    with pytest.raises(ChromiumMissingError, match=r"/nowhere/chromium.*apt-get install chromium.*ROOMS_CHROMIUM"):
        find_chromium({"ROOMS_CHROMIUM": "/nowhere/chromium"})


def test_chromium_is_taken_from_the_environment(tmp_path: Path) -> None:
    browser = tmp_path / "my-browser"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    assert find_chromium({"ROOMS_CHROMIUM": str(browser)}) == browser


def test_bundle_is_rebuilt_only_when_something_it_is_made_of_is_newer(tmp_path: Path) -> None:
    product, ingredient = tmp_path / "product", tmp_path / "ingredient"
    ingredient.touch()
    assert not sdk_bundle.is_newer(product, [ingredient])
    product.touch()
    os.utime(ingredient, (1000, 1000))
    assert sdk_bundle.is_newer(product, [ingredient])
    os.utime(product, (999, 999))
    assert not sdk_bundle.is_newer(product, [ingredient])


def test_lock_file_pins_the_sdk_and_names_no_host() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    packages = lock["packages"]
    assert packages["node_modules/@telnyx/video"]["version"] == "1.0.2"
    assert all("resolved" not in package for package in packages.values())
    assert all("integrity" in package for path, package in packages.items() if path)


@pytest.mark.browser
async def test_the_bundle_exposes_the_sdk_of_the_pinned_version(browser_host: BrowserHost) -> None:
    context = await browser_host.call(browser_host.browser.new_context())
    try:
        page = await browser_host.call(context.new_page())
        await browser_host.call(page.add_script_tag(path=sdk_bundle.BUNDLE))
        exported = await browser_host.call(page.evaluate("() => Object.keys(TelnyxVideo).sort()"))
        version = await browser_host.call(page.evaluate("() => TelnyxVideo.version"))
    finally:
        await browser_host.call(context.close())
    assert version == "1.0.2"
    assert {"initialize", "getDevices", "version"} <= set(exported)
