"""A connected pair over loopback with a line that can be made worse: what the tests of impairments look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from emulator.faults.values import Json
from emulator.media.impairments import ImpairmentBook
from tests.media.transport_kit import Watched, connected_pair, open_socket, rtp_packet

LAST = 0xFFFF


@dataclass
class Heard:
    """What arrived at one end: numbers of the packets, in order, and when (seconds since the first was sent)."""

    numbers: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)


async def until(condition: Callable[[], bool]) -> None:
    """Counters have no event to wait for."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


class Way:
    """Loopback from a participant (`client`) to the emulator (`server`), with the book that makes it worse."""

    def __init__(self, client: Watched, server: Watched, book: ImpairmentBook) -> None:
        self.client = client
        self.server = server
        self.book = book

    def impair(self, kind: str, direction: str = "up", *, seed: int = 0, **parameters: Any) -> str:
        document = {
            "participant_id": "ada",
            "kind": kind,
            "direction": direction,
            "seed": seed,
            "parameters": parameters,
        }
        return self.book.of("account").add(document).id

    def counts(self, direction: str = "up") -> Json:
        """What the first impairment says it has done."""
        counts: Json = self.book.of("account").rules[0].as_json()[direction]
        return counts

    async def send(
        self, count: int, direction: str = "up", *, size: int = 100, every: float = 0.0, first: int = 1
    ) -> Heard:
        """Send numbered packets and, when all that will come has come, what was heard of them.

        A last packet on its own way (DTLS data, which impairments of media leave alone) tells that the socket is
        drained; what is held back is waited for by the counts.
        """
        loop = asyncio.get_running_loop()
        sender, receiver = (self.client, self.server) if direction == "up" else (self.server, self.client)
        heard = Heard()
        begun = loop.time()

        def arrived(packet: bytes) -> None:
            heard.numbers.append(int.from_bytes(packet[2:4], "big"))
            heard.times.append(loop.time() - begun)

        receiver.peer.on_rtp = arrived
        receiver.data.clear()
        for number in range(first, first + count):
            sender.peer.send_rtp(rtp_packet(number, payload=bytes(size)))
            if every:
                await asyncio.sleep(max(0.0, begun + (number - first + 1) * every - loop.time()))
            elif number % 50 == 0:
                await asyncio.sleep(0)  # the other end reads: no socket buffer fills up
        if direction == "up":
            await self._drained(sender, receiver)
        await until(lambda: not any(hop.stats.held for a in self.book.of("account").rules for hop in a.hops.values()))
        if direction == "down":
            await self._drained(sender, receiver)
        return heard

    async def _drained(self, sender: Watched, receiver: Watched) -> None:
        sender.peer.send_data(b"that was all")
        await receiver.until(lambda: b"that was all" in receiver.data, timeout=20)


@pytest.fixture
async def way() -> AsyncIterator[Way]:
    media_socket = open_socket()
    client, server = await connected_pair(media_socket)
    book = ImpairmentBook(asyncio.get_running_loop())
    book.on_line = lambda account_id, participant_id, line: server.peer.through(line)
    yield Way(client, server, book)
    book.close()
    client.peer.close()
    media_socket.close()
