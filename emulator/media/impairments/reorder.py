"""`reorder`: some datagrams are overtaken."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Integer, Number
from emulator.media.impairments.base import MEDIA, Impairment
from emulator.media.impairments.hop import Carry, Datagram, Held, Hop


@MEDIA.kind("reorder")
@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder(Impairment):
    """Let some datagrams arrive behind later ones."""

    p: Annotated[float, Number(0, 1, "how likely a datagram is overtaken")]
    behind: Annotated[int, Integer(1, 100, "by how many later ones; 3 if left out")] = 3
    within_secs: Annotated[float, Number(0, 5, "after this time it arrives anyway; 0.1 if left out")] = 0.1

    def begin(self, hop: Hop) -> Carry:
        overtaken: deque[tuple[int, Held]] = deque()  # (number of the datagram it goes behind, the datagram)
        number = 0

        def carry(datagram: Datagram) -> None:
            nonlocal number
            number += 1
            if hop.rng.random() < self.p:
                held = hop.hold(datagram, hop.time() + self.within_secs)
                if held is not None:
                    overtaken.append((number + self.behind, held))
            else:
                hop.forward(datagram)
            while overtaken and overtaken[0][0] <= number:
                hop.release(overtaken.popleft()[1])

        return carry
