"""`late`: announcements come late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from emulator.faults import Choice, Delay, Duration, Facts
from emulator.signaling.faults.base import SIGNALING, Passage, Proceed, SignalingFault

_EVENTS = {"participants": ("joined",), "streams": ("publishers",), "both": ("joined", "publishers")}


@SIGNALING.kind("late")
@dataclass(frozen=True, slots=True, kw_only=True)
class LateFault(SignalingFault):
    """Announce a participant or a stream late, while everything else goes on.

    A stream that comes before its participant is lost to the SDK for good (T-17).
    """

    secs: Annotated[Delay, Duration("how late, in real seconds")]
    what: Annotated[
        Literal["participants", "streams", "both"],
        Choice(("participants", "streams", "both"), "which announcements; both if left out"),
    ] = "both"

    def applies(self, facts: Facts) -> bool:
        return facts.get("event") in _EVENTS[self.what]

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        passage.lane.let_overtake(self.secs.draw(passage.rng), proceed)
