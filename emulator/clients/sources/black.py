"""`black`: the SDK's fallback for a missing camera, a black canvas of 180 x 180 at one frame per second.

signaling.md 4.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from emulator.clients.sources.base import Identity, VideoCodec, VideoFormat
from emulator.clients.sources.formats import CODEC
from emulator.clients.sources.registry import video

if TYPE_CHECKING:
    import av

BLACK_FORMAT = VideoFormat(width=180, height=180, fps=1, bitrate=50_000)
_BLACK_LUMA, _GREY_CHROMA = 16, 128


@dataclass(frozen=True, slots=True)
class BlackSource:
    format: VideoFormat = BLACK_FORMAT
    still: bool = True

    @classmethod
    def of(cls, codec: VideoCodec) -> BlackSource:
        return cls(replace(BLACK_FORMAT, codec=codec))

    def painter(self) -> Callable[[int], av.VideoFrame]:
        import av
        import numpy as np

        width, height = self.format.width, self.format.height
        planes = np.full((height * 3 // 2, width), _BLACK_LUMA, np.uint8)
        planes[height:] = _GREY_CHROMA

        def paint(number: int) -> av.VideoFrame:
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = round(number * 90_000 / self.format.fps)
            frame.time_base = Fraction(1, 90_000)
            return frame

        return paint


@video("black", {"codec": CODEC})
def make(_identity: Identity, *, codec: VideoCodec = "VP8") -> BlackSource:
    return BlackSource.of(codec)
