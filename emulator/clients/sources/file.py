"""`file`: what PyAV reads, played again and again: pictures at the size and rate asked for, sound as one channel.

The file is opened by Python and read through that, and what it refers to is not followed: neither other files nor the
network.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.clients.errors import SourceError
from emulator.clients.options import File
from emulator.clients.sources.base import FRAME_SAMPLES, SAMPLE_RATE, Identity, Samples, VideoFormat
from emulator.clients.sources.formats import FORMAT, LOOP_SECS, video_format
from emulator.clients.sources.registry import audio, video

if TYPE_CHECKING:
    import av
    import av.container

DEFAULT_FORMAT = VideoFormat(width=640, height=360, fps=15, bitrate=500_000)
_NOTHING_ELSE = {"protocol_whitelist": "none"}
"""A playlist may name other files and addresses; FFmpeg opens only what this list names, and there is no such thing."""
_HAIR = 1e-6
"""Seconds: what is due in the same instant by both clocks, is due."""
MAX_AUDIO_SECS = 600.0
"""What of a file's sound is kept in memory: 58 MB."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it was when it was named: `changed` in ns. Equal contents are encoded once."""

    path: Path
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> Content:
        facts = path.stat()
        return cls(path.resolve(), facts.st_size, facts.st_mtime_ns)


@contextmanager
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
    """Raises SourceError."""
    import av
    import av.error

    try:
        with path.open("rb") as file, av.open(file, "r", options=_NOTHING_ELSE) as container:
            yield container
    except (OSError, av.error.FFmpegError) as error:
        raise SourceError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


@dataclass(frozen=True, slots=True)
class VideoFile:
    """`seconds` is how long the file plays; what is longer than a minute is encoded as it goes."""

    content: Content
    format: VideoFormat
    seconds: float
    still: bool = False

    @property
    def loop(self) -> int:
        return self._length if self.seconds <= LOOP_SECS else 0

    @property
    def _length(self) -> int:
        """How many pictures a round has."""
        return max(1, round(self.seconds * self.format.fps))

    def painter(self) -> Callable[[int], av.VideoFrame]:
        pictures, form = self._pictures(), self.format
        shown = next(pictures)
        coming, rounds, last = next(pictures, None), 0, -1

        def paint(number: int) -> av.VideoFrame:
            nonlocal pictures, shown, coming, rounds, last
            again, place = divmod(number, self._length)
            if again != rounds or number < last:
                pictures, rounds = self._pictures(), again
                shown, coming = next(pictures), next(pictures, None)
            last = number
            while coming is not None and coming[0] <= place / form.fps + _HAIR:
                shown, coming = coming, next(pictures, None)
            picture = shown[1].reformat(form.width, form.height, format="yuv420p")
            picture.pts, picture.time_base = round(number * 90_000 / form.fps), Fraction(1, 90_000)
            return picture

        return paint

    def _pictures(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """From the file's beginning to its end, with their seconds."""
        with _opened(self.content.path) as container:
            first: float | None = None
            for picture in container.decode(video=0):
                at = float(picture.time or 0.0)
                first = at if first is None else first
                yield at - first, picture


@dataclass(frozen=True, slots=True)
class AudioFile:
    """The sound of a file, at most ten minutes of it."""

    content: Content

    @property
    def loop(self) -> int | None:
        return None  # how long it is, only reading it tells

    def prepare(self) -> None:
        _sound(self.content)

    def block(self, number: int) -> Samples:
        sound = _sound(self.content)
        place = number % (len(sound) // FRAME_SAMPLES) * FRAME_SAMPLES
        return sound[place : place + FRAME_SAMPLES]


@functools.lru_cache(maxsize=4)
def _sound(content: Content) -> Samples:
    """All of it: mono, 48 kHz, filled up with silence to whole blocks. Raises SourceError."""
    import av
    import numpy as np

    blocks = [np.zeros(0, np.int16)]
    with _opened(content.path) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        for frame in itertools.chain(container.decode(audio=0), (None,)):
            blocks += [part.to_ndarray().reshape(-1).astype(np.int16) for part in resampler.resample(frame)]
            if frame is not None and (frame.time or 0) >= MAX_AUDIO_SECS:
                break
    samples = np.concatenate(blocks)[: round(MAX_AUDIO_SECS * SAMPLE_RATE)]
    missing = -len(samples) % FRAME_SAMPLES if len(samples) else FRAME_SAMPLES
    return np.concatenate([samples, np.zeros(missing, np.int16)])


@video("file", {"path": File(), **FORMAT}, required=("path",))
def make_video(_identity: Identity, *, path: Path, **form: Any) -> VideoFile:
    with _opened(path) as container:
        if not container.streams.video:
            raise SourceError(f"{path} has no pictures in it")
        stream = container.streams.video[0]
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        else:
            seconds = (container.duration or 0) / 1_000_000
    if seconds <= 0:
        raise SourceError(f"{path} does not say how long it is")
    return VideoFile(Content.of(path), video_format(DEFAULT_FORMAT, **form), seconds)


@audio("file", {"path": File()}, required=("path",))
def make_audio(_identity: Identity, *, path: Path) -> AudioFile:
    with _opened(path) as container:
        if not container.streams.audio:
            raise SourceError(f"{path} has no sound in it")
    return AudioFile(Content.of(path))
