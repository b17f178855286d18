"""`loss`: some datagrams never arrive, one by one or in bursts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from emulator.faults import Choice, Number
from emulator.media.impairments.base import MEDIA, Impairment
from emulator.media.impairments.hop import Carry, Datagram, Hop


@MEDIA.kind("loss")
@dataclass(frozen=True, slots=True, kw_only=True)
class Loss(Impairment):
    """Lose datagrams: each for itself (random), or in bursts (gilbert).

    The Gilbert-Elliott model (Elliott 1963, with the names of Linux's `tc netem loss gemodel`) is good or bad; in the
    bad state it loses all or `bad_loss` of what comes. In the long run p / (p + r) of the time is bad, and a bad time
    lasts 1 / r datagrams.
    """

    model: Annotated[Literal["random", "gilbert"], Choice(("random", "gilbert"), "random if left out")] = "random"
    p: Annotated[float, Number(0, 1, "random: of losing a datagram; gilbert: of turning bad, at each datagram")]
    r: Annotated[float | None, Number(0, 1, "gilbert: of turning good again, at each datagram")] = None
    bad_loss: Annotated[float | None, Number(0, 1, "gilbert: of losing a datagram while bad; 1 if left out")] = None
    good_loss: Annotated[float | None, Number(0, 1, "gilbert: the same while good; 0 if left out")] = None

    def __post_init__(self) -> None:
        if self.model == "gilbert" and self.r is None:
            raise ValueError("the gilbert model without r")
        for name in ("r", "bad_loss", "good_loss"):
            if self.model == "random" and getattr(self, name) is not None:
                raise ValueError(f"{name}, which is of the gilbert model, beside the random one")

    def begin(self, hop: Hop) -> Carry:
        if self.model == "random":
            return self._independent(hop)
        return self._in_bursts(hop, self.r or 0.0)

    def _independent(self, hop: Hop) -> Carry:
        def carry(datagram: Datagram) -> None:
            if hop.rng.random() < self.p:
                hop.drop(datagram)
            else:
                hop.forward(datagram)

        return carry

    def _in_bursts(self, hop: Hop, recovery: float) -> Carry:
        bad_loss = 1.0 if self.bad_loss is None else self.bad_loss
        good_loss = self.good_loss or 0.0
        bad = False

        def carry(datagram: Datagram) -> None:
            nonlocal bad
            turns = hop.rng.random() < (recovery if bad else self.p)
            bad ^= turns
            # Always two draws, so that the states are the same whatever the losses in them.
            if hop.rng.random() < (bad_loss if bad else good_loss):
                hop.drop(datagram)
            else:
                hop.forward(datagram)

        return carry
