"""One page of the official SDK subscribes to 49 streams at once, in turns with Janus.

    python -m tests.benchmarks.beside_janus.views [--pairs 5] [--streams 49]

As `tests.benchmarks.views`, which has the publishers and what is measured; both servers are behind the same proxy. Most
of the work is the browser's own, and it is the same beside either: this tells the machine's part from the server's.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict

from tests.benchmarks.beside_janus.proxy import proxy
from tests.benchmarks.beside_janus.sdk import OPENED_SECS, Pages
from tests.benchmarks.beside_janus.servers import janus, ours
from tests.benchmarks.table import Row, machine, show
from tests.benchmarks.views import MOST_SECS, NOTE_CONNECTIONS, SUBSCRIBE, publishers
from tests.browser.browser_host import BrowserHost
from tests.browser.chromium import find_chromium
from tests.browser.sdk_bundle import ensure_bundle

# Janus tells of streams after it has said that the page is in.
UNTIL_TOLD = """async ([count, milliseconds]) => {
  for (;;) {
    const since = window.app.log.next;
    if ((await window.app.state()).streams.length >= count) return;
    await window.app.waitFor("state_changed", [], milliseconds, since);
  }
}"""

Found = defaultdict[str, list[tuple[float, float]]]


async def _round(host: BrowserHost, pages: Pages, streams: int) -> tuple[float, float]:
    try:
        page = await pages.open("viewer", NOTE_CONNECTIONS)
        await asyncio.sleep(OPENED_SECS)
        await pages.join(page)
        await page.evaluate(UNTIL_TOLD, [streams, MOST_SECS * 1000], timeout=MOST_SECS)
        connected, seen = await page.evaluate(SUBSCRIBE, streams, timeout=MOST_SECS)
        await page.disconnect()
    finally:
        await pages.close()
    return connected / 1000, seen / 1000


async def _measure(host: BrowserHost, pairs: int, streams: int) -> Found:
    found: Found = defaultdict(list)
    async with ours() as here, janus() as there:
        room_id, token = str(here.room), str(here.token)
        origin = f"http://{here.url.split('/', 3)[2]}"
        async with proxy(here, room_id, here.host) as to_here, proxy(there, room_id, there.host) as to_there:
            sides = [(here.name, to_here), (there.name, to_there)]
            for number in range(pairs):
                for name, way in sides if number % 2 else reversed(sides):
                    async with publishers(way.url, room_id, token, streams):
                        pages = Pages(host, way, origin, room_id, token)
                        await _round(host, pages, streams)  # not counted: publishers and server are new
                        found[name].append(await _round(host, pages, streams))
                print(f"pair {number + 1} of {pairs}", file=sys.stderr, flush=True)
    return found


def rows(pairs: int, streams: int) -> list[Row]:
    ensure_bundle()
    host = BrowserHost()
    host.start(find_chromium())
    try:
        found = asyncio.run(_measure(host, pairs, streams))
    finally:
        host.stop()
    mine, theirs = (tuple(zip(*found[name], strict=True)) for name in ("emulator", "Janus"))
    texts = (f"{streams} subscriptions of one page, all connected", "    all decoding")
    return [
        Row(text, tuple(mine[at]), "s", tuple(theirs[at]), "Janus 1.1.2", live=True) for at, text in enumerate(texts)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Many subscriptions of one page, beside Janus.")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--streams", type=int, default=49)
    options = parser.parse_args()
    print(machine(), flush=True)
    print(show(rows(options.pairs, options.streams)))
    print(machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())
