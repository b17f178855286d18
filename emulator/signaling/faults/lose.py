"""`lose`: the frame vanishes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from emulator.signaling.faults.base import SIGNALING, Passage, Proceed, SignalingFault


@SIGNALING.kind("lose")
@dataclass(frozen=True, slots=True, kw_only=True)
class LoseFault(SignalingFault):
    """Lose the frame: a request is not carried out and not answered, an answer or event never comes."""

    final: ClassVar[bool] = True

    def happen(self, passage: Passage, proceed: Proceed) -> None:
        if passage.request is not None:
            passage.connection.unhear()
