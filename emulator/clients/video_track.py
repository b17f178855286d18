"""Pictures in time: a source's frames are drawn and encoded in a worker, and sent at a rate that does not drift."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from emulator.clients.beat import beat_of
from emulator.clients.picture_encoders import picture_encoder
from emulator.clients.sources.base import LoopingVideoSource, VideoSource
from emulator.clients.video_encoder import EncodedFrame
from emulator.clients.workers import Workers
from emulator.media.audio.pacer import TickSchedule

log = logging.getLogger("emulator.clients")

LATE_SECS = 0.1
STEP_SECS = 0.01
HAIR_SECS = 1e-5
"""As `TickSchedule` takes it: a hair early is on time."""


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
        self.late = 0
        """Of those sent, how many more than 0.1 s after their time."""
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
        self._encoder = picture_encoder(source)
        # Loops are for crowds, and send in step: forty timers would wake the event loop hundreds of times a second.
        loops = isinstance(source, LoopingVideoSource) and source.loop > 0
        self._beat = beat_of(self._loop, STEP_SECS) if loops else None

    def start(self, at: float | None = None, number: int = 0) -> None:
        """Begin now; a second call does nothing. `at`: the loop's time of the first picture, if not the present one.

        `number`: which picture that is.
        """
        if self._running:
            return
        self._running = True
        first_at = self._loop.time() if at is None else at
        period = 1 / self.source.format.fps
        self._number = number
        self._started_at = first_at - number * period
        self._schedule = TickSchedule(first_at, period=period, catch_up=1)
        self._tick()
        if self._beat is not None:
            self._beat.add(self._step)

    def request_keyframe(self) -> None:
        """The next picture is a keyframe."""
        self._keyframe_wanted = True

    async def stop(self) -> None:
        """No frame reaches the sink after this call; returns when the worker is done with the last one."""
        self._rest()
        job = self._job
        if job is not None and not job.cancel():
            await asyncio.wait([asyncio.wrap_future(job)])

    def _rest(self) -> None:
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._beat is not None:
            self._beat.remove(self._step)

    def _step(self) -> None:
        if self._loop.time() >= self._schedule.next_at - HAIR_SECS:
            self._tick()

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
        if self._beat is None:
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
            self._rest()
            return
        self._send(number, frame)

    def _send(self, number: int, frame: EncodedFrame) -> None:
        self.sent += 1
        at = self._started_at + number / self.source.format.fps
        self.late += self._loop.time() - at > LATE_SECS
        self._sink(TimedFrame(number, at, frame))
