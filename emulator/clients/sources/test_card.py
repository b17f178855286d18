"""`test_card`: video that says whose it is, the probes' test card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from emulator.clients.sources.base import Identity, VideoFormat
from emulator.clients.sources.formats import FORMAT, LOOP, LOOP_SECS, video_format
from emulator.clients.sources.registry import video

if TYPE_CHECKING:
    import av

DEFAULT_FORMAT = VideoFormat(width=320, height=180, fps=15, bitrate=300_000)


@dataclass(frozen=True, slots=True)
class TestCardSource:
    """The card of one stream. Raises CardError in `painter` for a size it cannot have.

    Its frame numbers rise by one with each picture. With a `loop` they begin again after so many pictures, and jump
    ahead to the next keyframe when one is asked for: drawing and encoding is most of what a participant costs.
    """

    __test__ = False  # pytest: this is not a test class

    identity: Identity
    format: VideoFormat = DEFAULT_FORMAT
    still: bool = False
    loop: int = 0

    def painter(self) -> Callable[[int], av.VideoFrame]:
        from emulator.probes.card import TestCard, to_av_frame

        who, form = self.identity, self.format
        card = TestCard(who.participant_id, who.name, who.key, form.width, form.height)
        base = Fraction(1, 90_000)

        def paint(number: int) -> av.VideoFrame:
            return to_av_frame(card.draw(number), round(number * 90_000 / form.fps), base)

        return paint


@video("test_card", {**FORMAT, "loop": LOOP}, tells=True)
def make(identity: Identity, *, loop: float = LOOP_SECS, **form: Any) -> TestCardSource:
    made = video_format(DEFAULT_FORMAT, **form)
    return TestCardSource(identity, made, loop=round(loop * made.fps))
