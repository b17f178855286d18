"""What makes crowds cheap must not be noticed by those who look: cards that repeat, pictures decoded on demand."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from dataclasses import replace

import av
import numpy as np
import pytest

from emulator.clients.errors import SourceError
from emulator.clients.sources.base import Identity, LoopingVideoSource, VideoCodec
from emulator.clients.sources.noise import VideoNoise
from emulator.clients.sources.registry import video_source
from emulator.clients.sources.test_card import DEFAULT_FORMAT, TestCardSource
from emulator.clients.video_encoder import VideoEncoder
from emulator.clients.video_reception import ATTENTION_SECS, MAX_KEPT, VideoReception
from emulator.clients.video_track import TimedFrame, VideoTrack
from emulator.clients.workers import Workers
from emulator.media.rtp.assembler import Frame
from emulator.probes.card_reader import read_card

ALICE = Identity("3f1c7a52-5d0e-4b0e-9a53-0d6f6a1b2c11", "Alice", "self", 3)
LATER = ATTENTION_SECS + 1


@pytest.fixture
def workers() -> Iterator[Workers]:
    pool = Workers(1)
    yield pool
    pool.close()


# -- cards that repeat ------------------------------------------------------------------------------------------------


def _numbers(codec: VideoCodec, frames: list[TimedFrame]) -> list[int | None]:
    """What a viewer reads from these frames, decoded in this order."""
    decoder = av.CodecContext.create({"VP8": "vp8", "H264": "h264"}[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    pictures = [picture for frame in frames for picture in decoder.decode(av.Packet(frame.encoded.data))]
    readings = [read_card(np.ascontiguousarray(picture.to_ndarray()[: picture.height])) for picture in pictures]
    return [None if reading is None else reading.frame_number for reading in readings]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_a_card_that_repeats_is_encoded_once_and_a_keyframe_request_jumps_ahead_to_one(
    codec: VideoCodec, workers: Workers
) -> None:
    source = TestCardSource(ALICE, replace(DEFAULT_FORMAT, fps=30, codec=codec), loop=60)
    frames: list[TimedFrame] = []
    done = asyncio.Event()

    def sink(frame: TimedFrame) -> None:
        frames.append(frame)
        if len(frames) in (10, 75):
            track.request_keyframe()
        if len(frames) == 100:
            done.set()

    track = VideoTrack(source, workers=workers, sink=sink)
    track.start()
    async with asyncio.timeout(30):
        await done.wait()
    await track.stop()
    numbers = _numbers(codec, frames)
    asked = next(index for index in (10, 11) if frames[index].encoded.keyframe)  # 11: 10 was with the encoder already
    # The first round is encoded as it is sent, so there is a keyframe where one was wanted, and one each second.
    assert numbers[:60] == list(range(60))
    keys = [index for index, frame in enumerate(frames[:60]) if frame.encoded.keyframe]
    assert keys == [0, asked, 30]
    # Afterwards nothing is encoded any more: the next keyframe there is, is sent.
    assert numbers[60:75] == list(range(15))
    assert numbers[75] == 30
    assert numbers[75:] == [number % 60 for number in range(30, 55)]
    assert len({frame.encoded.data for frame in frames}) == 60


async def test_equal_sources_are_encoded_once_for_all_who_play_them(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    painter = VideoNoise.painter

    def counted(self: VideoNoise) -> Callable[[int], av.VideoFrame]:
        paint = painter(self)

        def count(number: int) -> av.VideoFrame:
            drawn.append(number)
            return paint(number)

        return count

    monkeypatch.setattr(VideoNoise, "painter", counted)
    form = replace(DEFAULT_FORMAT, width=160, height=90, fps=20)
    sent: list[list[bytes]] = [[], [], []]
    done = [asyncio.Event() for _ in sent]

    def sink(number: int, frame: TimedFrame) -> None:
        sent[number].append(frame.encoded.data)
        if len(sent[number]) == 45:
            done[number].set()

    tracks = [
        VideoTrack(VideoNoise(form), workers=workers, sink=functools.partial(sink, number))
        for number in range(len(sent))
    ]
    for track in tracks:
        track.start()
    async with asyncio.timeout(30):
        await asyncio.gather(*(each.wait() for each in done))
    await asyncio.gather(*(track.stop() for track in tracks))
    assert drawn == list(range(40))
    assert sent[0][:45] == sent[1][:45] == sent[2][:45]
    assert sent[0][40:45] == sent[0][:5]


def test_loop_is_an_option_of_the_test_card() -> None:
    source = video_source({"source": "test_card", "loop": 2, "fps": 10}, ALICE)
    assert isinstance(source, LoopingVideoSource)
    assert source.loop == 20
    live = video_source({"source": "test_card", "loop": 0}, ALICE)
    assert isinstance(live, TestCardSource)
    assert live.loop == 0
    with pytest.raises(SourceError, match="loop: expected a number from 0 to 60, got -1"):
        video_source({"source": "test_card", "loop": -1}, ALICE)


# -- pictures decoded on demand ---------------------------------------------------------------------------------------


@functools.cache
def _frames() -> tuple[Frame, ...]:
    """A keyframe at 0 and at 30; as many in all as are kept, and some more."""
    source = TestCardSource(ALICE, DEFAULT_FORMAT)
    encoder, paint = VideoEncoder(source.format), source.painter()
    encoded = [encoder.encode(paint(number), keyframe=number == 30) for number in range(MAX_KEPT + 45)]
    return tuple(Frame(number * 6000, each.data, each.keyframe) for number, each in enumerate(encoded))


def _reception(workers: Workers) -> VideoReception:
    return VideoReception("VP8", "self", workers=workers, want_keyframe=lambda: None)


async def _unattended(workers: Workers, count: int) -> VideoReception:
    """One that has had the first frame, and then no look for so long that it no longer decodes."""
    reception = _reception(workers)
    frames = _frames()
    reception.receive(frames[0], 0.0)
    async with asyncio.timeout(5):
        await reception.changed.wait()
    for number, frame in enumerate(frames[1:count], 1):
        reception.receive(frame, LATER + number / 15)
    return reception


def _seen(reception: VideoReception) -> list[int]:
    return [sighting.reading.frame_number for sighting in reception.sightings if sighting.reading is not None]


async def test_nothing_is_decoded_while_nobody_looks(workers: Workers) -> None:
    reception = await _unattended(workers, 20)
    assert (reception.frames_received, reception.frames_decoded) == (20, 1)
    await reception.close()


async def test_who_looks_has_the_newest_picture_at_once_and_each_one_after_it(workers: Workers) -> None:
    reception = await _unattended(workers, 20)
    assert _seen(reception) == [0, 19]
    assert reception.frames_decoded == 20
    reception.changed.clear()
    for number, frame in enumerate(_frames()[20:23]):
        reception.receive(frame, 100.0 + number / 15)
    async with asyncio.timeout(5):
        while reception.frames_decoded < 23:
            await reception.changed.wait()
            reception.changed.clear()
    assert _seen(reception) == [0, 19, 20, 21, 22]
    await reception.close()


async def test_frames_before_a_keyframe_are_let_go_when_nobody_has_looked(workers: Workers) -> None:
    reception = await _unattended(workers, 35)
    assert _seen(reception) == [0, 34]
    assert reception.frames_decoded == 1 + 5
    assert reception.frames_dropped == 0
    await reception.close()


async def test_what_is_kept_is_bounded_and_a_stream_without_keyframes_goes_on(workers: Workers) -> None:
    reception = await _unattended(workers, MAX_KEPT + 31)
    async with asyncio.timeout(5):
        while reception.frames_decoded < 1 + MAX_KEPT:
            reception.changed.clear()
            await reception.changed.wait()
    assert _seen(reception) == [0, 29 + MAX_KEPT, 30 + MAX_KEPT]
    await reception.close()


async def test_a_loss_leaves_what_came_before_it_to_be_seen(workers: Workers) -> None:
    reception = await _unattended(workers, 10)
    reception.receive(_frames()[11]._replace(lost_before=1), LATER + 2)
    assert _seen(reception) == [0, 9]
    assert reception.frames_dropped == 1
    await reception.close()
