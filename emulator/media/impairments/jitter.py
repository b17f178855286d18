"""`jitter`: each datagram takes its own time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Flag, Number
from emulator.media.impairments.base import MAX_SECS, MEDIA, Impairment
from emulator.media.impairments.hop import Carry, Datagram, Hop


@MEDIA.kind("jitter")
@dataclass(frozen=True, slots=True, kw_only=True)
class Jitter(Impairment):
    """Let each datagram arrive later by a time of its own, evenly drawn from 0 to `secs`.

    As in the queues of real networks, a datagram that is held back holds back those behind it, unless `reordering`.
    """

    secs: Annotated[float, Number(0, MAX_SECS, "the longest of these times")]
    reordering: Annotated[bool, Flag("later datagrams may overtake; false if left out")] = False

    def begin(self, hop: Hop) -> Carry:
        last = 0.0

        def carry(datagram: Datagram) -> None:
            nonlocal last
            until = hop.time() + hop.rng.uniform(0, self.secs)
            if not self.reordering:
                until = last = max(until, last)
            hop.hold(datagram, until)

        return carry
