"""What a subscriber sees: encoded frames decoded in a worker, the test card read, everything noted and bounded.

Decoding every picture and reading its card is what a crowd of subscribers spends most on; so it is done only while
somebody looks. Otherwise the frames since the last keyframe are kept. Who looks then gets the picture of that moment,
and every one from then on.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import av
import av.error
import numpy as np

from emulator.clients.workers import Workers
from emulator.media.rtp.assembler import Frame
from emulator.probes.card_format import KNOWN_KEYS
from emulator.probes.card_reader import CardReading, read_card

log = logging.getLogger("emulator.clients")

MAX_BEHIND = 30
"""Frames that may wait for the decoder; with more, everything up to the next keyframe is left out."""
ATTENTION_SECS = 2.0
"""How long every picture is decoded as it comes, after somebody looked and at the beginning."""
MAX_KEPT = 150
"""Frames since the last keyframe that are kept while nobody looks; then they are decoded, and the last one noted."""
MAX_PICTURES = 8
MAX_SIGHTINGS = 1200
BLACK_LUMA = 24
"""Mean luma up to which a picture counts as black (16 is black in video range)."""

_DECODERS = {"vp8": "vp8", "h264": "h264"}


@dataclass(frozen=True, slots=True)
class Sighting:
    """One decoded picture. `at` is when its last packet came (loop time), `luma` its mean luma, 0 to 255.

    `reading` is what its test card says, None if there is none to be read.
    """

    number: int
    at: float
    width: int
    height: int
    luma: float
    reading: CardReading | None

    @property
    def black(self) -> bool:
        return self.reading is None and self.luma <= BLACK_LUMA

    def __str__(self) -> str:
        size = f"{self.width}x{self.height}"
        if self.reading is not None:
            who = self.reading
            return f"card of {who.participant_id}/{who.key}, frame {who.frame_number}, {size}"
        return f"a black picture, {size}" if self.black else f"a picture without a readable card, {size}"


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame:
    """A picture with what was seen in it."""

    sighting: Sighting
    picture: av.VideoFrame


class VideoReception:
    """Decodes one subscription's video and remembers the last pictures.

    `want_keyframe()` is called when decoding cannot go on without one. With `decode` False frames are only counted.
    """

    def __init__(
        self, codec: str, key: str, *, workers: Workers, want_keyframe: Callable[[], None], decode: bool = True
    ) -> None:
        self.codec = codec
        self.frames_received = 0
        self.keyframes_received = 0
        self.frames_decoded = 0
        self.frames_dropped = 0
        self.last_received_at: float | None = None
        self.changed = asyncio.Event()
        """Set whenever a picture was decoded; whoever waits clears it."""
        self._workers = workers
        self._want_keyframe = want_keyframe
        self._decode = decode
        self._decoder = _Decoder(_DECODERS[codec.lower()], (*KNOWN_KEYS, key))
        self._sightings: deque[Sighting] = deque(maxlen=MAX_SIGHTINGS)
        self._pictures: deque[DecodedFrame] = deque(maxlen=MAX_PICTURES)
        self._queue: deque[tuple[Frame, float]] = deque()
        self._job: Future[tuple[int, list[DecodedFrame]]] | None = None
        self._looked = True
        self._attended_until = 0.0
        self._waiting_for_keyframe = True
        self._closed = False

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """What was seen in the last 1200 pictures that were looked at, oldest first. Asking is looking."""
        self.look()
        return tuple(self._sightings)

    @property
    def pictures(self) -> tuple[DecodedFrame, ...]:
        """The last 8 of them. Asking is looking."""
        self.look()
        return tuple(self._pictures)

    @property
    def last_sighting(self) -> Sighting | None:
        """As far as anybody looked. Asking is not looking."""
        return self._sightings[-1] if self._sightings else None

    def look(self) -> None:
        """What has come is decoded here and now; and each picture that comes in the next 2 s, in a worker."""
        self._looked = True
        if self._job is None and self._queue and not self._closed:
            self._note(functools.partial(self._decoder.decode, self._take(), only_last=True))

    def receive(self, frame: Frame, now: float) -> None:
        """A frame in decoding order."""
        self.frames_received += 1
        self.keyframes_received += frame.keyframe
        self.last_received_at = now
        if not self._decode or self._closed:
            return
        if frame.damaged or frame.lost_before:
            self._waiting_for_keyframe = True
        elif self._job is not None and len(self._queue) >= MAX_BEHIND:
            self.frames_dropped += len(self._queue)
            self._queue.clear()
            self._waiting_for_keyframe = True
        if self._waiting_for_keyframe:
            if not frame.keyframe or frame.damaged:
                self.frames_dropped += 1
                self._want_keyframe()
                return
            self._waiting_for_keyframe = False
        if self._looked:
            self._looked = False
            self._attended_until = now + ATTENTION_SECS
        if frame.keyframe and now > self._attended_until:
            self._queue.clear()  # nobody has seen them, and nothing goes on from them
        self._queue.append((frame, now))
        if now <= self._attended_until or len(self._queue) >= MAX_KEPT:
            self._next_job()

    async def close(self) -> None:
        """Decode nothing more; returns when the worker is done. What was seen stays to be asked for."""
        self._closed = True
        self._queue.clear()
        job = self._job
        if job is not None and not job.cancel():
            await asyncio.wait([asyncio.wrap_future(job)])

    def _take(self) -> list[tuple[Frame, float]]:
        batch = list(self._queue)
        self._queue.clear()
        return batch

    def _next_job(self) -> None:
        if self._job is None and self._queue and not self._closed:
            only_last = self._queue[-1][1] > self._attended_until
            job = functools.partial(self._decoder.decode, self._take(), only_last=only_last)
            self._job = self._workers.submit(job, self._decoded)

    def _decoded(self, job: Future[tuple[int, list[DecodedFrame]]]) -> None:
        self._job = None
        if not self._closed and not job.cancelled():
            self._note(job.result)
            if self._queue and self._queue[-1][1] <= self._attended_until:
                self._next_job()

    def _note(self, result: Callable[[], tuple[int, list[DecodedFrame]]]) -> None:
        try:
            count, looked_at = result()
        except av.error.FFmpegError as error:
            log.warning("the %s decoder refused a frame: %s", self.codec, error)
            self.frames_dropped += 1
            self._waiting_for_keyframe = True
            self._want_keyframe()
        else:
            self.frames_decoded += count
            self._sightings.extend(frame.sighting for frame in looked_at)
            self._pictures.extend(looked_at)
            self.changed.set()


class _Decoder:
    """Lives in the worker, mostly: one call at a time."""

    def __init__(self, name: str, keys: tuple[str, ...]) -> None:
        self._name = name
        self._keys = keys
        self._context: av.VideoCodecContext | None = None
        self._count = 0

    def decode(self, batch: list[tuple[Frame, float]], *, only_last: bool) -> tuple[int, list[DecodedFrame]]:
        """How many pictures came out, and those that were looked at. Raises FFmpegError; decoding can go on with the
        next keyframe."""
        decoded = [(picture, at) for frame, at in batch for picture in self._open().decode(av.Packet(frame.data))]
        self._count += len(decoded)
        first = len(decoded) - 1 if only_last else 0
        number = self._count - len(decoded) + 1
        return len(decoded), [
            DecodedFrame(self._look(number + index, picture, at), picture)
            for index, (picture, at) in enumerate(decoded)
            if index >= first
        ]

    def _open(self) -> av.VideoCodecContext:
        if self._context is None:
            context = av.CodecContext.create(self._name, "r")
            assert isinstance(context, av.VideoCodecContext)
            context.thread_count = 1
            self._context = context
        return self._context

    def _look(self, number: int, picture: av.VideoFrame, at: float) -> Sighting:
        plane = picture.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        luma = rows[: picture.height, : picture.width]
        return Sighting(
            number=number,
            at=at,
            width=picture.width,
            height=picture.height,
            luma=float(luma[::8, ::8].mean()),
            reading=read_card(luma, self._keys),
        )
