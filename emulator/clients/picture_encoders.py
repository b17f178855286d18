"""From a source's pictures to encoded ones: anew each time, once round for everybody, or once and for all."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

from emulator.clients.sources.base import LoopingVideoSource, VideoSource
from emulator.clients.video_encoder import EncodedFrame, VideoEncoder

if TYPE_CHECKING:
    import av

KEYFRAME_SECS = 1.0
"""Between two keyframes of a loop, so that one is never far when it is asked for."""


class PictureEncoder(Protocol):
    """One track's way through its source."""

    def ready(self, keyframe: bool) -> EncodedFrame | None:
        """The next picture, if it has been encoded already. Called while no `encode` is under way."""
        ...

    def encode(self, number: int, keyframe: bool) -> EncodedFrame:
        """In a worker, when none was ready."""
        ...


def picture_encoder(source: VideoSource) -> PictureEncoder:
    if source.still:
        return _StillEncoder(source)
    if isinstance(source, LoopingVideoSource) and source.loop:
        return _LoopEncoder(source)
    return _LiveEncoder(source)


class _LiveEncoder:
    """Draws and encodes. What it needs is made in the worker, with the first picture."""

    def __init__(self, source: VideoSource) -> None:
        self._source = source
        self._parts: tuple[Callable[[int], av.VideoFrame], VideoEncoder] | None = None

    def ready(self, keyframe: bool) -> EncodedFrame | None:
        return None

    def encode(self, number: int, keyframe: bool) -> EncodedFrame:
        if self._parts is None:
            self._parts = self._source.painter(), VideoEncoder(self._source.format)
        paint, encoder = self._parts
        return encoder.encode(paint(number), keyframe=keyframe)


class _Loop:
    """The encoded pictures of a source, as far as anybody has come. Whoever comes first encodes for the others."""

    def __init__(self, source: LoopingVideoSource) -> None:
        self.length = source.loop
        self.pictures: list[EncodedFrame] = []
        self._live = _LiveEncoder(source)
        self._apart = max(1, round(KEYFRAME_SECS * source.format.fps))
        self._lock = threading.Lock()

    def encode(self, position: int, keyframe: bool) -> tuple[int, EncodedFrame]:
        """The picture at a position, with a keyframe wanted the next one that is one. Called in workers."""
        with self._lock:
            while True:
                position %= self.length
                if position == len(self.pictures):
                    self.pictures.append(self._live.encode(position, keyframe or position % self._apart == 0))
                picture = self.pictures[position]
                if picture.keyframe or not keyframe:
                    return position, picture
                position += 1


_loops: WeakValueDictionary[VideoSource, _Loop] = WeakValueDictionary()
"""By source, for as long as a track plays it."""


class _LoopEncoder:
    """Plays a loop round and round. When a keyframe is wanted, it jumps ahead to the next one there is."""

    def __init__(self, source: LoopingVideoSource) -> None:
        loop = _loops.get(source)
        if loop is None:
            loop = _loops[source] = _Loop(source)
        self._loop = loop
        self._position = 0

    def ready(self, keyframe: bool) -> EncodedFrame | None:
        pictures, length = self._loop.pictures, self._loop.length
        position = self._position
        if keyframe:
            while position < len(pictures) and not pictures[position].keyframe:
                position += 1
        if position == length:
            position = 0
        self._position = position
        if position == len(pictures):
            return None
        self._position += 1
        return pictures[position]

    def encode(self, _number: int, keyframe: bool) -> EncodedFrame:
        position, picture = self._loop.encode(self._position, keyframe)
        self._position = position + 1
        return picture


class _StillEncoder:
    """The same keyframe again and again."""

    def __init__(self, source: VideoSource) -> None:
        self._source = source
        self._frame: EncodedFrame | None = None

    def ready(self, keyframe: bool) -> EncodedFrame | None:
        return self._frame

    def encode(self, _number: int, _keyframe: bool) -> EncodedFrame:
        self._frame = _still_picture(self._source)
        return self._frame


@functools.lru_cache(maxsize=16)
def _still_picture(source: VideoSource) -> EncodedFrame:
    """Encoded once per process, for all participants."""
    return VideoEncoder(source.format).encode(source.painter()(0), keyframe=True)
