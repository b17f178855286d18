"""`speech`: the participant's chord in talk spurts, as somebody who speaks, pauses, and speaks again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import lcm
from typing import TYPE_CHECKING

from emulator.clients.options import Seconds
from emulator.clients.sources.base import FRAME_SAMPLES, SAMPLE_RATE, Identity, Samples
from emulator.clients.sources.registry import audio
from emulator.clients.sources.tone import AMPLITUDE, INDEX, LOUDNESS

if TYPE_CHECKING:
    from emulator.probes.tones import TalkPattern

MAX_LOOP = 500
"""Blocks (10 s) up to which a repeating pattern is encoded once; longer ones are encoded as they go."""


@dataclass(frozen=True, slots=True)
class SpeechSource:
    """`talk` and `pause` in seconds alternate for ever; without them the spurts of `TalkPattern` go on and on."""

    index: int
    talk: float | None = None
    pause: float = 0.0
    amplitude: float = AMPLITUDE

    @property
    def loop(self) -> int | None:
        samples = lcm(max(1, round(_pattern(self.talk, self.pause).period * SAMPLE_RATE)), SAMPLE_RATE)
        blocks = samples // FRAME_SAMPLES
        return blocks if blocks <= MAX_LOOP else None

    def block(self, number: int) -> Samples:
        from emulator.probes import tones

        pattern, start = _pattern(self.talk, self.pause), number * FRAME_SAMPLES
        return tones.speech(self.index, start, FRAME_SAMPLES, pattern, amplitude=self.amplitude)


@lru_cache(maxsize=256)
def _pattern(talk: float | None, pause: float) -> TalkPattern:
    from emulator.probes.tones import TalkPattern

    return TalkPattern() if talk is None else TalkPattern.conversation(talk, pause)


@audio(
    "speech",
    {"talk": Seconds(0.02, 3600), "pause": Seconds(0, 3600), "amplitude": LOUDNESS, "index": INDEX},
    tells=True,
)
def make(
    identity: Identity,
    *,
    talk: float | None = None,
    pause: float = 0.0,
    amplitude: float = AMPLITUDE,
    index: int | None = None,
) -> SpeechSource:
    return SpeechSource(identity.tone if index is None else index, talk, pause, amplitude)
