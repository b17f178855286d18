"""How many handshakes succeed over a bad network, and how fast: ICE, DTLS and first media against three other ends.

    python -m tests.benchmarks.handshakes [--count 100] [--ends Chromium] [--conditions clean "loss 20 %"] [--slowest 2]

Everything goes through a seeded loopback relay that loses or delays datagrams in both directions. The other ends are
what a RoomClient publishes with, aiortc's RTCPeerConnection, and connections of one page in headless Chromium. Times
run from the answer being applied to `connected`, as the other end sees it; a handshake counts if both ends say
so within 30 s. Media counts if packets of RTP reached the server decrypted. `stall` is the longest time for which
this program's own event loop did not come round: where it is long, the machine was busy with other things. Exit
status 1 if anything did not connect or was not heard.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from emulator.media.transport.answer import make_answer
from emulator.media.transport.dtls import Certificate
from emulator.media.transport.negotiation import PUBLISHER_POLICY
from emulator.media.transport.peer import Peer, PeerState
from emulator.media.transport.udp import MediaSocket
from emulator.wire.sdp import Candidate
from tests.benchmarks.lossy_path import Impairment, LossyPath, Note
from tests.benchmarks.other_ends import OTHER_ENDS, MakeEnd, NotConnectedError

CONNECT_SECS = 30.0
MEDIA_PACKETS = 5
MEDIA_SECS = 5.0
CONCURRENT = 10

CONDITIONS = (
    Impairment("clean"),
    Impairment("loss 20 %", loss=0.2),
    Impairment("delay 150 ms", delay=0.15),
    Impairment("delay 300 ms", delay=0.3),
)
LAG_STEP = 0.01
HEADING = "other end   each way         connected   median     95 %    max s  media  stall s  took"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One handshake. `seconds` is None if it did not succeed, then `problem` says why."""

    number: int
    seconds: float | None
    media: bool
    problem: str
    notes: tuple[Note, ...]
    began: float


class ServerEnd:
    """The emulator's peer of one handshake, and what became of it."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._settled = asyncio.Event()
        self._heard = asyncio.Event()
        peer.on_connected = self._settled.set
        peer.on_closed = lambda _reason: self._settled.set()
        peer.on_rtp = self._rtp

    def _rtp(self, _packet: bytes) -> None:
        if self.peer.stats.rtp_received >= MEDIA_PACKETS:
            self._heard.set()

    async def connected(self) -> None:
        """Raises NotConnectedError."""
        await _within(CONNECT_SECS, self._settled)
        if self.peer.state is not PeerState.CONNECTED:
            raise NotConnectedError(f"server {self.peer.state.value}: {self.peer.close_reason}")

    async def heard(self) -> bool:
        return await _within(MEDIA_SECS, self._heard)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def handshake(
    media_socket: MediaSocket, make_end: MakeEnd, impairment: Impairment, number: int, seed: str
) -> Outcome:
    loop = asyncio.get_running_loop()
    path = LossyPath(media_socket.local_address, impairment, seed=f"{seed}/{number}", loop=loop)
    server = ServerEnd(media_socket.create_peer())
    end = make_end(number)
    began = loop.time()
    seconds, media, problem = None, False, ""
    try:
        offer = await end.offer()
        local = replace(server.peer.local, candidates=(Candidate.host(*path.address),))
        answer, negotiated = make_answer(offer, local, PUBLISHER_POLICY)
        server.peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role)
        began = loop.time()
        seconds = await end.connect(answer, CONNECT_SECS)
        await server.connected()
        media = await server.heard()
    except NotConnectedError as error:
        seconds, problem = None, f"{error}; server {server.peer.state.value}, {server.peer.close_reason or 'waiting'}"
    finally:
        await end.close()
        server.peer.close()
        path.close()
    return Outcome(number, seconds, media, problem, tuple(path.notes), began)


async def handshakes(make_end: MakeEnd, impairment: Impairment, *, count: int, seed: str) -> list[Outcome]:
    """All of one cell of the table, `CONCURRENT` at a time."""
    loop = asyncio.get_running_loop()
    media_socket = MediaSocket.open("127.0.0.1", 0, loop=loop, certificate=Certificate.generate())
    numbers = iter(range(count))
    outcomes: list[Outcome] = []

    async def work() -> None:
        for number in numbers:
            outcomes.append(await handshake(media_socket, make_end, impairment, number, seed))

    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(CONCURRENT, count)):
                workers.create_task(work())
    finally:
        media_socket.close()
    return outcomes


class StallWatch:
    """Measures for how long the loop has not come round: a busy machine, which times of handshakes then include."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            before = clock()
            await asyncio.sleep(LAG_STEP)
            self.longest = max(self.longest, clock() - before - LAG_STEP)

    def stop(self) -> None:
        self._task.cancel()


def quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest rank."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def row(end: str, condition: str, outcomes: Sequence[Outcome]) -> str:
    times = sorted(each.seconds for each in outcomes if each.seconds is not None)
    media = sum(each.media for each in outcomes)
    seconds = (quantile(times, 0.5), quantile(times, 0.95), times[-1]) if times else ()
    figures = "  ".join(f"{each:7.3f}" for each in seconds).rjust(25)
    return f"{end:<10}  {condition:<12}  {len(times):>4} of {len(outcomes):<4}  {figures}  {media:>5}"


def print_slowest(outcomes: Sequence[Outcome], count: int) -> None:
    for each in sorted(outcomes, key=lambda each: each.seconds or CONNECT_SECS, reverse=True)[:count]:
        print(f"    handshake {each.number}: {each.seconds or each.problem}")
        for note in each.notes:
            arrow = "->" if note.to_server else "<-"
            print(f"      {note.at - each.began:7.3f}  {arrow} {note.what}{'  LOST' if note.lost else ''}")


async def run(ends: Sequence[str], conditions: Sequence[Impairment], *, count: int, seed: int, slowest: int) -> bool:
    """Prints the table row by row. True if everything connected and was heard."""
    clock = asyncio.get_running_loop().time
    complete = True
    print(HEADING, flush=True)
    for end in ends:
        async with OTHER_ENDS[end]() as make_end:
            for condition in conditions:
                began, stalls = clock(), StallWatch()
                outcomes = await handshakes(make_end, condition, count=count, seed=f"{seed}/{end}/{condition.name}")
                stalls.stop()
                took = f"{stalls.longest:7.3f}  {clock() - began:3.0f} s"
                print(f"{row(end, condition.name, outcomes)}  {took}", flush=True)
                for problem, times in Counter(each.problem for each in outcomes if each.problem).items():
                    print(f"    {times} x {problem}")
                print_slowest(outcomes, slowest)
                complete = complete and all(each.seconds is not None and each.media for each in outcomes)
    return complete


def main() -> int:
    parser = argparse.ArgumentParser(description="Handshakes over a lossy or slow path.")
    names = [each.name for each in CONDITIONS]
    parser.add_argument("--count", type=int, default=100, help="handshakes per row (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the losses (default 1)")
    parser.add_argument("--ends", nargs="+", choices=list(OTHER_ENDS), default=list(OTHER_ENDS))
    parser.add_argument("--conditions", nargs="+", choices=names, default=names)
    parser.add_argument("--slowest", type=int, default=0, help="show the datagrams of so many handshakes per row")
    arguments = parser.parse_args()
    if arguments.count < 1:
        parser.error("--count must be at least 1")
    conditions = [each for each in CONDITIONS if each.name in arguments.conditions]
    complete = asyncio.run(
        run(arguments.ends, conditions, count=arguments.count, seed=arguments.seed, slowest=arguments.slowest)
    )
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
