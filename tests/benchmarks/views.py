"""One page of the official SDK subscribes to 49 streams at once: how long until all are connected, and all are seen?

    python -m tests.benchmarks.views [--streams 49] [--rounds 3] [--listening]

The publishers (320x180 at 15 fps, encoded once and repeated; three of them talk now and then) are in a process of their
own, as is the emulator; they share the machine with the browser, which decodes everything. They are watched, and
not sent the mixed audio: that would be another 2,450 packets per second for both processes (`--listening`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

from emulator.clients.room_client import RoomClient
from tests.benchmarks.start import Rest, Served, emulator
from tests.benchmarks.table import Row, machine, show
from tests.browser.browser_host import BrowserHost
from tests.browser.chromium import find_chromium
from tests.browser.sdk_bundle import ensure_bundle
from tests.browser.sdk_page import SdkPage

LOOP_SECS = 2
CARD = {"source": "test_card", "size": "320x180", "fps": 15, "loop": LOOP_SECS}
TALKERS = 3
JOIN_AT_ONCE = 4
MOST_SECS = 60.0

# Notes when each connection of the page is up, in milliseconds since its beginning.
NOTE_CONNECTIONS = """{
  const Native = window.RTCPeerConnection;
  window.connectedAt = [];
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      this.addEventListener("connectionstatechange", () => {
        if (this.connectionState === "connected") window.connectedAt.push(performance.now());
      });
    }
  };
}"""

# Milliseconds from the first call until all connections are up, and until every picture moves.
SUBSCRIBE = """async (count) => {
  const { streams } = await window.app.state();
  const wanted = streams.filter((stream) => stream.key === "self");
  if (wanted.length !== count) throw new Error(`expected ${count} streams, there are ${wanted.length}`);
  const frames = (video) => video.getVideoPlaybackQuality().totalVideoFrames;
  const until = async (met) => {
    while (!met()) await new Promise((resolve) => setTimeout(resolve, 5));
    return performance.now();
  };
  const before = window.connectedAt.length;
  const began = performance.now();
  for (const { participantId, key } of wanted) window.app.addSubscription(participantId, key);
  await until(() => window.connectedAt.length - before >= count);
  const connected = Math.max(...window.connectedAt);
  const seen = await until(() => [...document.querySelectorAll("video")].filter(frames).length >= count);
  return [connected - began, seen - began];
}"""


async def publish(where: str) -> None:
    """The other process: says `ready` when all are published, and stays until its input ends."""
    ws_url, room_id, token, count, listening = json.loads(where)
    limit = asyncio.Semaphore(JOIN_AT_ONCE)
    async with AsyncExitStack() as stack:

        async def enter(number: int) -> None:
            async with limit:
                name = f"publisher {number}"
                client = RoomClient(
                    ws_url=ws_url,
                    room_id=room_id,
                    token=token,
                    name=name,
                    tone=number % 64,
                    rng=Random(name),
                    listens=listening,
                )
                await stack.enter_async_context(client)
                audio = {"source": "speech", "talk": 2, "pause": 4} if number < TALKERS else "silence"
                await client.publish("self", video=CARD, audio=audio)

        await asyncio.gather(*map(enter, range(count)))
        await asyncio.sleep(LOOP_SECS + 1)  # until all cards have been encoded
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


@asynccontextmanager
async def publishers(
    ws_url: str, room_id: str, token: str, count: int, *, listening: bool = False
) -> AsyncIterator[None]:
    """Who is to be watched, in a process of its own."""
    where = json.dumps([ws_url, room_id, token, count, listening])
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.views", "--publish", where),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        async with asyncio.timeout(MOST_SECS):
            if await child.stdout.readline() != b"ready\n":
                raise RuntimeError("the publishers did not come up")
        yield
    finally:
        child.stdin.close()
        await child.wait()


async def _page(host: BrowserHost, server: Served, room_id: str, token: str) -> SdkPage:
    context = await host.call(host.browser.new_context())
    await host.call(context.add_init_script(NOTE_CONNECTIONS))
    page = SdkPage(host, await host.call(context.new_page()), "viewer")
    await page.open(host.app_url, server.origin)
    await page.join(room_id, token, "viewer")
    return page


async def _measure(
    host: BrowserHost, server: Served, streams: int, rounds: int, *, listening: bool
) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    async with Rest(server.rest_url) as rest:
        room_id = await rest.room(max_participants=streams + 1)
        token = await rest.token(room_id)
        async with publishers(server.ws_url, room_id, token, streams, listening=listening):
            for _ in range(rounds):
                page = await _page(host, server, room_id, token)
                connected, seen = await page.evaluate(SUBSCRIBE, streams, timeout=MOST_SECS)
                found.append((connected / 1000, seen / 1000))
                await page.disconnect()
                await page.close()
    return found


def rows(*, quick: bool, streams: int = 49, rounds: int = 3, listening: bool = False) -> list[Row]:
    ensure_bundle()
    host = BrowserHost()
    host.start(find_chromium())
    try:
        with emulator() as server:
            found = asyncio.run(
                _measure(host, server, 5 if quick else streams, 1 if quick else rounds, listening=listening)
            )
    finally:
        host.stop()
    connected, seen = zip(*found, strict=True)
    return [
        Row(f"{5 if quick else streams} subscriptions of one page, all connected", connected, "s", (1.0,), "prototype"),
        Row("    all decoding", seen, "s"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Many subscriptions of one page.")
    parser.add_argument("--streams", type=int, default=49)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--listening", action="store_true", help="send the publishers the mixed audio, too")
    parser.add_argument("--publish", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.publish is not None:
        asyncio.run(publish(options.publish))
        return 0
    print(machine(), flush=True)
    print(show(rows(quick=False, streams=options.streams, rounds=options.rounds, listening=options.listening)))
    print(machine())
    return 0


if __name__ == "__main__":
    sys.exit(main())
