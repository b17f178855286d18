"""How long a connection's frames are dealt with before the loop does something else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SHORTEST_SECS = 0.001
LONGEST_SECS = 0.02
"""For all connections together whose frames wait."""


class Turns:
    """As long as the loop was busy with the rest, so that neither starves; shared by all whose frames wait.

    The SDK looks every 4 ms, for each frame that it has sent, whether there is an answer: what waits here keeps the
    browser busy. `clock` tells seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting = 0

    async def next(self) -> float:
        """Waits for the loop's next turn. How many seconds it may last."""
        began = self._clock()
        self._waiting += 1
        try:
            await asyncio.sleep(0)
            return max(SHORTEST_SECS, min(self._clock() - began, LONGEST_SECS) / self._waiting)
        finally:
            self._waiting -= 1
