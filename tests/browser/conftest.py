"""Fixtures that drive the vendor's unmodified JavaScript SDK in headless Chromium.

`sdk_page` is what tests use:

    async def test_someone_joins(emulator, sdk_page):
        page = await sdk_page(emulator.admin_url)
        await page.join(room_id, client_token, "Alice")
        await page.wait_event("participant_joined", bob_id)

Ask for the emulator before the pages: then the pages close first, while it still answers them.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext

from emulator.server import Emulator
from tests.browser.browser_host import BrowserHost
from tests.browser.chromium import ChromiumMissingError, find_chromium
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_bundle import BundleError, ensure_bundle
from tests.browser.sdk_page import SdkPage

SdkPageFactory = Callable[..., Awaitable[SdkPage]]

_PAGES = pytest.StashKey[list[SdkPage]]()


@pytest.fixture(scope="session")
def browser_host() -> Iterator[BrowserHost]:
    """The one browser of the test run. Fails, never skips, when something it needs is missing."""
    problem = ""
    try:
        executable = find_chromium()
        ensure_bundle()
    except (ChromiumMissingError, BundleError) as error:
        problem = str(error)
    if problem:  # outside the handler, so that the message stands alone
        pytest.fail(problem, pytrace=False)
    host = BrowserHost()
    host.start(executable)
    yield host
    host.stop()


@pytest.fixture
async def sdk_page(browser_host: BrowserHost, request: pytest.FixtureRequest) -> AsyncIterator[SdkPageFactory]:
    """Opens pages of the app: `await sdk_page(admin_url, name=..., ws_url=..., allow_page_errors=...)`.

    admin_url: the emulator's origin, with or without a path (the scripts come from its /_emulator/).
    ws_url: set when the sockets go elsewhere than redirect.js works out by itself.
    Each page has a context of its own. An error that nobody in a page caught (the SDK reports malformed
    frames in this way) fails the test at its end, unless allow_page_errors is set.
    """
    contexts: list[BrowserContext] = []
    strict: list[SdkPage] = []
    pages = request.node.stash.setdefault(_PAGES, [])

    async def open_page(
        admin_url: str, *, name: str = "", ws_url: str | None = None, allow_page_errors: bool = False
    ) -> SdkPage:
        context = await browser_host.call(browser_host.browser.new_context())
        contexts.append(context)
        page = SdkPage(browser_host, await browser_host.call(context.new_page()), name or f"page {len(pages) + 1}")
        pages.append(page)
        if not allow_page_errors:
            strict.append(page)
        if ws_url is not None:
            script = f"window.__ROOMS_EMULATOR_WS__ = {ws_url!r};"
            await browser_host.call(page.page.add_init_script(script))
        await page.open(browser_host.app_url, _origin(admin_url))
        return page

    yield open_page
    for context in contexts:
        await browser_host.call(context.close())
    errors = [f"{page.name}: {error}" for page in strict for error in page.page_errors]
    if errors:
        pytest.fail("errors that nobody in the page caught:\n" + "\n".join(errors), pytrace=False)


@pytest.fixture
async def room(emulator: Emulator) -> JoinableRoom:
    return await JoinableRoom.create(emulator.rest_url, emulator.api_key)


@pytest.fixture
async def alice(emulator: Emulator, room: JoinableRoom, sdk_page: SdkPageFactory) -> SdkPage:
    """A page that is connected to the room."""
    page = await sdk_page(emulator.admin_url, name="alice")
    await page.join(room.id, await room.token(), "Alice")
    return page


@pytest.fixture
async def bob(emulator: Emulator, room: JoinableRoom, alice: SdkPage, sdk_page: SdkPageFactory) -> SdkPage:
    """A second page, connected after the first."""
    page = await sdk_page(emulator.admin_url, name="bob")
    await page.join(room.id, await room.token(), "Bob")
    return page


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what the pages said to the report of a failed test, and pictures if ROOMS_BROWSER_SHOTS names a folder."""
    report = yield
    if report.failed and call.when == "call":
        folder = os.environ.get("ROOMS_BROWSER_SHOTS")
        shots = Path(folder) / item.name if folder else None
        for page in item.stash.get(_PAGES, []):
            report.sections.append((f"browser {page.name}", page.report(5, shots)))
    return report


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
