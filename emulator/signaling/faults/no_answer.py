"""`no_answer`: the request works, but nobody is told."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.faults import Facts
from emulator.signaling.faults.base import SIGNALING, Passage, Proceed, SignalingFault, is_incoming


@SIGNALING.kind("no_answer")
@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswerFault(SignalingFault):
    """Carry the request out and never answer it: the SDK's promise stays pending, the others hear of it."""

    def applies(self, facts: Facts) -> bool:
        return is_incoming(facts)

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        if passage.request is not None:
            passage.connection.leave_unanswered(passage.request.transaction)
        proceed()
