"""`duplicate`: the frame comes more than once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Integer
from emulator.signaling.faults.base import SIGNALING, Passage, Proceed, SignalingFault


@SIGNALING.kind("duplicate")
@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateFault(SignalingFault):
    """Let the frame come more than once: a request is carried out and answered each time."""

    times: Annotated[int, Integer(2, 10, "how often in all; 2 if left out")] = 2

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        for _ in range(self.times):
            proceed()
