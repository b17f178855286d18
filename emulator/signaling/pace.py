"""How much one connection may send: a page sends what a person does; a loop that ran wild must not stop the others.

What is too much is refused, frame by frame; a client that goes on regardless is put out. The largest honest burst (a
page that watches everything in a big room at once) stays far below these bounds.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.signaling.allowance import Allowance

FRAMES_AT_ONCE, FRAMES_PER_SECOND = 4000, 400
BYTES_AT_ONCE, BYTES_PER_SECOND = 8 * 1024 * 1024, 1024 * 1024
REFUSALS_AT_ONCE, REFUSALS_PER_SECOND = 1000, 50
"""Answering that it is too much costs time as well."""


class Pace:
    """`clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._frames = Allowance(at_once=FRAMES_AT_ONCE, per_second=FRAMES_PER_SECOND, unit="frames", clock=clock)
        self._octets = Allowance(at_once=BYTES_AT_ONCE, per_second=BYTES_PER_SECOND, unit="bytes", clock=clock)
        self._refusals = Allowance(
            at_once=REFUSALS_AT_ONCE, per_second=REFUSALS_PER_SECOND, unit="refusals", clock=clock
        )
        self.hopeless = False
        """It was refused so often that listening on is of no use."""
        self.told = False
        """Said once for each connection: a flood of refusals would push everything else out of the problems."""

    def spend(self, octets: int) -> str | None:
        """One frame more; why it is too much, or None."""
        for allowance, amount, what in ((self._frames, 1, "frames"), (self._octets, octets, "bytes")):
            if not allowance.take(amount):
                self.hopeless = self.hopeless or not self._refusals.take(1)
                return f"Too many {what} on this connection: {allowance}."
        return None
