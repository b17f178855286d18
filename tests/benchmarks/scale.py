"""How many synthetic publishers two cores carry, in one process with the emulator.

    python -m tests.benchmarks.scale [room] [browser] [rooms] [--seconds 20] [--profile]

`room`: 49 publishers in one room, 320x180 at 15 fps from loops; three of them talk now and then. `browser`: the same,
and a page of the official SDK in Chromium that watches all of them. `rooms`: 200 in ten rooms, and nobody is subscribed
to anything, nor sent the mix unless `--listen` says so. A packet is late that was sent more than 100 ms after its slot,
or never.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from emulator.clients.room_client import RoomClient
from emulator.config import Config
from emulator.serve import settle
from emulator.server import Emulator
from tests.benchmarks.crowd import Meter, Sampler, Sides
from tests.benchmarks.table import Row, machine
from tests.browser.browser_host import BrowserHost
from tests.browser.chromium import find_chromium
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_bundle import ensure_bundle
from tests.browser.sdk_page import SdkPage

TALKERS = 3
LOOP_SECS = 2.0
SETTLE_SECS = 6.0
"""After the last one has joined: all loops have been encoded once round."""
JOIN_AT_ONCE = 2
TILE_FPS = 8.0
MOST_LATE = 0.01
LEAST_TILES = 0.9

# Frames that each tile has shown, by participant.
FRAMES = """() => Object.fromEntries([...document.querySelectorAll("figure:not(.own) video")].map(
  (video) => [video.dataset.participant, video.getVideoPlaybackQuality().totalVideoFrames]))"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What all publishers have sent so far."""

    sent: int
    late: int
    skipped: int

    def __sub__(self, earlier: Sent) -> Sent:
        return Sent(self.sent - earlier.sent, self.late - earlier.late, self.skipped - earlier.skipped)

    @property
    def late_share(self) -> float:
        return (self.late + self.skipped) / max(1, self.sent + self.skipped)


class Publishers:
    """Some rooms full of people who publish."""

    def __init__(self, *, listen: bool) -> None:
        self._listen = listen
        self.clients: list[RoomClient] = []
        self.rooms: list[JoinableRoom] = []

    async def gather(self, emulator: Emulator, rooms: int, each: int) -> None:
        limit = asyncio.Semaphore(JOIN_AT_ONCE)

        async def publish(room: JoinableRoom, number: int) -> None:
            name = f"{len(self.rooms)}-{number}"
            async with limit:
                client = RoomClient(
                    ws_url=emulator.ws_url,
                    room_id=room.id,
                    token=await room.token(),
                    name=name,
                    tone=number,
                    rng=Random(name),
                    listens=self._listen,
                )
                self.clients.append(client)
                await client.connect()
                audio = {"source": "speech", "talk": 2, "pause": 4} if number < TALKERS else "silence"
                stream = await client.publish("self", video={"source": "test_card", "loop": LOOP_SECS}, audio=audio)
                await stream.wait_connected(30)

        for _ in range(rooms):
            room = await JoinableRoom.create(emulator.rest_url, emulator.api_key, max_participants=50)
            self.rooms.append(room)
            await asyncio.gather(*(publish(room, number) for number in range(each)))
            await asyncio.sleep(LOOP_SECS)  # their loops have been encoded once round

    def sent(self) -> Sent:
        streams = [stream for client in self.clients for stream in client.published.values()]
        videos = [track for stream in streams for track in stream.video_tracks]
        audios = [stream.audio_track for stream in streams if stream.audio_track is not None]
        tracks = [*videos, *audios]
        return Sent(
            sum(track.sent for track in tracks),
            sum(track.late for track in tracks),
            sum(track.skipped for track in tracks),
        )

    async def leave(self) -> None:
        await asyncio.gather(*(client.leave() for client in self.clients))
        faults = [f"{client.name}: {fault}" for client in self.clients for fault in client.faults]
        if faults:
            print(f"{len(faults)} faults, such as {faults[0]}")


@asynccontextmanager
async def gathered(rooms: int, each: int, *, listen: bool) -> AsyncIterator[tuple[Emulator, Publishers]]:
    settle()
    async with Emulator(Config(port=0)) as emulator:
        publishers = Publishers(listen=listen)
        try:
            await publishers.gather(emulator, rooms, each)
            yield emulator, publishers
        finally:
            await publishers.leave()


