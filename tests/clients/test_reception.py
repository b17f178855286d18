"""Receiving: feedback for what is lost, decoding that keeps up, sound with its gaps."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from emulator.clients.audio_reception import AudioReception
from emulator.clients.audio_track import encode_block
from emulator.clients.errors import MediaError
from emulator.clients.mix_connection import MixConnection
from emulator.clients.peer import MediaSettings, PublisherConnection, SubscriberConnection
from emulator.clients.room_session import shared_certificate
from emulator.clients.sources.base import Identity
from emulator.clients.sources.test_card import DEFAULT_FORMAT, TestCardSource
from emulator.clients.sources.tone import ToneSource
from emulator.clients.stream_receiver import StreamReceiver
from emulator.clients.video_encoder import VideoEncoder
from emulator.clients.video_reception import MAX_BEHIND, VideoReception
from emulator.clients.workers import Workers
from emulator.media.audio.opus import OpusEncoder
from emulator.media.rtp import vp8
from emulator.media.rtp.assembler import Frame
from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.rtcp import Nack, Pli, ReceiverReport, RtcpPacket, SenderReport, parse_compound
from emulator.media.transport.answer import make_answer
from emulator.media.transport.negotiation import MIX_POLICY, AnswerPolicy
from emulator.probes.tones import tones_in
from emulator.wire.sdp import Direction

ALICE = Identity("3f1c7a52-5d0e-4b0e-9a53-0d6f6a1b2c11", "Alice", "self", 3)


# -- feedback ---------------------------------------------------------------------------------------------------------


class Wire:
    """A receiver, the frames it gave and the RTCP it sent."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.sent: list[RtcpPacket] = []
        self.receiver = StreamReceiver(
            codec="VP8",
            clock_rate=90_000,
            nacks=True,
            own_ssrc=1,
            cname="me",
            send_rtcp=lambda data: self.sent.extend(parse_compound(data)),
            on_frame=lambda frame, _now: self.frames.append(frame),
        )

    def packet(self, sequence: int, now: float, *, ssrc: int = 9) -> None:
        payload = vp8.packetise(b"\x00" + bytes(20), sequence)[0]
        packet = RtpPacket(96, sequence, sequence * 3000, ssrc, payload, marker=True)
        self.receiver.receive(packet, now)

    def sent_of(self, kind: type[RtcpPacket]) -> list[RtcpPacket]:
        return [packet for packet in self.sent if isinstance(packet, kind)]


def test_a_missing_packet_is_asked_for_and_frames_stay_in_order() -> None:
    wire = Wire()
    for sequence in (10, 11, 13, 14, 15):
        wire.packet(sequence, sequence / 100)
    assert wire.sent_of(Nack) == [Nack(1, 9, (12,))]
    assert len(wire.frames) == 2
    wire.packet(12, 0.2)
    assert [frame.timestamp for frame in wire.frames] == [30_000, 33_000, 36_000, 39_000, 42_000, 45_000]
    assert wire.receiver.lost == 0


def test_what_never_comes_is_given_up_and_counted() -> None:
    wire = Wire()
    wire.packet(10, 0.0)
    wire.packet(12, 0.1)
    wire.receiver.tick(1.0)
    assert [frame.lost_before for frame in wire.frames] == [0, 1]
    assert wire.receiver.lost == 1


def test_reports_go_out_once_a_second_and_name_the_last_sender_report() -> None:
    wire = Wire()
    wire.receiver.tick(0.0)
    assert wire.sent == []  # nothing to report on yet
    wire.packet(10, 0.0)
    wire.receiver.sender_report(SenderReport(9, 5 << 32, 0, 1, 1), 0.1)
    for now in (0.1, 0.5, 1.0, 1.2):
        wire.receiver.tick(now)
    reports = wire.sent_of(ReceiverReport)
    assert len(reports) == 2
    assert all(isinstance(report, ReceiverReport) and report.reports[0].last_sr == 5 << 16 for report in reports)


def test_a_keyframe_is_asked_for_until_one_comes() -> None:
    wire = Wire()
    wire.packet(10, 0.0)
    wire.receiver.request_keyframe(0.0)
    for now in (0.1, 0.4, 0.6, 1.2):
        wire.receiver.tick(now)
    assert wire.sent_of(Pli) == [Pli(1, 9)] * 3
    wire.packet(11, 1.3)
    wire.receiver.tick(2.0)
    assert len(wire.sent_of(Pli)) == 3


