"""How fast a counter of bytes grows: the bitrate of what a connection carries."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

SAMPLE_SECS = 0.5
WINDOW_SECS = 2.0
"""A rate is that of the last two seconds, so that the distance between keyframes does not show."""


class Rate:
    """`count` gives bytes so far; it is asked every half a second, and when somebody wants to know."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._samples: deque[tuple[float, int]] = deque(maxlen=round(WINDOW_SECS / SAMPLE_SECS))

    def tick(self, now: float) -> None:
        if not self._samples or now - self._samples[-1][0] >= SAMPLE_SECS:
            self._samples.append((now, self._count()))

    def bits_per_sec(self, now: float) -> int:
        """0 before the first sample is old enough to tell anything."""
        if not self._samples:
            return 0
        then, count = self._samples[0]
        passed = now - then
        return 0 if passed < SAMPLE_SECS / 2 else round((self._count() - count) * 8 / passed)
