"""A picture as planes."""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class YuvFrame:
    """A YUV 4:2:0 picture in video range: all three planes in one buffer, I420 order, no padding.

    `i420` has shape (height * 3 / 2, width), dtype uint8; width and height are even.
    """

    i420: NDArray[np.uint8]
    width: int
    height: int

    @property
    def y(self) -> NDArray[np.uint8]:
        """Luma, (height, width), a view."""
        return self.i420[: self.height]

    @property
    def u(self) -> NDArray[np.uint8]:
        """Blue difference, (height / 2, width / 2), a view."""
        return self._chroma(0)

    @property
    def v(self) -> NDArray[np.uint8]:
        """Red difference, (height / 2, width / 2), a view."""
        return self._chroma(1)

    def _chroma(self, index: int) -> NDArray[np.uint8]:
        size = self.width * self.height // 4
        start = self.width * self.height + index * size
        return self.i420.reshape(-1)[start : start + size].reshape(self.height // 2, self.width // 2)


def to_av_frame(frame: YuvFrame, pts: int | None = None, time_base: Fraction | None = None) -> av.VideoFrame:
    """The same picture for an encoder. It may share memory with `frame`: do not write to either afterwards."""
    # PyAV rounds the place of the V plane to whole luma rows, which is wrong unless four divide the height.
    wrap = av.VideoFrame.from_ndarray if frame.height % 4 else av.VideoFrame.from_numpy_buffer
    out = wrap(frame.i420, format="yuv420p")
    out.pts = pts
    if time_base is not None:
        out.time_base = time_base
    return out
