"""`delay`: the frame takes its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Delay, Duration, Flag
from emulator.signaling.faults.base import SIGNALING, Passage, Proceed, SignalingFault


@SIGNALING.kind("delay")
@dataclass(frozen=True, slots=True, kw_only=True)
class DelayFault(SignalingFault):
    """Hold the frame back; those behind it wait as well, as on one TCP connection, unless they may overtake it."""

    secs: Annotated[Delay, Duration("how long, in real seconds")]
    overtaking: Annotated[bool, Flag("whether later frames may go first; false if left out")] = False

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        secs = self.secs.draw(passage.rng)
        if self.overtaking:
            passage.lane.let_overtake(secs, proceed)
        else:
            passage.lane.hold(secs, proceed)
