"""Sound that says whose it is: the participant's chord, without pause and without a seam."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.clients.sources.base import FRAME_SAMPLES, FRAMES_PER_SECOND, Samples
from emulator.probes import tones


@dataclass(frozen=True, slots=True)
class ToneSource:
    """`index` as in `probes.tones`, `amplitude` the peak as a share of full scale."""

    index: int
    amplitude: float = tones.AMPLITUDE

    @property
    def loop(self) -> int:
        return FRAMES_PER_SECOND  # whole frequencies repeat after one second

    def block(self, number: int) -> Samples:
        return tones.tone_samples(self.index, number * FRAME_SAMPLES, FRAME_SAMPLES, amplitude=self.amplitude)
