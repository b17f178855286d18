"""`error`: an error instead of the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from emulator.faults import Choice, Facts, Integer, Text
from emulator.signaling import rules
from emulator.signaling.errors import JanusError, PluginError, Refused
from emulator.signaling.faults.base import SIGNALING, Passage, Proceed, SignalingFault, is_incoming
from emulator.wire.janus import ErrorCode


@SIGNALING.kind("error")
@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFault(SignalingFault):
    """Answer a request with an error and do not carry it out.

    janus         a Janus `error` frame
    plugin        the plugin's `event` with `error_code`; for what is no plugin request, a Janus `error` frame
    status_code   the gateway's own frame, on which the SDK closes its socket
    """

    final: ClassVar[bool] = True

    form: Annotated[
        Literal["janus", "plugin", "status_code"],
        Choice(("janus", "plugin", "status_code"), "which kind of error; janus if left out"),
    ] = "janus"
    code: Annotated[int, Integer(1, 9999, "the error's code; 490 (unknown error) if left out")] = ErrorCode.UNKNOWN
    reason: Annotated[str, Text("the error's text", 500, 1)] = "Injected fault."

    def applies(self, facts: Facts) -> bool:
        return is_incoming(facts)

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        kind = {"janus": JanusError, "plugin": PluginError, "status_code": Refused}[self.form]
        raise kind(self.code, self.reason, rules.INJECTED)
