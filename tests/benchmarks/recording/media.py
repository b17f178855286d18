"""Ten seconds of encoded media as a recording sees it: a mute gap, then another resolution, and few keyframes.

A WebRTC sender makes a keyframe when it must (start, after a mute, new size), not every second; so do these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

Codec = Literal["vp8", "h264", "opus"]

LENGTH = 10.0
"""Seconds from the first sample to the end of the last."""
GAP = (3.0, 4.5)
CHANGE = 6.0
SMALL, LARGE = (320, 180), (640, 360)
TONES = (500, 1500)
"""Hz before and after the gap."""

# Flat luma of the four quadrants (left to right, top to bottom) and chroma (U, V), before and after the change.
QUADRANTS = (210, 60, 60, 130)
CHROMA = ((170, 100), (100, 170))

_FPS = 15
_VIDEO_CLOCK = 90_000
_BIT_RATE = 400_000
_AUDIO_CLOCK = 48_000
_AUDIO_FRAME = 960
_AUDIO_BIT_RATE = 32_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One encoded frame. `time` and `duration` count the clock of its track."""

    data: bytes
    time: int
    duration: int
    keyframe: bool


@dataclass(frozen=True, slots=True)
class Track:
    codec: Codec
    clock: int
    samples: tuple[Sample, ...]

    def seconds(self, index: int) -> float:
        """When sample `index` ends."""
        sample = self.samples[index]
        return (sample.time + sample.duration) / self.clock


def vp8() -> Track:
    options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"}
    return _video("vp8", "libvpx", options)


def h264() -> Track:
    """Constrained baseline in Annex B, parameter sets in front of every keyframe, as RTP brings it."""
    return _video("h264", "libx264", {"preset": "ultrafast", "tune": "zerolatency"})


def opus() -> Track:
    encoder = CodecContext.create("libopus", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate, encoder.bit_rate = _AUDIO_CLOCK, _AUDIO_BIT_RATE
    encoder.format, encoder.layout = "s16", "mono"
    encoder.options = {"application": "voip"}
    samples = []
    for time in range(0, int(LENGTH * _AUDIO_CLOCK), _AUDIO_FRAME):
        start = time / _AUDIO_CLOCK
        if GAP[0] <= start < GAP[1]:
            continue
        phase = (time + np.arange(_AUDIO_FRAME)) * (2 * np.pi * TONES[start >= GAP[1]] / _AUDIO_CLOCK)
        frame = AudioFrame.from_ndarray((np.sin(phase) * 8000).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = _AUDIO_CLOCK, time, Fraction(1, _AUDIO_CLOCK)
        # The encoder's own times know no gap; a packet's time is that of its frame, as the RTP timestamp says.
        for packet in encoder.encode(frame):
            samples.append(Sample(bytes(packet), time, _AUDIO_FRAME, True))
    return Track("opus", _AUDIO_CLOCK, tuple(samples))


def _video(codec: Codec, encoder_name: str, options: dict[str, str]) -> Track:
    step = _VIDEO_CLOCK // _FPS
    samples: list[Sample] = []
    # Each part begins with a keyframe: the start, the PLI after a mute, the new size.
    for begin, end, large in ((0.0, GAP[0], False), (GAP[1], CHANGE, False), (CHANGE, LENGTH, True)):
        times = range(int(begin * _VIDEO_CLOCK), int(end * _VIDEO_CLOCK), step)
        for packet in _encode(encoder_name, options, LARGE if large else SMALL, CHROMA[large], times):
            assert packet.pts is not None
            samples.append(Sample(bytes(packet), packet.pts, step, packet.is_keyframe))
    return Track(codec, _VIDEO_CLOCK, tuple(samples))


def _encode(
    name: str, options: dict[str, str], size: tuple[int, int], chroma: tuple[int, int], times: range
) -> Iterator[Packet[VideoStream]]:
    encoder = CodecContext.create(name, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.bit_rate, encoder.gop_size = "yuv420p", _BIT_RATE, 100_000
    encoder.time_base, encoder.framerate = Fraction(1, _VIDEO_CLOCK), Fraction(_FPS)
    encoder.options = options
    if name == "libx264":
        encoder.profile = "Constrained Baseline"
    for time, picture in zip(times, _pictures(*size, chroma), strict=False):
        frame = VideoFrame.from_ndarray(picture, "yuv420p")
        frame.pts, frame.time_base = time, Fraction(1, _VIDEO_CLOCK)
        yield from encoder.encode(frame)
    yield from encoder.encode(None)


def _pictures(width: int, height: int, chroma: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """Flat quadrants with a band of moving noise across the middle, which keeps the bit rate honest."""
    rng = np.random.default_rng(1)
    picture = np.empty((height * 3 // 2, width), np.uint8)
    luma = picture[:height]
    luma[: height // 2, : width // 2], luma[: height // 2, width // 2 :] = QUADRANTS[:2]
    luma[height // 2 :, : width // 2], luma[height // 2 :, width // 2 :] = QUADRANTS[2:]
    planes = picture[height:].reshape(2, -1)
    planes[0], planes[1] = chroma
    band = slice(height * 2 // 5, height * 3 // 5)
    while True:
        luma[band] = rng.integers(90, 166, luma[band].shape, dtype=np.uint8)
        yield picture
