"""What a process costs on Linux: CPU time by thread, waiting for a core, resident memory. Read from /proc.

Also a benchmark of its own: CPU of the server per forwarded packet, by number of subscribers. Publisher and subscribers
are in this process, the server is in another. Nobody decodes anything.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.table import Row

if TYPE_CHECKING:
    from emulator.clients.room_client import RoomClient
    from tests.benchmarks.start import Rest, Served

SUBSCRIBERS = (1, 2, 3, 4, 5)
SETTLE_SECS = 1.0
FORMAT = {"source": "test_card", "size": "640x360", "fps": 30, "loop": 2, "bitrate": 500_000}
SDK_VIEWERS = 4
"""As many as in the reference, each with its leg of the mix."""


@dataclass(frozen=True, slots=True)
class ThreadTime:
    """Seconds since the thread began: on a core, and ready to run without getting one."""

    cpu: float
    waiting: float

    def __sub__(self, earlier: ThreadTime) -> ThreadTime:
        return ThreadTime(self.cpu - earlier.cpu, self.waiting - earlier.waiting)


def threads(pid: int) -> dict[int, ThreadTime]:
    """By thread id. Threads that end meanwhile are left out, as is what ended ones have used."""
    found: dict[int, ThreadTime] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            cpu, waiting, _ = (task / "schedstat").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(task.name)] = ThreadTime(int(cpu) / 1e9, int(waiting) / 1e9)
    return found


def used(pid: int) -> float:
    """CPU seconds of a process's present threads."""
    return sum(each.cpu for each in threads(pid).values())


def used_by_part(before: dict[int, ThreadTime]) -> dict[str, float]:
    """CPU seconds of this process since `before`, by the names of its threads; numbers at their ends are dropped."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    parts: dict[str, float] = defaultdict(float)
    for number, now in threads(os.getpid()).items():
        name = names.get(number, "libraries' threads").rstrip("0123456789_-")
        earlier = before.get(number, ThreadTime(0, 0)).cpu
        parts["event loop" if name == "MainThread" else name] += now.cpu - earlier
    return dict(parts)


def resident(pid: int) -> int:
    """Bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmRSS":
            return int(value.split()[0]) * 1024
    raise RuntimeError(f"/proc/{pid}/status has no VmRSS")


# -- the benchmark ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of the server's CPU per forwarded packet, and how many of those there were per second.

    `whole` has everything in it that the room does meanwhile; `forwarding` is what came on top of the same room
    without subscriptions, where everybody has the mix, and the publisher's packets come in.
    """

    whole: float
    forwarding: float
    rate: float


class _Room:
    """One publisher and some viewers, joined; `forwarded` counts what all subscriptions got."""

    def __init__(self, publisher: RoomClient, viewers: list[RoomClient]) -> None:
        self._publisher = publisher
        self._viewers = viewers

    async def subscribe(self) -> None:
        for viewer in self._viewers:
            await viewer.subscribe(self._publisher, decode=False)
        await asyncio.sleep(SETTLE_SECS)

    def forwarded(self) -> int:
        views = [viewer.statistics(self._publisher) for viewer in self._viewers]
        return sum(view.audio_packets + view.video_packets for view in views)


async def _cost(server: Served, rest: Rest, viewers: int, seconds: float) -> Cost:
    from emulator.clients.room_client import RoomClient

    async with AsyncExitStack() as stack:
        room_id = await rest.room()

        async def join(name: str) -> RoomClient:
            token = await rest.token(room_id)
            client = RoomClient(ws_url=server.ws_url, room_id=room_id, token=token, name=name)
            return await stack.enter_async_context(client)

        publisher = await join("publisher")
        await publisher.publish(video=FORMAT)
        room = _Room(publisher, [await join(f"viewer {number}") for number in range(viewers)])
        await asyncio.sleep(2 + SETTLE_SECS)  # until the card repeats
        before = used(server.pid)
        await asyncio.sleep(seconds)
        without = (used(server.pid) - before) / seconds
        await room.subscribe()
        loop = asyncio.get_running_loop()
        count, before, began = room.forwarded(), used(server.pid), loop.time()
        await asyncio.sleep(seconds)
        elapsed = loop.time() - began
        whole, packets = used(server.pid) - before, room.forwarded() - count
    if not packets:
        raise RuntimeError(f"no packet was forwarded to {viewers} viewers in {seconds} s")
    return Cost(whole / packets * 1e6, (whole - without * elapsed) / packets * 1e6, packets / elapsed)


async def _costs(server: Served, *, quick: bool) -> dict[int, list[Cost]]:
    from tests.benchmarks.start import Rest

    found: dict[int, list[Cost]] = defaultdict(list)
    async with Rest(server.rest_url) as rest:
        for _ in range(1 if quick else 3):
            for viewers in SUBSCRIBERS:
                found[viewers].append(await _cost(server, rest, viewers, 1.5 if quick else 4.0))
    return found


def rows(*, quick: bool) -> list[Row]:
    from tests.benchmarks.start import emulator

    with emulator() as server:
        found = asyncio.run(_costs(server, quick=quick))
    table: list[Row] = []
    for viewers, costs in found.items():
        rate = sum(cost.rate for cost in costs) / len(costs)
        same = viewers == SDK_VIEWERS
        table.append(
            Row(
                f"CPU per forwarded packet, {viewers} subscribers ({rate:.0f} packets/s), everything",
                tuple(cost.whole for cost in costs),
                "us",
                (125, 154) if same else (),
                "Janus 1.1.2, 4 SDK viewers" if same else "",
            )
        )
        table.append(
            Row(
                "    thereof for forwarding",
                tuple(cost.forwarding for cost in costs),
                "us",
                (88,) if viewers == max(SUBSCRIBERS) else (),
                "Janus 1.1.2, 5 readers, 95 packets/s in" if viewers == max(SUBSCRIBERS) else "",
            )
        )
    return table
