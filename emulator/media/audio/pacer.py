"""Which 20 ms ticks are due: arithmetic only, the caller owns clock and timer."""

from __future__ import annotations

from typing import NamedTuple

PERIOD = 0.02  # s
CATCH_UP = 5  # ticks run at once after a stall: 100 ms, what browsers' jitter buffers take well


class Due(NamedTuple):
    """`ticks` to run now, one after the other, after moving RTP timestamps on by `skipped` ticks that never run."""

    ticks: int
    skipped: int = 0


class TickSchedule:
    """Ticks at `start`, `start + period`, ... in seconds of one monotonic clock. ValueError for a period of 0 or less.

    `late` counts ticks run more than a period after their time, `skipped` those dropped after a longer stall.
    """

    def __init__(self, start: float, *, period: float = PERIOD, catch_up: int = CATCH_UP) -> None:
        if period <= 0 or catch_up < 1:
            raise ValueError(f"expected a period above 0 s and a catch-up of 1 or more, got {period} and {catch_up}")
        self._start = start
        self._period = period
        self._catch_up = catch_up
        self._ran = 0  # index of the next tick
        self.late = 0
        self.skipped = 0

    @property
    def next_at(self) -> float:
        """When the next tick is due."""
        return self._start + self._ran * self._period

    def due(self, now: float) -> Due:
        """The ticks whose time has come; asking counts as running them."""
        # A hair early is on time: timers fire some microseconds before what they were asked for.
        passed = int((now - self._start) / self._period + 1e-3) + 1 if now >= self._start - 1e-5 else 0
        ticks = max(passed - self._ran, 0)
        skipped = max(ticks - self._catch_up, 0)
        ticks -= skipped
        self._ran += skipped + ticks
        self.skipped += skipped
        self.late += max(ticks - 1, 0)  # all but the newest are at least one period old
        return Due(ticks, skipped)
