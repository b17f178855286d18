"""Which browser the tests drive, and how it is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

DEFAULT_EXECUTABLE = "/usr/bin/chromium"

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # containers and CI run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Cameras and microphones without a prompt and without hardware.
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    # Several pages act at once: the one behind is as awake as the one in front.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
)


class ChromiumMissingError(Exception):
    """No Chromium where one was expected; the message says how to get one."""


def find_chromium(environment: Mapping[str, str] = os.environ) -> Path:
    """The browser's executable: ROOMS_CHROMIUM if set, else Debian's. Raises ChromiumMissingError."""
    wanted = environment.get("ROOMS_CHROMIUM", DEFAULT_EXECUTABLE)
    found = shutil.which(wanted)
    if found is None:
        raise ChromiumMissingError(
            f"The browser tests need Chromium, and {wanted} is no executable. Install it "
            "(Debian: apt-get install chromium) or set ROOMS_CHROMIUM to the path of a Chromium or Chrome. "
            "To run everything else: pytest -m 'not browser and not long'."
        )
    return Path(found)
