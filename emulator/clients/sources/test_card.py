"""Video that says whose it is: the probes' test card, drawn frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av

from emulator.clients.sources.base import Identity, VideoFormat
from emulator.probes.card import TestCard, to_av_frame

DEFAULT_FORMAT = VideoFormat(width=320, height=180, fps=15, bitrate=300_000)


@dataclass(frozen=True, slots=True)
class TestCardSource:
    """The card of one stream. Raises CardError in `painter` for a size it cannot have."""

    __test__ = False  # pytest: this is not a test class

    identity: Identity
    format: VideoFormat = DEFAULT_FORMAT
    still: bool = False

    def painter(self) -> Callable[[int], av.VideoFrame]:
        who, form = self.identity, self.format
        card = TestCard(who.participant_id, who.name, who.key, form.width, form.height)
        base = Fraction(1, 90_000)

        def paint(number: int) -> av.VideoFrame:
            return to_av_frame(card.draw(number), round(number * 90_000 / form.fps), base)

        return paint


@dataclass(frozen=True, slots=True)
class LoopingCardSource(TestCardSource):
    """A card whose frame numbers begin again after `loop` pictures, and whenever a keyframe is asked for.

    For crowds: drawing and encoding is most of what a synthetic participant costs.
    """

    __test__ = False

    loop: int = 75
