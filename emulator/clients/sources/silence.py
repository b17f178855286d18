"""Digital silence: a muted microphone, and the SDK's fallback for a missing one (signaling.md 4.3)."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.clients.sources.base import FRAME_SAMPLES, Samples
from emulator.probes import tones


@dataclass(frozen=True, slots=True)
class SilenceSource:
    @property
    def loop(self) -> int:
        return 1

    def block(self, number: int) -> Samples:
        return tones.silence(FRAME_SAMPLES)
