"""`close`: the server says goodbye with a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from emulator.faults import Choice, Integer
from emulator.signaling.faults.base import SIGNALING, Passage, Proceed, SignalingFault


@SIGNALING.kind("close")
@dataclass(frozen=True, slots=True, kw_only=True)
class CloseFault(SignalingFault):
    """Close the connection with a code, of which the SDK makes its `disconnected` reason.

    4000 becomes session_terminated, 3999 timed_out, 1000 user_initiated, any other one unknown.
    """

    final: ClassVar[bool] = True

    code: Annotated[int, Integer(1000, 4999, "the close code")] = 4000
    when: Annotated[
        Literal["before", "after"],
        Choice(("before", "after"), "the frame, which goes no further if before; before if left out"),
    ] = "before"

    def __post_init__(self) -> None:
        if self.code in (1004, 1005, 1006, 1015) or 1016 <= self.code <= 2999:
            # RFC 6455 7.4: none of these may stand in a Close frame. Without one there is `drop`.
            raise ValueError(f"the code {self.code} may not be sent (RFC 6455, 7.4); use 1000, 1001, 3000 to 4999, ...")

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        if self.when == "after":
            proceed()
        passage.connection.break_off(self.code)
