"""Pictures in time: one timer draws and encodes a source's frames in a worker, at a rate that does not drift."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Protocol

import av

from emulator.clients.sources.base import LoopingVideoSource, VideoSource
from emulator.clients.video_encoder import EncodedFrame, VideoEncoder
from emulator.clients.workers import Workers
from emulator.media.audio.pacer import TickSchedule

log = logging.getLogger("emulator.clients")


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """An encoded picture with its number and the loop's time it belongs to."""

    number: int
    at: float
    encoded: EncodedFrame


class VideoTrack:
    """Plays one source into `sink(frame)`, from `start` to `stop`. The first frame is a keyframe.

    A picture whose turn comes while the one before is still being encoded is left out and counted in `skipped`.
    """

    def __init__(self, source: VideoSource, *, workers: Workers, sink: Callable[[TimedFrame], None]) -> None:
        self.source = source
        self.sent = 0
        self.skipped = 0
        self.failure: BaseException | None = None
        """Why there are no more pictures, if drawing or encoding failed."""
        self._workers = workers
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._job: Future[EncodedFrame] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._keyframe_wanted = True
        self._running = False
        self._started_at = 0.0
        self._schedule = TickSchedule(0.0, period=1 / source.format.fps, catch_up=1)
        self._number = 0
        self._encoder = _encoder(source)

    def start(self) -> None:
        """Begin now; a second call does nothing."""
        if self._running:
            return
        self._running = True
        self._started_at = self._loop.time()
        self._schedule = TickSchedule(self._started_at, period=1 / self.source.format.fps, catch_up=1)
        self._tick()

    def request_keyframe(self) -> None:
        """The next picture is a keyframe."""
        self._keyframe_wanted = True

    async def stop(self) -> None:
        """No frame reaches the sink after this call; returns when the worker is done with the last one."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        job = self._job
        if job is not None and not job.cancel():
            await asyncio.wait([asyncio.wrap_future(job)])

    def _tick(self) -> None:
        due = self._schedule.due(self._loop.time())
        self.skipped += due.skipped
        self._number += due.skipped
        if due.ticks:
            number = self._number
            self._number += 1
            if self._job is None:
                self._begin(number)
            else:
                self.skipped += 1
        self._timer = self._loop.call_at(self._schedule.next_at, self._tick)

    def _begin(self, number: int) -> None:
        keyframe, self._keyframe_wanted = self._keyframe_wanted, False
        ready = self._encoder.ready(keyframe)
        if ready is not None:
            self._send(number, ready)
            return
        self._job = self._workers.submit(
            functools.partial(self._encoder.encode, number, keyframe), functools.partial(self._encoded, number)
        )

    def _encoded(self, number: int, job: Future[EncodedFrame]) -> None:
        self._job = None
        if not self._running:
            return
        try:
            frame = job.result()
        except CancelledError:
            return
        except Exception as error:
            # Whatever a source raises ends its track only, and is there to be seen.
            log.exception("a video source failed at picture %d", number)
            self.failure = error
            self._running = False
            if self._timer is not None:
                self._timer.cancel()
            return
        self._send(number, frame)

    def _send(self, number: int, frame: EncodedFrame) -> None:
        self.sent += 1
        self._sink(TimedFrame(number, self._started_at + number / self.source.format.fps, frame))


class _Encoder(Protocol):
    def ready(self, keyframe: bool) -> EncodedFrame | None:
        """The next picture, if it has been encoded already. Called while no `encode` is under way."""
        ...

    def encode(self, number: int, keyframe: bool) -> EncodedFrame:
        """In a worker, when none was ready."""
        ...


def _encoder(source: VideoSource) -> _Encoder:
    if source.still:
        return _StillEncoder(source)
    return _LoopEncoder(source) if isinstance(source, LoopingVideoSource) else _LiveEncoder(source)


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


class _LoopEncoder:
    """Encodes the first round and repeats it. When a keyframe is wanted, the next round begins early."""

    def __init__(self, source: LoopingVideoSource) -> None:
        self._live = _LiveEncoder(source)
        self._length = source.loop
        self._frames: list[EncodedFrame] = []
        self._position = 0

    def ready(self, keyframe: bool) -> EncodedFrame | None:
        if keyframe or self._position == self._length:
            self._position = 0
        if self._position == len(self._frames):
            return None
        self._position += 1
        return self._frames[self._position - 1]

    def encode(self, _number: int, _keyframe: bool) -> EncodedFrame:
        # Wherever rounds began early, the encoder goes on from the last picture it made.
        frame = self._live.encode(self._position, keyframe=self._position == 0)
        self._frames.append(frame)
        self._position += 1
        return frame


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
