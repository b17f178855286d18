"""`tone`: sound that says whose it is, the participant's chord, without pause and without a seam."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.clients.options import Number, Whole
from emulator.clients.sources.base import FRAME_SAMPLES, FRAMES_PER_SECOND, Identity, Samples
from emulator.clients.sources.registry import audio

AMPLITUDE = 0.1
"""`probes.tones.AMPLITUDE`, which a test compares: reading a scenario shall not load numpy."""
LOUDNESS = Number(0, 1)
INDEX = Whole(0, 63)


@dataclass(frozen=True, slots=True)
class ToneSource:
    """`index` as in `probes.tones`, `amplitude` the peak as a share of full scale."""

    index: int
    amplitude: float = AMPLITUDE

    @property
    def loop(self) -> int:
        return FRAMES_PER_SECOND  # whole frequencies repeat after one second

    def block(self, number: int) -> Samples:
        from emulator.probes import tones

        return tones.tone_samples(self.index, number * FRAME_SAMPLES, FRAME_SAMPLES, amplitude=self.amplitude)


@audio("tone", {"index": INDEX, "amplitude": LOUDNESS}, tells=True)
def make(identity: Identity, *, index: int | None = None, amplitude: float = AMPLITUDE) -> ToneSource:
    return ToneSource(identity.tone if index is None else index, amplitude)
