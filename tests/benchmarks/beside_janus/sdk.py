"""What a user of the official browser SDK waits for, in turns with Janus: the same pages, through the same proxy.

    python -m tests.benchmarks.beside_janus.sdk [--pairs 15]

Three pages of Chromium; times are those of the pages, from the SDK's call to its event. Janus has one room, so the
emulator has one, too: a round joins it, uses it, and leaves it.

A browser is busy with itself for a while after a page was opened, and after a stream was published (processes start,
code is compiled, the encoder's rate rises). Whichever server comes to the next step sooner would be measured in the
midst of that: so pages are opened beforehand, and messages are sent at the same distance from publishing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict

from playwright.async_api import BrowserContext

from tests.benchmarks.beside_janus.proxy import Proxy, proxy
from tests.benchmarks.beside_janus.servers import Server, janus, ours
from tests.benchmarks.sdk import FIRST_FRAME, JOIN, NOW, PUBLISH, TONE
from tests.benchmarks.table import Row, machine, show
from tests.browser.browser_host import BrowserHost
from tests.browser.chromium import find_chromium
from tests.browser.sdk_bundle import ensure_bundle
from tests.browser.sdk_page import SdkPage

MESSAGES = 10
VIEWS = 2
OPENED_SECS = 2.0
"""How long pages have been open when the first one joins."""
PUBLISHED_SECS = 4.0
"""How long a stream has been there when messages are sent; all that comes before takes two seconds at most."""

SEND = """async (text) => {
  const began = performance.timeOrigin + performance.now();
  await window.app.sendMessage({ type: "text", payload: text });
  return began;
}"""

FIGURES = {
    "connected": "initialize() to connected",
    "connected with messages": "initialize() to connected, messages enabled",
    "published": "addStream() to the other's stream_published",
    "first frame": "addSubscription() to the first frame",
    "message": "sendMessage() to the other's message_received",
    "left": "disconnect() to the other's participant_left",
}
Found = defaultdict[str, list[float]]


class Pages:
    """Opens pages against one server, by its proxy."""

    def __init__(self, host: BrowserHost, proxy: Proxy, origin: str, room_id: str, token: str) -> None:
        self._host = host
        self._proxy = proxy
        self._origin = origin
        self._config = {"roomId": room_id, "clientToken": token}
        self._contexts: list[BrowserContext] = []

    async def open(self, name: str, *scripts: str) -> SdkPage:
        """`scripts` run before any of the page's own."""
        context = await self._host.call(self._host.browser.new_context())
        self._contexts.append(context)
        for script in (f"window.__ROOMS_EMULATOR_WS__ = '{self._proxy.url}'", *scripts):
            await self._host.call(context.add_init_script(script))
        page = SdkPage(self._host, await self._host.call(context.new_page()), name)
        await page.open(self._host.app_url, self._origin)
        return page

    async def join(self, page: SdkPage, *, messages: bool = False) -> float:
        """Connect it; the milliseconds that took."""
        config = {**self._config, "context": f'{{"username": "{page.name}"}}', "enableMessages": messages}
        took = await page.evaluate(JOIN, config, timeout=20)
        page.participant_id = (await page.state())["localParticipantId"]
        return float(took)

    async def close(self) -> None:
        while self._contexts:
            await self._host.call(self._contexts.pop().close())


async def _round(pages: Pages, found: Found) -> None:
    bob, alice, carol = [await pages.open(name) for name in ("bob", "alice", "carol")]
    await asyncio.sleep(OPENED_SECS)
    for page in (bob, alice):
        found["connected with messages"].append(await pages.join(page, messages=True))
    found["connected"].append(await pages.join(carol))
    await bob.wait_event("participant_joined", carol.participant_id)

    ready = asyncio.get_running_loop().time() + PUBLISHED_SECS
    began = await alice.evaluate(PUBLISH, TONE)
    published = await bob.wait_event("stream_published", alice.participant_id, "self")
    found["published"].append(published.t - began)
    for _ in range(VIEWS):
        selector = bob.video(alice.participant_id)
        found["first frame"].append(await bob.evaluate(FIRST_FRAME, [alice.participant_id, selector], timeout=15))
        await bob.unsubscribe(alice.participant_id)
    await asyncio.sleep(ready - asyncio.get_running_loop().time())
    for _ in range(MESSAGES):
        since = await bob.mark()
        began = await alice.evaluate(SEND, "hello")
        found["message"].append((await bob.wait_event("message_received", since=since)).t - began)
    for page in (carol, alice):
        began = await page.evaluate(NOW)
        await page.disconnect()
        found["left"].append((await bob.wait_event("participant_left", page.participant_id)).t - began)
    await bob.disconnect()


async def _measure(host: BrowserHost, pairs: int) -> dict[str, Found]:
    async with ours() as here, janus() as there:
        room_id, token = str(here.room), str(here.token)
        origin = here.url.split("/", 3)[2]
        found: dict[str, Found] = {here.name: defaultdict(list), there.name: defaultdict(list)}
        async with proxy(here, room_id) as to_here, proxy(there, room_id) as to_there:
            sides: list[tuple[Server, Proxy]] = [(here, to_here), (there, to_there)]
            for number in range(pairs + 1):  # the first is not counted: the browser is new
                for server, way in sides if number % 2 else reversed(sides):
                    pages = Pages(host, way, f"http://{origin}", room_id, token)
                    try:
                        await _round(pages, found[server.name] if number else defaultdict(list))
                    finally:
                        await pages.close()
                print(f"pair {number} of {pairs}", file=sys.stderr, flush=True)
    return found


def rows(pairs: int) -> list[Row]:
    ensure_bundle()
    host = BrowserHost()
    host.start(find_chromium())
    try:
        found = asyncio.run(_measure(host, pairs))
    finally:
        host.stop()
    mine, theirs = found["emulator"], found["Janus"]
    return [
        Row(text, tuple(mine[name]), "ms", tuple(theirs[name]), "Janus 1.1.2", live=True)
        for name, text in FIGURES.items()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="The SDK's times beside Janus.")
    parser.add_argument("--pairs", type=int, default=15)
    options = parser.parse_args()
    print(machine(), flush=True)
    print(show(rows(options.pairs)))
    print(machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())
