"""`flash`: a test card that flashes once a second, at the moment at which the stream's `beep` sounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from emulator.clients.sources.base import Identity
from emulator.clients.sources.formats import FORMAT, video_format
from emulator.clients.sources.registry import video
from emulator.clients.sources.test_card import DEFAULT_FORMAT, TestCardSource

if TYPE_CHECKING:
    import av

FLASH_SECS = 0.1
"""As long as the beep."""


@dataclass(frozen=True, slots=True)
class FlashSource(TestCardSource):
    """Drawn anew each time: one that repeats jumps ahead for keyframes, and would leave the beep behind."""

    @property
    def stream_timed(self) -> Literal[True]:
        return True

    def painter(self) -> Callable[[int], av.VideoFrame]:
        from emulator.probes.card import TestCard, to_av_frame

        who, form = self.identity, self.format
        card = TestCard(who.participant_id, who.name, who.key, form.width, form.height)
        base = Fraction(1, 90_000)

        def paint(number: int) -> av.VideoFrame:
            flashes = number / form.fps % 1 < FLASH_SECS - 1e-6
            return to_av_frame(card.draw(number, flash=flashes), round(number * 90_000 / form.fps), base)

        return paint


@video("flash", FORMAT, tells=True)
def make(identity: Identity, **form: Any) -> FlashSource:
    return FlashSource(identity, video_format(DEFAULT_FORMAT, **form))