def test_another_ssrc_begins_a_new_stream() -> None:
    wire = Wire()
    wire.packet(10, 0.0)
    wire.packet(40_000, 0.1, ssrc=77)
    assert len(wire.frames) == 2
    assert wire.receiver.ssrc == 77
    assert wire.sent_of(Nack) == []


# -- pictures ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def workers() -> Iterator[Workers]:
    pool = Workers(1)
    yield pool
    pool.close()


@functools.cache
def _card_frames() -> tuple[Frame, ...]:
    """60 frames, keyframes at 0 and 45."""
    source = TestCardSource(ALICE, replace(DEFAULT_FORMAT))
    encoder, paint = VideoEncoder(source.format), source.painter()
    frames = []
    for number in range(60):
        encoded = encoder.encode(paint(number), keyframe=number == 45)
        frames.append(Frame(number * 6000, encoded.data, encoded.keyframe))
    return tuple(frames)


class Screen:
    """A reception and how often it wanted a keyframe."""

    def __init__(self, workers: Workers, *, decode: bool = True) -> None:
        self.wanted = 0
        self.reception = VideoReception("VP8", "self", workers=workers, want_keyframe=self._want, decode=decode)

    def _want(self) -> None:
        self.wanted += 1

    async def decoded(self, count: int) -> list[int]:
        """The frame numbers seen, once there are so many."""
        async with asyncio.timeout(10):
            while self.reception.frames_decoded < count:
                self.reception.changed.clear()
                await self.reception.changed.wait()
        readings = [sighting.reading for sighting in self.reception.sightings]
        return [reading.frame_number for reading in readings if reading is not None]


async def test_frames_are_decoded_and_their_cards_read(workers: Workers) -> None:
    screen = Screen(workers)
    for number, frame in enumerate(_card_frames()[:10]):
        screen.reception.receive(frame, number / 15)
    assert await screen.decoded(10) == list(range(10))
    assert len(screen.reception.pictures) == 8
    assert screen.wanted == 0
    await screen.reception.close()


async def test_after_a_loss_pictures_wait_for_the_next_keyframe(workers: Workers) -> None:
    screen = Screen(workers)
    frames = _card_frames()
    for frame in (*frames[:5], frames[6]._replace(lost_before=1), *frames[7:9], *frames[45:50]):
        screen.reception.receive(frame, 0.0)
        await asyncio.sleep(0.01)
    assert await screen.decoded(10) == [0, 1, 2, 3, 4, 45, 46, 47, 48, 49]
    assert screen.wanted == 3
    assert screen.reception.frames_dropped == 3
    await screen.reception.close()


async def test_pictures_begin_with_a_keyframe_only(workers: Workers) -> None:
    screen = Screen(workers)
    for frame in _card_frames()[40:48]:
        screen.reception.receive(frame, 0.0)
    assert await screen.decoded(3) == [45, 46, 47]
    assert screen.wanted == 5
    await screen.reception.close()


async def test_a_decoder_that_is_behind_leaves_out_everything_up_to_the_next_keyframe(workers: Workers) -> None:
    screen = Screen(workers)
    free = threading.Event()
    blocked = asyncio.create_task(workers.run(functools.partial(free.wait, 10)))
    await asyncio.sleep(0)
    for frame in _card_frames()[: MAX_BEHIND + 5]:
        screen.reception.receive(frame, 0.0)
    assert screen.wanted >= 1
    free.set()
    await blocked
    for frame in _card_frames()[45:50]:
        screen.reception.receive(frame, 0.0)
    assert await screen.decoded(6) == [0, 45, 46, 47, 48, 49]
    await screen.reception.close()


async def test_garbage_costs_a_keyframe_and_not_the_reception(workers: Workers) -> None:
    screen = Screen(workers)
    screen.reception.receive(Frame(0, b"\x00\x01\x02", keyframe=True), 0.0)
    async with asyncio.timeout(5):
        while screen.wanted == 0:  # noqa: ASYNC110 - counted, not signalled
            await asyncio.sleep(0.01)
    for frame in _card_frames()[:3]:
        screen.reception.receive(frame, 0.0)
    assert await screen.decoded(3) == [0, 1, 2]
    await screen.reception.close()


