"""`screen`: a shared screen with a presentation on it, 1280x720 at 5 pictures per second.

The slides are what an encoder meets in practice: sharp edges, large flat areas, nothing that moves but a pointer, and
now and then everything at once. Below them stands the band of cells of a test card, which says whose screen it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import cos, pi, sin
from typing import TYPE_CHECKING, Any

from emulator.clients.sources.base import Identity, VideoFormat
from emulator.clients.sources.formats import FORMAT, video_format
from emulator.clients.sources.registry import video
from emulator.clients.sources.test_card import TestCardSource

if TYPE_CHECKING:
    import av
    import numpy as np
    from numpy.typing import NDArray

DEFAULT_FORMAT = VideoFormat(width=1280, height=720, fps=5, bitrate=500_000)
SLIDE_SECS = 4
SLIDES = (
    ("Agenda", ("Where we are", "What we learned", "What comes next")),
    ("Where we are", ("Rooms open in two seconds", "Nobody waits for the network", "Tests run offline")),
    ("What we learned", ("Mute is a promise", "A late joiner sees everything", "Networks fail in bursts")),
    ("What comes next", ("Fewer surprises", "Shorter meetings", "Questions?")),
)
_PAPER, _INK, _ACCENT = 235, 40, 120
_COLOURLESS = 128
_POINTER_SECS = 2.0
"""The pointer's way round; the slides' time is a multiple of it, so a loop has no seam."""


@dataclass(frozen=True, slots=True)
class ScreenSource(TestCardSource):
    format: VideoFormat = DEFAULT_FORMAT

    def painter(self) -> Callable[[int], av.VideoFrame]:
        from emulator.probes.card import TestCard, to_av_frame

        who, form = self.identity, self.format
        card = TestCard(who.participant_id, who.name, who.key, form.width, form.height)
        slides = [_slide(index, who.name, form.width, form.height) for index in range(len(SLIDES))]
        height, base = slides[0].shape[0], Fraction(1, 90_000)

        def paint(number: int) -> av.VideoFrame:
            picture, seconds = card.draw(number), number / form.fps
            picture.y[:height] = slides[int(seconds / SLIDE_SECS) % len(slides)]
            _point(picture.y[:height], seconds)
            picture.u[: height // 2] = picture.v[: height // 2] = _COLOURLESS
            return to_av_frame(picture, round(number * 90_000 / form.fps), base)

        return paint


@functools.lru_cache(maxsize=32)
def _slide(index: int, presenter: str, width: int, height: int) -> NDArray[np.uint8]:
    """The luma of a slide, as high as a card's ground: black text on white paper, a coloured title bar, a chart."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    from emulator.probes.card_art import layout, printable

    high = layout(width, height).ground_height // 2 * 2
    unit = high / 20
    image = Image.new("L", (width, high), _PAPER)
    drawing = ImageDraw.Draw(image)
    title, points = SLIDES[index]
    drawing.rectangle((0, 0, width, 4 * unit), fill=_ACCENT)
    font = functools.cache(lambda size: ImageFont.load_default(max(6, round(size * unit))))
    drawing.text((2 * unit, 2 * unit), title, fill=_PAPER, anchor="lm", font=font(2.4))
    for row, point in enumerate(points):
        y = (7 + 3.6 * row) * unit
        drawing.ellipse((2 * unit, y - 0.4 * unit, 2.8 * unit, y + 0.4 * unit), fill=_INK)
        drawing.text((3.8 * unit, y), point, fill=_INK, anchor="lm", font=font(1.7))
    for bar in range(6):
        left, tall = width - (2 + 2 * (6 - bar)) * unit, (2 + (bar * 5 + index * 3) % 7) * unit
        drawing.rectangle((left, 17 * unit - tall, left + 1.4 * unit, 17 * unit), fill=_ACCENT)
    footer = f"{printable(presenter)}    {index + 1} / {len(SLIDES)}"
    drawing.text((2 * unit, 18.8 * unit), footer, fill=_ACCENT, anchor="lm", font=font(1.1))
    return np.asarray(image, dtype=np.uint8)


def _point(luma: NDArray[np.uint8], seconds: float) -> None:
    """A pointer on its way round the middle of the slide."""
    high, wide = luma.shape
    angle = 2 * pi * seconds / _POINTER_SECS
    x, y = round(wide * (0.45 + 0.05 * cos(angle))), round(high * (0.6 + 0.1 * sin(angle)))
    size = max(4, high // 40)
    luma[y : y + size, x : x + size] = _INK


@video("screen", FORMAT, tells=True)
def make(identity: Identity, **form: Any) -> ScreenSource:
    made = video_format(DEFAULT_FORMAT, **form)
    return ScreenSource(identity, made, loop=round(SLIDE_SECS * len(SLIDES) * made.fps))
