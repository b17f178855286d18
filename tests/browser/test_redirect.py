"""redirect.js in a real browser, against a server that only notes who connects. No emulator is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import ConsoleMessage, Page

from tests.browser.browser_host import BrowserHost

pytestmark = pytest.mark.browser

REDIRECT = Path(__file__).parents[2] / "emulator" / "admin" / "static" / "redirect.js"

# Opens a socket and tells how that went.
OPEN = """([url, protocols]) => new Promise((resolve) => {
  const socket = protocols === null ? new WebSocket(url) : new WebSocket(url, protocols);
  socket.onopen = () => { resolve({ url: socket.url, protocol: socket.protocol }); socket.close(); };
  socket.onerror = () => resolve("error");
})"""


@dataclass
class Landing:
    """Where redirected sockets arrive; also serves pages that load the script in several ways."""

    origin: str = ""
    fill_in: str = "__WS_URL__"
    arrivals: list[tuple[str, str]] = field(default_factory=list)

    @property
    def ws_url(self) -> str:
        return self.origin.replace("http", "ws")

    def script(self) -> str:
        return REDIRECT.read_text().replace("__WS_URL__", self.fill_in)

    async def serve_script(self, request: web.Request) -> web.Response:
        return web.Response(text=self.script(), content_type="text/javascript")

    async def serve_page(self, request: web.Request) -> web.Response:
        page = '<link rel="icon" href="data:,"><script src="/_emulator/redirect.js"></script>'
        return web.Response(text=page, content_type="text/html")

    async def serve_blank(self, request: web.Request) -> web.Response:
        return web.Response(text='<link rel="icon" href="data:,">', content_type="text/html")

    async def serve_inline(self, request: web.Request) -> web.Response:
        page = f'<link rel="icon" href="data:,"><script>{self.script()}</script>'
        return web.Response(text=page, content_type="text/html")

    async def serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        self.arrivals.append((request.path_qs, request.headers.get("Sec-WebSocket-Protocol", "")))
        socket = web.WebSocketResponse(protocols=["janus-protocol"])
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket


@pytest.fixture
async def landing() -> AsyncIterator[Landing]:
    landing = Landing()
    app = web.Application()
    app.router.add_get("/_emulator/redirect.js", landing.serve_script)
    app.router.add_get("/page", landing.serve_page)
    app.router.add_get("/blank", landing.serve_blank)
    app.router.add_get("/inline", landing.serve_inline)
    app.router.add_get("/{room}/janus", landing.serve_socket)
    app.router.add_get("/base/{room}/janus", landing.serve_socket)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    landing.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield landing
    await runner.cleanup()


class PlainPage:
    """A page without the app: `console` has (type, text) of what it wrote."""

    def __init__(self, host: BrowserHost, page: Page) -> None:
        self.console: list[tuple[str, str]] = []
        self._host = host
        self._page = page

    def _note(self, message: ConsoleMessage) -> None:
        self.console.append((message.type, message.text))

    async def goto(self, url: str) -> None:
        await self._host.call(self._load(url))

    async def _load(self, url: str) -> None:
        # In the browser's thread, as everything of Playwright: even page.on() talks to the browser.
        self._page.on("console", self._note)
        await self._page.goto(url)

    async def before_scripts(self, script: str) -> None:
        await self._host.call(self._page.add_init_script(script))

    async def evaluate(self, code: str, argument: Any = None) -> Any:
        return await self._host.call(self._page.evaluate(code, argument))

    async def open_socket(self, url: str, protocols: str | list[str] | None = "janus-protocol") -> Any:
        return await self.evaluate(OPEN, [url, protocols])


@pytest.fixture
async def page(browser_host: BrowserHost) -> AsyncIterator[PlainPage]:
    context = await browser_host.call(browser_host.browser.new_context())
    yield PlainPage(browser_host, await browser_host.call(context.new_page()))
    await browser_host.call(context.close())


async def test_socket_to_the_vendor_lands_at_the_origin_the_script_came_from(landing: Landing, page: PlainPage) -> None:
    await page.goto(f"{landing.origin}/page")
    opened = await page.open_socket("wss://video.telnyx.com/a-room/janus?x=1")
    assert opened == {"url": f"{landing.ws_url}/a-room/janus?x=1", "protocol": "janus-protocol"}
    assert landing.arrivals == [("/a-room/janus?x=1", "janus-protocol")]


async def test_address_filled_in_by_the_server_is_used_when_no_script_tag_tells_it(
    landing: Landing, page: PlainPage
) -> None:
    landing.fill_in = f"{landing.ws_url}/base/"
    await page.before_scripts(landing.script())
    await page.goto(f"{landing.origin}/blank")
    await page.open_socket("wss://video.telnyx.com/a-room/janus")
    assert landing.arrivals == [("/base/a-room/janus", "janus-protocol")]


async def test_explicit_address_wins_over_everything_else(landing: Landing, page: PlainPage) -> None:
    landing.fill_in = "ws://127.0.0.1:1"
    await page.before_scripts(f"window.__ROOMS_EMULATOR_WS__ = '{landing.ws_url}'")
    await page.goto(f"{landing.origin}/page")
    await page.open_socket("wss://video.telnyx.com/a-room/janus")
    assert landing.arrivals == [("/a-room/janus", "janus-protocol")]


async def test_other_addresses_and_subprotocols_pass_unchanged(landing: Landing, page: PlainPage) -> None:
    await page.goto(f"{landing.origin}/page")
    plain = await page.open_socket(f"{landing.ws_url}/mine/janus?video.telnyx.com", None)
    listed = await page.open_socket(f"{landing.ws_url}/listed/janus", ["other", "janus-protocol"])
    assert plain == {"url": f"{landing.ws_url}/mine/janus?video.telnyx.com", "protocol": ""}
    assert listed["protocol"] == "janus-protocol"
    assert landing.arrivals == [
        ("/mine/janus?video.telnyx.com", ""),
        ("/listed/janus", "other, janus-protocol"),
    ]


async def test_the_websocket_class_keeps_its_constants_identity_and_errors(landing: Landing, page: PlainPage) -> None:
    await page.goto(f"{landing.origin}/page")
    found = await page.evaluate(
        """async () => {
          class Mine extends WebSocket { extra() { return 7; } }
          const mine = new Mine("wss://video.telnyx.com/mine/janus", "janus-protocol");
          const thrown = (make) => { try { make(); return ""; } catch (error) { return error.name; } };
          const result = {
            constants: [WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED],
            ofInstance: [mine.CONNECTING, mine.readyState],
            identity: mine instanceof WebSocket && mine instanceof Mine && mine.extra() === 7,
            constructor: WebSocket.prototype.constructor === WebSocket,
            name: WebSocket.name,
            url: mine.url,
            errors: [
              thrown(() => WebSocket("ws://x")), thrown(() => new WebSocket()),
              thrown(() => new WebSocket("ws://[")), thrown(() => new WebSocket("ws://127.0.0.1:1", ["a", "a"])),
            ],
          };
          await new Promise((resolve) => { mine.onopen = resolve; });
          mine.close();
          return result;
        }"""
    )
    assert found == {
        "constants": [0, 1, 2, 3],
        "ofInstance": [0, 0],
        "identity": True,
        "constructor": True,
        "name": "WebSocket",
        "url": f"{landing.ws_url}/mine/janus",
        "errors": ["TypeError", "TypeError", "SyntaxError", "SyntaxError"],
    }


async def test_it_says_once_where_sockets_go_even_when_loaded_twice(landing: Landing, page: PlainPage) -> None:
    landing.fill_in = landing.ws_url
    await page.before_scripts(landing.script())
    await page.goto(f"{landing.origin}/page")
    await page.open_socket("wss://video.telnyx.com/a-room/janus")
    assert page.console == [("info", f"[rooms-emulator] wss://video.telnyx.com is redirected to {landing.ws_url}")]


@pytest.mark.parametrize(
    ("before", "complaint"),
    [
        ("", "nothing says where the emulator is"),
        ("window.__ROOMS_EMULATOR_WS__ = 'http://127.0.0.1:8900'", "must be a ws: or wss: address"),
    ],
)
async def test_without_a_usable_address_it_complains_and_changes_nothing(
    landing: Landing, page: PlainPage, before: str, complaint: str
) -> None:
    await page.before_scripts(before)
    await page.before_scripts("window.original = window.WebSocket")
    await page.goto(f"{landing.origin}/inline")
    [(kind, text)] = page.console
    assert kind == "error"
    assert "NOT redirected" in text
    assert complaint in text
    assert await page.evaluate("() => window.WebSocket === window.original")