async def test_without_decoding_frames_are_only_counted(workers: Workers) -> None:
    screen = Screen(workers, decode=False)
    for frame in _card_frames()[:4]:
        screen.reception.receive(frame, 0.0)
    await screen.reception.close()
    assert (screen.reception.frames_received, screen.reception.frames_decoded) == (4, 0)
    assert screen.reception.keyframes_received == 1


# -- sound ------------------------------------------------------------------------------------------------------------


@functools.cache
def _tone_packets() -> tuple[bytes, ...]:
    encoder, source = OpusEncoder(), ToneSource(ALICE.tone)
    return tuple(encode_block(encoder, source.block(number)).packet for number in range(100))


def _heard(numbers: list[int]) -> AudioReception:
    reception = AudioReception()
    for number in numbers:
        reception.receive(Frame(number * 960, _tone_packets()[number], keyframe=True), number * 0.02)
    return reception


def test_sound_is_decoded_when_asked_for() -> None:
    reception = _heard(list(range(100)))
    assert len(reception.samples()) == 96_000
    assert len(reception.samples(seconds=0.5)) == 24_000
    assert len(reception.samples(since=1.5)) == 24 * 960
    assert len(reception.samples(since=99.0)) == 0
    assert list(tones_in(reception.samples(seconds=0.5))) == [ALICE.tone]


def test_a_short_gap_is_concealed_and_a_long_one_is_silent() -> None:
    assert len(_heard([*range(20), *range(22, 40)]).samples()) == 40 * 960
    sound = _heard([*range(20), *range(60, 80)]).samples()
    assert len(sound) == 80 * 960
    assert np.abs(sound[25 * 960 : 59 * 960]).max() == 0


def test_what_is_no_opus_packet_is_counted() -> None:
    reception = _heard([0, 1, 2])
    reception.receive(Frame(3 * 960, b"\xff", keyframe=True), 0.06)
    assert len(reception.samples()) == 3 * 960
    assert reception.undecodable == 1


# -- connections ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def settings() -> MediaSettings:
    return MediaSettings("127.0.0.1", shared_certificate(), Random(1), "me", asyncio.get_running_loop().time)


def _nothing(_frame: Frame, _now: float) -> None:
    """Nobody listens."""


Spoil = Callable[[str], str]


@pytest.mark.parametrize(
    ("policy", "spoil", "text"),
    [
        (AnswerPolicy(audio=Direction.RECVONLY), str, r"audio to be sendrecv \(S-58\), got recvonly"),
        (MIX_POLICY, lambda sdp: sdp.replace("sendrecv", "sendonly"), r"to receive our audio \(S-58\), got sendonly"),
        (MIX_POLICY, lambda sdp: sdp[:40], "the answer does not fit"),
        (MIX_POLICY, lambda sdp: sdp.replace("a=setup:passive", "a=setup:actpass"), "setup:active or passive"),
    ],
)
async def test_a_mix_answer_that_would_stall_the_sdk_is_refused(
    settings: MediaSettings, policy: AnswerPolicy, spoil: Spoil, text: str
) -> None:
    mix = MixConnection("MIX", settings, heard=AudioReception())
    other = PublisherConnection("other", settings, codec="VP8", stream_id="s")
    try:
        answer, _ = make_answer(mix.offer(), replace(other._peer.local), policy)
        with pytest.raises(MediaError, match=text):
            mix.accept(spoil(answer.replace("a=setup:active", "a=setup:passive")))
    finally:
        mix.close()
        other.close()


async def test_an_offer_that_is_none_is_refused(settings: MediaSettings) -> None:
    subscriber = SubscriberConnection("SUB", settings, on_audio=_nothing, on_video=_nothing)
    with pytest.raises(MediaError, match="SUB: the offer cannot be answered"):
        subscriber.answer("v=0")
    subscriber.close()
    with pytest.raises(MediaError, match="SUB: closed before it was connected"):
        await subscriber.wait_connected()


async def test_a_connection_nobody_answers_says_so(settings: MediaSettings) -> None:
    publisher = PublisherConnection("PUB", settings, codec="VP8", stream_id="s")
    with pytest.raises(MediaError, match=r"PUB: not connected within 0\.02 s, but new"):
        await publisher.wait_connected(0.02)
    publisher.close()
    publisher.close()
