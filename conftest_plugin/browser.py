"""What a browser needs to meet the emulator: for Playwright, which is not imported here."""

from __future__ import annotations

import json
from importlib import resources

from conftest_plugin.expect import page_script
from conftest_plugin.server import RoomsServer
from emulator.admin import static

CONTEXT_ARGS = {
    "permissions": ["camera", "microphone"],
    # The page's own policy allows the service's address, not this machine's.
    "bypass_csp": True,
}
LAUNCH_ARGS = (
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)


def init_script(server: RoomsServer) -> str:
    """To be evaluated before any script of a page: `redirect.js` with the emulator's address filled in, and what reads
    cards and tones, so that it knows of media elements that are never put into the document.
    """
    script = resources.files(static).joinpath("redirect.js").read_text(encoding="utf-8")
    return f"window.__ROOMS_EMULATOR_WS__ ??= {json.dumps(server.ws_url)};\n{script}\n{page_script()}"
