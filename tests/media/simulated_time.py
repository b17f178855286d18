"""A scheduler whose time passes only when a test says so."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Timer:
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class SimulatedTime:
    """Seconds in `now`; `run` lets some pass and calls what falls due, in order."""

    now: float = 100.0
    _due: list[tuple[float, int, Timer]] = field(default_factory=list)
    _count: itertools.count[int] = field(default_factory=itertools.count)

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._due, (self.now + delay, next(self._count), timer))
        return timer

    def run(self, duration: float) -> None:
        end = self.now + duration
        while self._due and self._due[0][0] <= end:
            self.now, _, timer = heapq.heappop(self._due)
            if not timer.cancelled:
                timer.callback()
        self.now = end
