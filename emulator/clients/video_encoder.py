"""One video stream's encoder, set the way a browser sets it: no look-ahead, keyframes only when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
from av.video.frame import PictureType

from emulator.clients.errors import MediaError
from emulator.clients.sources.base import VideoFormat
from emulator.media.rtp import h264, vp8

_OPTIONS = {
    "VP8": {
        "deadline": "realtime",
        "cpu-used": "8",
        "lag-in-frames": "0",
        "error-resilient": "0",
        "undershoot-pct": "95",
    },
    "H264": {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "bf": "0"},
}
_LIBRARIES = {"VP8": "libvpx", "H264": "libx264"}
_KEYFRAME_EVERY = 3000
"""Frames; as in Chromium, so hardly ever by itself."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """VP8 data, or H.264 in Annex B form; `parts` are the same cut for packets (`vp8.slices`, `h264.packetise`)."""

    data: bytes
    keyframe: bool
    parts: tuple[bytes, ...]


class VideoEncoder:
    """Not thread-safe, but may move from thread to thread between calls."""

    def __init__(self, form: VideoFormat) -> None:
        self._codec = form.codec
        context = av.CodecContext.create(_LIBRARIES[form.codec], "w")
        if not isinstance(context, av.VideoCodecContext):
            raise MediaError(f"this build of FFmpeg has no video encoder {_LIBRARIES[form.codec]}")
        context.width, context.height = form.width, form.height
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, 90_000)
        context.framerate = Fraction(form.fps).limit_denominator(1000)
        context.bit_rate = form.bitrate
        context.gop_size = _KEYFRAME_EVERY
        context.thread_count = 1
        context.options = _OPTIONS[form.codec]
        self._context = context

    def encode(self, picture: av.VideoFrame, *, keyframe: bool = False) -> EncodedFrame:
        """Raises MediaError. `picture.pts` must rise from call to call."""
        picture.pict_type = PictureType.I if keyframe else PictureType.NONE
        try:
            packets = self._context.encode(picture)
        except av.error.FFmpegError as error:
            raise MediaError(f"the {self._codec} encoder refused a picture: {error}") from error
        data = b"".join(bytes(packet) for packet in packets)
        if not data:
            raise MediaError(f"the {self._codec} encoder gave nothing for a picture")
        if self._codec == "VP8":
            return EncodedFrame(data, vp8.is_keyframe(data), vp8.slices(data))
        return EncodedFrame(data, h264.is_keyframe(data), tuple(h264.packetise(data)))
