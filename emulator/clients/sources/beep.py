"""`beep`: the participant's chord for a tenth of each second, at the moment at which the stream's `flash` is seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from emulator.clients.sources.base import FRAME_SAMPLES, FRAMES_PER_SECOND, Identity, Samples
from emulator.clients.sources.registry import audio
from emulator.clients.sources.tone import AMPLITUDE, INDEX, LOUDNESS

if TYPE_CHECKING:
    from emulator.probes.tones import TalkPattern

BEEP_SECS = 0.1


@dataclass(frozen=True, slots=True)
class BeepSource:
    """`index` as in `probes.tones`, `amplitude` the peak as a share of full scale."""

    index: int
    amplitude: float = AMPLITUDE

    @property
    def stream_timed(self) -> Literal[True]:
        return True

    @property
    def loop(self) -> int:
        return FRAMES_PER_SECOND

    def block(self, number: int) -> Samples:
        from emulator.probes import tones

        return tones.speech(self.index, number * FRAME_SAMPLES, FRAME_SAMPLES, _pattern(), amplitude=self.amplitude)


@lru_cache(maxsize=1)
def _pattern() -> TalkPattern:
    from emulator.probes.tones import TalkPattern

    return TalkPattern(((BEEP_SECS, 1 - BEEP_SECS),), fade=0.002)


@audio("beep", {"index": INDEX, "amplitude": LOUDNESS})
def make(identity: Identity, *, index: int | None = None, amplitude: float = AMPLITUDE) -> BeepSource:
    return BeepSource(identity.tone if index is None else index, amplitude)
