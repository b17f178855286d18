"""`reorder`: later frames go first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Integer, Number
from emulator.signaling.faults.base import SIGNALING, Passage, Proceed, SignalingFault


@SIGNALING.kind("reorder")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReorderFault(SignalingFault):
    """Hold the frame back until others of its direction have gone by, or nothing comes for too long."""

    behind: Annotated[int, Integer(1, 100, "how many frames go first; 1 if left out")] = 1
    within_secs: Annotated[float, Number(0, 60, "after which time it goes anyway; 5 if left out")] = 5.0

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        passage.lane.let_pass(self.behind, self.within_secs, proceed)
