"""The participant's chord in talk spurts, as somebody who speaks, pauses, and speaks again."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import lcm

from emulator.clients.sources.base import FRAME_SAMPLES, SAMPLE_RATE, Samples
from emulator.probes import tones
from emulator.probes.tones import TalkPattern

MAX_LOOP = 500
"""Blocks (10 s) up to which a repeating pattern is encoded once; longer ones are encoded as they go."""


@dataclass(frozen=True, slots=True)
class SpeechSource:
    """`talk` and `pause` in seconds alternate for ever; without them the spurts of `TalkPattern` go on and on."""

    index: int
    talk: float | None = None
    pause: float = 0.0
    amplitude: float = tones.AMPLITUDE
    _pattern: TalkPattern = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pattern = TalkPattern() if self.talk is None else TalkPattern.conversation(self.talk, self.pause)
        object.__setattr__(self, "_pattern", pattern)

    @property
    def loop(self) -> int | None:
        samples = lcm(max(1, round(self._pattern.period * SAMPLE_RATE)), SAMPLE_RATE)
        blocks = samples // FRAME_SAMPLES
        return blocks if blocks <= MAX_LOOP else None

    def block(self, number: int) -> Samples:
        return tones.speech(self.index, number * FRAME_SAMPLES, FRAME_SAMPLES, self._pattern, amplitude=self.amplitude)
