"""What a media source is, and whom it speaks for.

A source is content, nothing more: it can say what picture or sound number n is. Timers, encoders and packets are the
tracks' business (`video_track.py`, `audio_track.py`), so a new source is one small file (README.md beside this one).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:  # scenarios are read, and checked, without a codec in memory
    import av
    import numpy as np
    from numpy.typing import NDArray

Samples: TypeAlias = "NDArray[np.int16]"
VideoCodec = Literal["VP8", "H264"]

SAMPLE_RATE = 48_000
FRAME_SAMPLES = 960
FRAMES_PER_SECOND = 50


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a source speaks for. `name` is for people, `tone` the index of the participant's chord."""

    participant_id: str
    name: str
    key: str
    tone: int


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """`fps` frames per second, `bitrate` in bit/s. Width and height are even.

    `simulcast`: it is sent three times at once, at the whole, half and a quarter of its size.
    """

    width: int
    height: int
    fps: float
    bitrate: int
    codec: VideoCodec = "VP8"
    simulcast: bool = False


@runtime_checkable
class VideoSource(Protocol):
    """Pictures by number. `painter` is called once per published track.

    A still source and one that loops are hashable: equal ones are encoded once, for everybody. One that is sent as
    simulcast is a dataclass, since its layers are made by replacing its format.
    """

    def __hash__(self) -> int: ...

    @property
    def format(self) -> VideoFormat: ...

    @property
    def still(self) -> bool:
        """All pictures are the same: one of them is encoded, once."""
        ...

    def painter(self) -> Callable[[int], av.VideoFrame]:
        """What draws picture n. Called in a worker thread, one picture at a time."""
        ...


@runtime_checkable
class LoopingVideoSource(VideoSource, Protocol):
    """One whose pictures repeat: they are encoded once, and cost nothing from then on."""

    @property
    def loop(self) -> int:
        """After how many pictures; 0: they do not. The first of them is a keyframe."""
        ...


@runtime_checkable
class StreamTimed(Protocol):
    """Content that goes by the time of its stream, so that sound and picture belong together.

    Picture n is that of n / fps seconds after the stream began, block n that of n times 20 ms after.
    """

    @property
    def stream_timed(self) -> Literal[True]: ...


@runtime_checkable
class AudioSource(Protocol):
    """Sound in blocks of 20 ms: 960 samples, 48 kHz, one channel. One that repeats is hashable."""

    def __hash__(self) -> int: ...

    @property
    def loop(self) -> int | None:
        """After how many blocks the content repeats (then equal sources are encoded once), None if it hardly does."""
        ...

    def block(self, number: int) -> Samples:
        """Block n, int16 of shape (960,)."""
        ...


@runtime_checkable
class PreparedAudioSource(AudioSource, Protocol):
    """One that has work to do before its first block, such as reading a file."""

    def prepare(self) -> None:
        """Called in a worker thread before any `block`; whatever it raises ends the track before it begins."""
        ...
