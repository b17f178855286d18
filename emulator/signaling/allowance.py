"""What a client may use up: so much at once, and so much more in every second (a token bucket)."""

from __future__ import annotations

from collections.abc import Callable


class Allowance:
    """`clock` gives seconds. The bucket is full at first."""

    def __init__(self, *, at_once: float, per_second: float, unit: str, clock: Callable[[], float]) -> None:
        self._at_once = at_once
        self._per_second = per_second
        self._unit = unit
        self._clock = clock
        self._left = at_once
        self._since = clock()

    def take(self, amount: float) -> bool:
        """Whether that much is left; if so, it is used up."""
        now = self._clock()
        self._left = min(self._at_once, self._left + (now - self._since) * self._per_second)
        self._since = now
        if amount > self._left:
            return False
        self._left -= amount
        return True

    def __str__(self) -> str:
        return f"{self._at_once:g} {self._unit} are allowed at once, and {self._per_second:g} a second"
