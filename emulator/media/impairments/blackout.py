"""`blackout`: nothing arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from emulator.faults import Choice
from emulator.media.impairments.base import MEDIA, Impairment
from emulator.media.impairments.hop import Carry, Hop


@MEDIA.kind("blackout")
@dataclass(frozen=True, slots=True, kw_only=True)
class Blackout(Impairment):
    """Let nothing through; where it lasts, connections end (30 s without STUN, RFC 7675)."""

    traffic: Annotated[
        Literal["media", "all"],
        Choice(("media", "all"), "all: everything, as if the cable were cut; media: only SRTP and SRTCP"),
    ] = "all"

    def begin(self, hop: Hop) -> Carry:
        return hop.drop
