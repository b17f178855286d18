"""The registry of the kinds of impairments, and what each of them derives from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from emulator.faults import Choice, Fault, Surface
from emulator.media.impairments.hop import Carry, Hop

MAX_SECS = 60.0
"""Nothing is held back longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment(Fault):
    """A frozen dataclass of its parameters; the annotations of its fields are read and described as a fault's are."""

    traffic: Annotated[
        Literal["media", "all"],
        Choice(("media", "all"), "media: only SRTP and SRTCP, so that connections live on; all: STUN and DTLS as well"),
    ] = "media"

    def begin(self, hop: Hop) -> Carry:
        """What takes each datagram, in one direction, from now on. Called once for each direction; this one changes
        nothing.
        """
        return hop.forward


MEDIA = Surface(
    "media",
    Impairment,
    facts={},
    modules=[
        f"emulator.media.impairments.{name}"
        for name in ("bandwidth", "blackout", "delay", "duplicate", "jitter", "loss", "reorder")
    ],
)
