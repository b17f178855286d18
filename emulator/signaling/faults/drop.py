"""`drop`: the connection breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from emulator.faults import Choice
from emulator.signaling.faults.base import SIGNALING, Passage, Proceed, SignalingFault


@SIGNALING.kind("drop")
@dataclass(frozen=True, slots=True, kw_only=True)
class DropFault(SignalingFault):
    """Break the connection without a Close frame, as a lost network does: the SDK reports network_error."""

    final: ClassVar[bool] = True

    when: Annotated[
        Literal["before", "after"],
        Choice(("before", "after"), "the frame, which goes no further if before; before if left out"),
    ] = "before"

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        if self.when == "after":
            proceed()
        passage.connection.break_off(None)
