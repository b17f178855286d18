"""`delay`: everything takes longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Number
from emulator.media.impairments.base import MAX_SECS, MEDIA, Impairment
from emulator.media.impairments.hop import Carry, Datagram, Hop


@MEDIA.kind("delay")
@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(Impairment):
    """Let every datagram arrive later by the same time."""

    secs: Annotated[float, Number(0, MAX_SECS, "how much later, one way")]

    def begin(self, hop: Hop) -> Carry:
        def carry(datagram: Datagram) -> None:
            hop.hold(datagram, hop.time() + self.secs)

        return carry
