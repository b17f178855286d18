"""Single measurements of one server: each is a room of its own clients, set up, measured, and gone again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from tests.benchmarks.beside_janus.media import REPORT_SECS, Publisher, Stream, Viewer
from tests.benchmarks.beside_janus.member import Member
from tests.benchmarks.beside_janus.servers import Server
from tests.benchmarks.sockets import dropped_at

SETTLE_SECS = 0.7
PROOF_PACKETS = 20
"""Decrypted by each subscriber, before and after what is measured."""
PROOF_SECS = 10.0
CONNECTED_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Load:
    """One publisher's stream to so many subscribers."""

    name: str
    stream: Stream
    viewers: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Of `seconds` under load: the server's CPU, and packets that arrived at the subscribers or were lost there."""

    cpu: float
    packets: int
    dropped: int
    seconds: float

    @property
    def per_packet(self) -> float:
        """Microseconds."""
        return self.cpu / self.packets * 1e6

    @property
    def per_cpu_second(self) -> float:
        return self.packets / self.cpu

    @property
    def cores(self) -> float:
        """How many the server used."""
        return self.cpu / self.seconds

    def __str__(self) -> str:
        rate = self.packets / self.seconds
        return f"{self.per_packet:6.1f} us  {rate:7.0f}/s  {self.cores:4.0%} of a core, {self.dropped} dropped"


@contextlib.asynccontextmanager
async def _publisher(
    server: Server, http: aiohttp.ClientSession, stream: Stream
) -> AsyncIterator[tuple[Publisher, int]]:
    """A connected one, not sending yet, and its feed's id as others know it."""
    member, witness = await Member.enter(server, http), await Member.enter(server, http)
    publisher = Publisher(member, stream)
    try:
        await publisher.publish()
        yield publisher, await asyncio.wait_for(witness.feeds.get(), PROOF_SECS)
    finally:
        publisher.close()
        for each in (member, witness):
            await each.close()


@contextlib.asynccontextmanager
async def _sending(publisher: Publisher) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:  # so that its failure is ours
        task = group.create_task(publisher.run())
        yield
        task.cancel()


async def forwarding(server: Server, load: Load, seconds: float) -> Cost:
    """Raises RuntimeError if something does not decrypt, or is lost."""
    async with aiohttp.ClientSession() as http, _publisher(server, http, load.stream) as (publisher, feed):
        members = [await Member.enter(server, http) for _ in range(load.viewers)]
        viewers = [Viewer(member) for member in members]
        try:
            await asyncio.gather(*(viewer.subscribe(feed) for viewer in viewers))
            async with _sending(publisher):
                await _proof(viewers)
                for viewer in viewers:
                    viewer.socket.count(viewer.peer)
                reports = asyncio.create_task(_report(viewers))
                await asyncio.sleep(SETTLE_SECS)
                cost = await _measured(server, viewers, seconds)
                reports.cancel()
                for viewer in viewers:
                    viewer.socket.decrypt()
                await _proof(viewers)
        finally:
            for viewer in viewers:
                viewer.close()
            for member in members:
                await member.close()
    return cost


async def _measured(server: Server, viewers: list[Viewer], seconds: float) -> Cost:
    clock = asyncio.get_running_loop().time
    before = server.cpu(), _packets(viewers), _dropped(viewers), clock()
    await asyncio.sleep(seconds)
    after = server.cpu(), _packets(viewers), _dropped(viewers), clock()
    cpu, packets, dropped, elapsed = (now - then for now, then in zip(after, before, strict=True))
    if not packets:
        raise RuntimeError(f"{server.name} forwarded nothing in {seconds} s")
    return Cost(cpu, int(packets), int(dropped), elapsed)


async def _report(viewers: list[Viewer]) -> None:
    while True:
        await asyncio.sleep(REPORT_SECS)
        for viewer in viewers:
            viewer.socket.report()


async def _proof(viewers: list[Viewer]) -> None:
    """What arrives is what was sent: each subscriber decrypts some. Raises TimeoutError."""
    async with asyncio.timeout(PROOF_SECS):
        await asyncio.gather(*(viewer.decrypts(PROOF_PACKETS) for viewer in viewers))


def _packets(viewers: list[Viewer]) -> int:
    return sum(viewer.socket.packets for viewer in viewers)


def _dropped(viewers: list[Viewer]) -> int:
    """Datagrams that the kernel could not keep for the subscribers, who read too slowly."""
    return dropped_at({viewer.socket.local_address[1] for viewer in viewers})


@dataclass(frozen=True, slots=True)
class SetUp:
    """What `connections` new subscriptions cost the server, from attach to connected, and how long they took."""

    cpu: float
    connections: int
    seconds: float

    @property
    def per_cpu_second(self) -> float:
        return self.connections / self.cpu

    def __str__(self) -> str:
        return f"{self.cpu / self.connections * 1e3:.2f} ms of CPU a connection"


async def setting_up(server: Server, rounds: int) -> SetUp:
    """Subscriptions to a feed that is silent, so that only their making is measured; detached in between."""
    clock = asyncio.get_running_loop().time
    cpu = seconds = 0.0
    async with aiohttp.ClientSession() as http, _publisher(server, http, Stream(15, 3)) as (publisher, feed):
        async with _sending(publisher):
            await asyncio.sleep(SETTLE_SECS)
        member = await Member.enter(server, http)
        for number in range(rounds + 1):  # the first is not counted
            viewers = [Viewer(member) for _ in range(CONNECTED_AT_ONCE)]
            before, began = server.cpu(), clock()
            await asyncio.gather(*(viewer.subscribe(feed) for viewer in viewers))
            if number:
                cpu += server.cpu() - before
                seconds += clock() - began
            await asyncio.gather(*(viewer.detach() for viewer in viewers))
            await asyncio.sleep(0.05)
        await member.close()
    return SetUp(cpu, rounds * CONNECTED_AT_ONCE, seconds)
