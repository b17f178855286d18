"""`noise`: pictures that no encoder can press into its bitrate, and a hiss that the mixer has to carry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from emulator.clients.options import Number
from emulator.clients.sources.base import FRAME_SAMPLES, FRAMES_PER_SECOND, Identity, Samples, VideoFormat
from emulator.clients.sources.formats import FORMAT, video_format
from emulator.clients.sources.registry import audio, video

if TYPE_CHECKING:
    import av

DEFAULT_FORMAT = VideoFormat(width=320, height=180, fps=15, bitrate=300_000)
AMPLITUDE = 0.05
_LOOP_SECS = 2
_SEED = 7
"""The same noise for everybody: it says nothing about who makes it, and is encoded once."""


@dataclass(frozen=True, slots=True)
class VideoNoise:
    format: VideoFormat = DEFAULT_FORMAT
    still: bool = False

    @property
    def loop(self) -> int:
        return round(_LOOP_SECS * self.format.fps)

    def painter(self) -> Callable[[int], av.VideoFrame]:
        import av
        import numpy as np

        width, height, fps = self.format.width, self.format.height, self.format.fps

        def paint(number: int) -> av.VideoFrame:
            dice = np.random.default_rng((_SEED, number))
            planes = dice.integers(16, 236, (height * 3 // 2, width), np.uint8)
            picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts, picture.time_base = round(number * 90_000 / fps), Fraction(1, 90_000)
            return picture

        return paint


@dataclass(frozen=True, slots=True)
class AudioNoise:
    """White noise; `amplitude` is its peak as a share of full scale."""

    amplitude: float = AMPLITUDE

    @property
    def loop(self) -> int:
        return _LOOP_SECS * FRAMES_PER_SECOND

    def block(self, number: int) -> Samples:
        import numpy as np

        peak = round(self.amplitude * 32767)
        samples = np.random.default_rng((_SEED, number)).integers(-peak, peak + 1, FRAME_SAMPLES)
        return samples.astype(np.int16)


@video("noise", FORMAT)
def make_video(_identity: Identity, **form: Any) -> VideoNoise:
    return VideoNoise(video_format(DEFAULT_FORMAT, **form))


@audio("noise", {"amplitude": Number(0, 1)})
def make_audio(_identity: Identity, *, amplitude: float = AMPLITUDE) -> AudioNoise:
    return AudioNoise(amplitude)
