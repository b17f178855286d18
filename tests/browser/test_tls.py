"""A page that nobody can inject a script into: Chromium itself is told where the service's names lead."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import async_playwright

from emulator.clients.room_client import RoomClient
from emulator.config import Config
from emulator.server import Emulator
from tests.browser.browser_host import BrowserHost
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.browser.joined_room import JoinableRoom

pytestmark = pytest.mark.browser

DIST = Path(__file__).parent / "dist"
PAGE = """<!doctype html><link rel="icon" href="data:,"><script src="/dist/telnyx-video.js"></script>"""
JOIN = """async ([roomId, clientToken]) => {
  const room = await TelnyxVideo.initialize({ roomId, clientToken, logLevel: "WARN" });
  await room.connect();
  window.room = room;
  return [...room.getState().participants.values()].map((one) => one.context);
}"""
ASK = """async (key) => {
  const answer = await fetch("https://api.telnyx.com/v2/rooms", { headers: { Authorization: `Bearer ${key}` } });
  return (await answer.json()).data.length;
}"""


@pytest.fixture
async def secured() -> AsyncIterator[Emulator]:
    async with Emulator(Config(port=0, tls=True)) as emulator:
        yield emulator


@pytest.fixture
async def page_url(browser_host: BrowserHost) -> AsyncIterator[str]:
    """A page with the SDK and nothing else; `browser_host` has bundled it."""

    async def serve(_request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", serve)
    app.router.add_static("/dist", DIST)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_unmodified_page_meets_the_emulator_by_resolver_rules(secured: Emulator, page_url: str) -> None:
    room = await JoinableRoom.create(secured.rest_url, secured.api_key)
    there = f"127.0.0.1:{secured.tls_port}"
    assert secured.tls is not None
    arguments = [
        *ARGUMENTS,
        f"--host-resolver-rules=MAP video.telnyx.com {there},MAP api.telnyx.com {there}",
        f"--ignore-certificate-errors-spki-list={secured.tls.spki}",
    ]
    alice = RoomClient(ws_url=secured.ws_url, room_id=room.id, token=await room.token(), context="Alice")
    async with alice, async_playwright() as playwright:
        with tempfile.TemporaryDirectory() as profile:
            context = await playwright.chromium.launch_persistent_context(
                profile, executable_path=find_chromium(), args=arguments
            )
            page = await context.new_page()
            await page.goto(page_url)
            assert "Alice" in await page.evaluate(JOIN, [room.id, await room.token()])
            assert len(alice.participants) == 2
            assert await page.evaluate(ASK, secured.api_key) == 1
            await context.close()