@dataclass(frozen=True, slots=True)
class Outcome:
    name: str
    side: Sides
    sent: Sent
    tiles: tuple[float, ...] = ()

    @property
    def cpu(self) -> float:
        """Cores, server and clients together."""
        return sum(self.side.cpu.values()) / self.side.seconds

    @property
    def holds(self) -> bool:
        if self.tiles:
            return self.tiles_share >= LEAST_TILES
        return self.cpu < 1 and self.sent.late_share < MOST_LATE

    @property
    def tiles_share(self) -> float:
        return sum(fps >= TILE_FPS for fps in self.tiles) / max(1, len(self.tiles))

    def describe(self) -> str:
        parts = ", ".join(
            f"{part} {100 * cpu / self.side.seconds:.0f}"
            for part, cpu in sorted(self.side.cpu.items(), key=lambda item: -item[1])
            if cpu / self.side.seconds >= 0.005
        )
        lag = ", ".join(f"{value:.1f}" for value in self.side.lag)
        lines = [
            f"{self.name}: {100 * self.cpu:.0f} % of a core ({parts}); {self.sent.late_share:.2%} of"
            f" {self.sent.sent + self.sent.skipped} late ({self.sent.late} late, {self.sent.skipped} left out);"
            f" loop lag ms (50, 90, 99, 99.9 %, worst): {lag}"
        ]
        if self.tiles:
            ordered = sorted(self.tiles)
            lines.append(
                f"  tiles at {TILE_FPS:g} fps or more: {self.tiles_share:.0%} of {len(ordered)};"
                f" fps: least {ordered[0]:.1f}, median {ordered[len(ordered) // 2]:.1f}, most {ordered[-1]:.1f}"
            )
        return "\n".join(lines)


async def measure(name: str, rooms: int, each: int, seconds: float, *, listen: bool, profile: bool = False) -> Outcome:
    """Publishers only."""
    async with gathered(rooms, each, listen=listen) as (_, publishers):
        await asyncio.sleep(SETTLE_SECS)
        if profile:
            with Sampler() as sampler:
                await asyncio.sleep(seconds)
            print(sampler.report())
        before, meter = publishers.sent(), Meter(None)
        await asyncio.sleep(seconds)
        return Outcome(name, meter.stop(), publishers.sent() - before)


async def watched(seconds: float) -> Outcome:
    """49 publishers, and a page of the official SDK that watches all of them."""
    host = BrowserHost()
    await asyncio.to_thread(host.start, find_chromium())
    try:
        async with gathered(1, 49, listen=True) as (emulator, publishers):
            await asyncio.sleep(SETTLE_SECS)
            context = await host.call(host.browser.new_context())
            page = SdkPage(host, await host.call(context.new_page()), "watcher")
            await page.open(host.app_url, emulator.admin_url.partition("/_emulator")[0])
            (room,) = publishers.rooms
            await page.join(room.id, await room.token(), "Watcher")
            began = time.monotonic()
            ids = [client.participant_id for client in publishers.clients]
            await asyncio.gather(*(page.subscribe(participant_id) for participant_id in ids))
            print(f"  all subscribed in {time.monotonic() - began:.1f} s")
            await asyncio.sleep(SETTLE_SECS)
            before, sent, meter = await page.evaluate(FRAMES), publishers.sent(), Meter(None)
            began = time.monotonic()
            await asyncio.sleep(seconds)
            after = await page.evaluate(FRAMES)
            took = time.monotonic() - began
            side = meter.stop()
            tiles = tuple((after.get(each, 0) - before.get(each, 0)) / took for each in ids)
            return Outcome("room and browser", side, publishers.sent() - sent, tiles)
    finally:
        await asyncio.to_thread(host.stop)


def rows(*, quick: bool) -> list[Row]:
    seconds = 5.0 if quick else 20.0
    room = asyncio.run(measure("room", 1, 49, seconds, listen=True))
    rooms = asyncio.run(measure("rooms", 10, 20, seconds, listen=False))
    ensure_bundle()
    browser = asyncio.run(watched(seconds))
    return [
        Row("49 publishers, one room, one process: CPU, server and clients", (100 * room.cpu,), "% of a core"),
        Row("    packets sent more than 100 ms after their slot", (100 * room.sent.late_share,), "%"),
        Row(
            "200 publishers, ten rooms, nobody takes anything: CPU, server and clients",
            (100 * rooms.cpu,),
            "% of a core",
        ),
        Row("a Chromium page that watches 49: tiles at 8 fps or more", (100 * browser.tiles_share,), "%"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description="Many publishers at once.")
    parser.add_argument(
        "what", nargs="*", choices=["room", "browser", "rooms", []], default=["room", "rooms", "browser"]
    )
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rooms", type=int, default=10, help="how many rooms of 20 `rooms` has (default 10)")
    parser.add_argument("--listen", action="store_true", help="in `rooms`, everybody is sent the mix of their room")
    parser.add_argument("--profile", action="store_true", help="show where the loop's time goes, too")
    options = parser.parse_args(arguments)
    print(machine())
    held = True
    for what in options.what:
        if what == "browser":
            ensure_bundle()
            outcome = asyncio.run(watched(options.seconds))
        else:
            size = (1, 49) if what == "room" else (options.rooms, 20)
            outcome = asyncio.run(
                measure(what, *size, options.seconds, listen=options.listen or what == "room", profile=options.profile)
            )
        print(outcome.describe(), flush=True)
        held = held and outcome.holds
    print(machine())
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
