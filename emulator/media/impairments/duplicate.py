"""`duplicate`: some datagrams arrive twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Number
from emulator.media.impairments.base import MEDIA, Impairment
from emulator.media.impairments.hop import Carry, Datagram, Hop


@MEDIA.kind("duplicate")
@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate(Impairment):
    """Let some datagrams arrive twice, one right behind the other."""

    p: Annotated[float, Number(0, 1, "how likely a datagram arrives twice")]

    def begin(self, hop: Hop) -> Carry:
        def carry(datagram: Datagram) -> None:
            hop.forward(datagram)
            if hop.rng.random() < self.p:
                hop.duplicate(datagram)

        return carry
