"""What a payload type number stands for on one connection."""

from __future__ import annotations

from typing import Literal

from emulator.values import value_class

Kind = Literal["audio", "video"]


@value_class(frozen=True, slots=True)
class PayloadFormat:
    """One `a=rtpmap` line, with the `apt` of its `a=fmtp` line for retransmission formats.

    `codec` is the encoding name (`opus`, `VP8`, `H264`, `rtx`), compared without regard to case.
    `clock_rate` is in ticks per second. `apt` is set for `rtx` only: the payload type it repairs (RFC 4588).
    """

    kind: Kind
    codec: str
    clock_rate: int
    apt: int | None = None

    def __post_init__(self) -> None:
        if self.clock_rate <= 0:
            raise ValueError(f"clock rate must be positive, got {self.clock_rate}")
        if (self.codec.lower() == "rtx") != (self.apt is not None):
            raise ValueError(f"apt belongs to rtx and to nothing else, got {self.codec} with apt {self.apt}")
