"""`expire_token`: the client token runs out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from emulator.faults import Facts
from emulator.signaling import rules
from emulator.signaling.errors import Refused
from emulator.signaling.faults.base import SIGNALING, Passage, Proceed, SignalingFault, is_incoming


@SIGNALING.kind("expire_token")
@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireTokenFault(SignalingFault):
    """Let the token of the request expire at once and for good; with a new token a client is as welcome as ever."""

    final: ClassVar[bool] = True

    def applies(self, facts: Facts) -> bool:
        return is_incoming(facts)

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        if passage.request is not None and passage.request.client_token is not None:
            passage.connection.expire_token(passage.request.client_token)
        raise Refused(401, "The token has expired.", rules.TOKEN_EXPIRED)
