"""Janus ids: integers from 1 to 2^53-1, never reused in the life of an emulator (S-110, T-10)."""

from __future__ import annotations

import random

from emulator.wire.janus import MAX_ID


class Ids:
    """Ever-growing ids with random gaps: unique without remembering, and not to be guessed by counting."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._last = rng.randrange(1, 2**40)

    def next(self) -> int:
        self._last += self._rng.randrange(1, 2**16)
        if self._last > MAX_ID:
            raise OverflowError("the emulator has used up its ids")
        return self._last
