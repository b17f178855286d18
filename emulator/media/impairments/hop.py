"""One impairment at work in one direction: what it may do with a datagram, and what it has done."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

from emulator.media.transport.parameters import Scheduler, TimerHandle

MAX_HELD = 4096
"""Datagrams that one hop holds back at most; more are dropped. 4 s of a fast video stream (1,000 packets/s)."""


class Datagram:
    """On its way. `size` in bytes of UDP payload; `deliver` may be called any number of times."""

    __slots__ = ("deliver", "is_media", "size")

    def __init__(self, size: int, is_media: bool, deliver: Callable[[], object]) -> None:
        self.size = size
        self.is_media = is_media
        self.deliver = deliver


Carry = Callable[[Datagram], None]


@dataclass(slots=True)
class HopStats:
    """Datagrams of one hop since it began: all that came to it; how many it dropped, sent twice, holds back now."""

    datagrams: int = 0
    dropped: int = 0
    duplicated: int = 0
    held: int = 0


class Held:
    """A datagram that is held back; `Hop.release` lets it go before its time."""

    __slots__ = ("datagram", "due", "number")

    def __init__(self, datagram: Datagram, due: float, number: int) -> None:
        self.datagram: Datagram | None = datagram
        self.due = due
        self.number = number

    def __lt__(self, other: Held) -> bool:
        return (self.due, self.number) < (other.due, other.number)


def arrive(datagram: Datagram) -> None:
    """The end of the way."""
    datagram.deliver()


class Hop:
    """What a kind of impairment works with: `rng`, `time()`, and `forward`, `duplicate`, `drop`, `hold`, `release`.

    takes_all  STUN and DTLS as well; else they pass by
    carry      what the impairment does with a datagram (`Impairment.begin`)
    onward     takes what leaves the hop
    """

    def __init__(self, scheduler: Scheduler, rng: random.Random, *, takes_all: bool) -> None:
        self.rng = rng
        self.time = scheduler.time
        self.carry: Carry = self.forward
        self.onward: Carry = arrive
        self.stats = HopStats()
        self._takes_all = takes_all
        self._scheduler = scheduler
        self._waiting: list[Held] = []
        self._count = 0
        self._timer: TimerHandle | None = None
        self._timer_due = 0.0

    def enter(self, datagram: Datagram) -> None:
        """A datagram has come as far as here."""
        if self._takes_all or datagram.is_media:
            self.stats.datagrams += 1
            self.carry(datagram)
        else:
            self.onward(datagram)

    def forward(self, datagram: Datagram) -> None:
        self.onward(datagram)

    def duplicate(self, datagram: Datagram) -> None:
        """Forward it once more."""
        self.stats.duplicated += 1
        self.onward(datagram)

    def drop(self, datagram: Datagram) -> None:
        self.stats.dropped += 1

    def hold(self, datagram: Datagram, until: float) -> Held | None:
        """Forward it at this time of `time()`; equal times keep their order. None (dropped) when too many are held."""
        if len(self._waiting) >= MAX_HELD:
            self.drop(datagram)
            return None
        self._count += 1
        held = Held(datagram, until, self._count)
        heapq.heappush(self._waiting, held)
        self.stats.held += 1
        self._arm()
        return held

    def release(self, held: Held) -> None:
        """Forward it now; nothing happens if it has gone already."""
        datagram, held.datagram = held.datagram, None
        if datagram is not None:
            self.stats.held -= 1
            self.onward(datagram)

    def close(self) -> None:
        """What is held back goes at once, in order; then nothing is left of the hop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = sorted(self._waiting), []
        for held in waiting:
            self.release(held)

    def _arm(self) -> None:
        due = self._waiting[0].due
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._scheduler.call_later(max(0.0, due - self.time()), self._strike)

    def _strike(self) -> None:
        self._timer = None
        now = self.time()
        while self._waiting and self._waiting[0].due <= now:
            self.release(heapq.heappop(self._waiting))
        if self._waiting and self._timer is None:
            self._arm()
