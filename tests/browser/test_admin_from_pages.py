"""The admin API from pages in a real browser: its own Sec-Fetch-Site and preflights, which no test client has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page

from emulator.server import Emulator
from tests.browser.browser_host import BrowserHost

pytestmark = pytest.mark.browser

CALL = """async ([method, url, body, headers]) => {
  try {
    const answer = await fetch(url, {method, headers, body: body === null ? undefined : JSON.stringify(body)});
    return {status: answer.status, version: answer.headers.get("x-emulator-api-version"), body: await answer.json()};
  } catch (error) {
    return {status: 0, body: String(error)};
  }
}"""

# Sent without a preflight, as any page may; nobody gets to read the answer.
BLIND = """([url, body]) => fetch(url, {method: "POST", mode: "no-cors", body}).then((answer) => answer.type)"""

STREAM = """async ([url, headers]) => {
  const answer = await fetch(url, {headers: {...headers, accept: "text/event-stream"}});
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("event: room_created")) text += (await reader.read()).value;
  await reader.cancel();
  return text;
}"""

KEY = {"authorization": "Bearer KEY_page", "content-type": "application/json"}


@pytest.fixture
async def page_port() -> AsyncIterator[int]:
    """Serves an empty page."""

    async def blank(request: web.Request) -> web.Response:
        return web.Response(text='<link rel="icon" href="data:,">', content_type="text/html")

    app = web.Application()
    app.router.add_get("/", blank)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


class Visitor:
    """A page at http://127.0.0.1:<some other port>/."""

    def __init__(self, host: BrowserHost, page: Page) -> None:
        self._host = host
        self._page = page

    async def evaluate(self, code: str, argument: Any) -> Any:
        return await self._host.call(self._page.evaluate(code, argument))

    async def call(self, method: str, url: str, body: Any = None, headers: Any = None) -> Any:
        return await self.evaluate(CALL, [method, url, body, KEY if headers is None else headers])


@pytest.fixture
async def visitor(emulator: Emulator, browser_host: BrowserHost, page_port: int) -> AsyncIterator[Visitor]:
    context = await browser_host.call(browser_host.browser.new_context())
    page = await browser_host.call(context.new_page())
    await browser_host.call(page.goto(f"http://127.0.0.1:{page_port}/"))
    yield Visitor(browser_host, page)
    await browser_host.call(context.close())


async def test_page_of_the_same_site_uses_the_admin_api(emulator: Emulator, visitor: Visitor) -> None:
    """Another port is no other site."""
    changed = await visitor.call("POST", f"{emulator.admin_url}/clock", {"freeze": True, "advance_secs": 60})
    assert (changed["status"], changed["version"], changed["body"]["data"]["frozen"]) == (200, "1", True)
    refused = await visitor.call("POST", f"{emulator.admin_url}/clock", {"rate": 0})
    assert refused["status"] == 422
    assert refused["body"]["errors"][0]["source"] == {"pointer": "/rate"}
    missing = await visitor.call("GET", f"{emulator.admin_url}/clock", headers={})
    assert missing["status"] == 401


async def test_page_of_the_same_site_hears_events(emulator: Emulator, visitor: Visitor) -> None:
    await visitor.call("POST", f"{emulator.rest_url}/rooms", {"unique_name": "heard"})
    text = await visitor.evaluate(STREAM, [f"{emulator.admin_url}/events?since=0", KEY])
    assert '"unique_name":"heard"' in text


async def test_page_of_another_site_neither_changes_nor_reads_anything(emulator: Emulator, visitor: Visitor) -> None:
    """For a page at 127.0.0.1, localhost is another site."""
    foreign = f"http://localhost:{emulator.port}"
    for method, body in (("POST", {"freeze": True}), ("GET", None)):
        assert (await visitor.call(method, f"{foreign}/_emulator/clock", body))["status"] == 0
    assert await visitor.evaluate(BLIND, [f"{foreign}/_emulator/sink/x", "hello"]) == "opaque"
    sink = await visitor.call("GET", f"{emulator.admin_url}/sink/x", headers={})
    assert sink["body"].get("data", []) == []
    clock = await visitor.call("GET", f"{emulator.admin_url}/clock")
    assert clock["body"]["data"]["frozen"] is False


async def test_page_of_any_site_refreshes_a_token(emulator: Emulator, visitor: Visitor) -> None:
    """The vendor's sample application calls it from the page, without a key."""
    foreign = f"http://localhost:{emulator.port}/v2"
    room = (await visitor.call("POST", f"{foreign}/rooms", {}))["body"]["data"]
    path = f"{foreign}/rooms/{room['id']}/actions/generate_join_client_token"
    tokens = (await visitor.call("POST", path, {}))["body"]["data"]
    fresh = await visitor.call(
        "POST",
        f"{foreign}/rooms/undefined/actions/refresh_client_token",
        {"refresh_token": tokens["refresh_token"]},
        {"content-type": "application/json", "x-request-id": "page-1"},
    )
    assert fresh["status"] == 201
    assert set(fresh["body"]["data"]) == {"token", "token_expires_at"}
