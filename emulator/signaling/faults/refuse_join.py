"""`refuse_join`: nobody gets in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from emulator.faults import Facts, Integer, Text
from emulator.signaling import rules
from emulator.signaling.errors import Refused
from emulator.signaling.faults.base import SIGNALING, Passage, Proceed, SignalingFault, is_incoming


@SIGNALING.kind("refuse_join")
@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseJoinFault(SignalingFault):
    """Refuse a participant at the join of the register handle, as a full room does."""

    final: ClassVar[bool] = True

    status: Annotated[int, Integer(400, 599, "the status_code; 403 if left out")] = 403
    message: Annotated[str, Text("the error_message", 500, 1)] = "The room is full."

    def applies(self, facts: Facts) -> bool:
        return is_incoming(facts) and facts.get("handle") == "register" and facts.get("request") == "join"

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        raise Refused(self.status, self.message, rules.INJECTED)
