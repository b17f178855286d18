"""`silence`: a muted microphone, and the SDK's fallback for a missing one.

signaling.md 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.clients.sources.base import FRAME_SAMPLES, Identity, Samples
from emulator.clients.sources.registry import audio


@dataclass(frozen=True, slots=True)
class SilenceSource:
    @property
    def loop(self) -> int:
        return 1

    def block(self, number: int) -> Samples:
        from emulator.probes import tones

        return tones.silence(FRAME_SAMPLES)


@audio("silence", {})
def make(_identity: Identity) -> SilenceSource:
    return SilenceSource()
