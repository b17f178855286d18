"""What PyAV finds in a file, measured against what had been written."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.video.frame import VideoFrame

from tests.benchmarks.recording.media import CHANGE, QUADRANTS, SMALL, Track

_TOLERANCE = 0.007
"""Seconds: Matroska counts milliseconds, and an Opus packet may be told to begin where its pre-skip does (6.5 ms)."""
_LUMA_TOLERANCE = 30


@dataclass(frozen=True, slots=True)
class Found:
    opened: bool
    missing: float
    """Seconds of media that had been written after the last whole sample. Gaps do not count."""
    holes: int
    """Samples missing before that."""
    duration: float | None
    """What the file itself claims, in seconds."""
    complaint: str = ""
    """The error that ended reading, if any."""


@dataclass(frozen=True, slots=True)
class Decoded:
    frames: int
    sizes: tuple[tuple[int, int], ...]
    right: bool
    """Video: every picture is the one that went in. Audio: it could be decoded."""
    complaint: str = ""


def inspect(source: Path | bytes, track: Track, written: int) -> Found:
    """Reads packets only. `written`: how many samples had been handed to the muxer."""
    lost = [sample.duration / track.clock for sample in track.samples[:written]]
    times: list[float] = []
    complaint = ""
    try:
        container = _open(source)
    except av.error.FFmpegError as error:
        return Found(False, sum(lost), 0, None, type(error).__name__)
    with container:
        duration = None if container.duration is None else container.duration / av.time_base
        try:
            for packet in container.demux():
                if packet.pts is not None and packet.size and not packet.is_corrupt:
                    assert packet.time_base is not None
                    times.append(float(packet.pts * packet.time_base))
        except av.error.FFmpegError as error:
            complaint = type(error).__name__
    known = np.array(times)
    whole = [
        index
        for index, sample in enumerate(track.samples[:written])
        if known.size and np.abs(known - sample.time / track.clock).min() <= _TOLERANCE
    ]
    if not whole:
        return Found(False, sum(lost), 0, duration, complaint or "no samples")
    return Found(True, sum(lost[whole[-1] + 1 :]), whole[-1] + 1 - len(whole), duration, complaint)


def decode(source: Path | bytes) -> Decoded:
    """Decodes everything and compares each picture with what was drawn."""
    frames, sizes, right, complaint = 0, [], True, ""
    try:
        with _open(source) as container:
            for frame in container.decode(container.streams[0]):
                frames += 1
                if isinstance(frame, VideoFrame):
                    assert frame.time is not None
                    size = (frame.width, frame.height)
                    right &= _is_right(frame) and (size == SMALL) == (frame.time < CHANGE)
                    if size not in sizes:
                        sizes.append(size)
                else:
                    assert isinstance(frame, AudioFrame)
    except av.error.FFmpegError as error:
        complaint = type(error).__name__
    return Decoded(frames, tuple(sizes), right and frames > 0, complaint)


def _is_right(frame: VideoFrame) -> bool:
    luma = frame.to_ndarray(format="yuv420p")[: frame.height]
    high, wide = frame.height, frame.width
    seen = [int(luma[high * y // 6, wide * x // 6]) for y in (1, 5) for x in (1, 5)]
    return all(abs(a - b) <= _LUMA_TOLERANCE for a, b in zip(seen, QUADRANTS, strict=True))


def _open(source: Path | bytes) -> InputContainer:
    target = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    return cast(InputContainer, av.open(cast(Any, target)))
