"""Real encoders and decoders at both ends: encode, packetise, forward (with trouble on both ways), assemble, decode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from random import Random
from typing import cast

import av
import numpy as np
import pytest

from emulator.media.rtp import h264, vp8
from emulator.media.rtp.assembler import Frame, FrameAssembler
from emulator.media.rtp.formats import PayloadFormat
from emulator.media.rtp.forwarding import Feed, Subscription
from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.rtcp import Nack, serialise_compound
from emulator.media.rtp.sender import RtpSender

from .rtp_kit import FakeClock, WholePackets, rtcp_of

WIDTH, HEIGHT, FPS = 320, 180, 30
COUNT = 40
KEYFRAME_EVERY = 20
ENCODERS = {
    "VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "H264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency"}),
}
CODECS = ["VP8", "H264"]


def pictures() -> Iterator[av.VideoFrame]:
    """Noise that moves, so that frames take several packets."""
    noise = np.random.default_rng(5).integers(0, 256, (HEIGHT * 3 // 2, WIDTH), dtype=np.uint8)
    for number in range(COUNT):
        frame = av.VideoFrame.from_ndarray(np.roll(noise, number * 3, axis=1), format="yuv420p")
        frame.pts = number
        frame.time_base = Fraction(1, FPS)
        yield frame


@cache
def encoded(codec: str) -> tuple[bytes, ...]:
    name, options = ENCODERS[codec]
    context = cast(av.VideoCodecContext, av.CodecContext.create(name, "w"))
    context.width, context.height = WIDTH, HEIGHT
    context.pix_fmt = "yuv420p"
    context.framerate = Fraction(FPS)
    context.time_base = Fraction(1, FPS)
    context.bit_rate = 1_500_000
    context.options = options
    frames: list[bytes] = []
    for number, picture in enumerate(pictures()):
        if number % KEYFRAME_EVERY == 0:
            picture.pict_type = av.video.frame.PictureType.I
        frames += [bytes(packet) for packet in context.encode(picture)]
    frames += [bytes(packet) for packet in context.encode(None)]
    assert len(frames) == COUNT
    return tuple(frames)


def decode(codec: str, frames: list[bytes]) -> int:
    """How many pictures come out; PyAV raises on damaged data."""
    context = av.CodecContext.create("vp8" if codec == "VP8" else "h264", "r")
    count = 0
    for data in frames:
        for picture in context.decode(av.Packet(data)):
            assert (picture.width, picture.height) == (WIDTH, HEIGHT)
            assert not picture.is_corrupt
            count += 1
    return count + len(context.decode(None))


def packetised(codec: str, frame: bytes, number: int) -> list[bytes]:
    return vp8.packetise(frame, number) if codec == "VP8" else h264.packetise(frame)


class Route:
    """Publisher -> feed -> subscriber, with something that may go wrong on either way."""

    def __init__(
        self,
        codec: str,
        *,
        upstream: Callable[[bytes, Callable[[bytes], None]], None] | None = None,
        downstream: Callable[[bytes, Callable[[bytes], None]], None] | None = None,
    ) -> None:
        self.codec = codec
        self.clock = FakeClock()
        rng = Random(11)
        self.assembler = FrameAssembler(codec, max_wait=2.0)
        self.frames: list[Frame] = []
        self.received: list[RtpPacket] = []
        self.to_publisher: list[bytes] = []
        self.feed = Feed(
            send_rtcp=self.to_publisher.append,
            clock=self.clock,
            random=rng,
            formats={96: PayloadFormat("video", codec, 90000)},
            bitrate=1_000_000,
        )
        self.upstream = upstream
        self.rng = rng
        self.sender = self.make_sender()
        self.subscription = Subscription(
            self.feed,
            outlet=WholePackets(self.arrive if downstream is None else lambda data: downstream(data, self.arrive)),
            send_rtcp=lambda data: None,
            payload_types={"audio": 111, "video": 100},
            cname="publisher",
            random=rng,
        )

    def make_sender(self) -> RtpSender:
        """A sender with an SSRC of its own."""
        upstream, deliver = self.upstream, self.feed.receive_rtp
        return RtpSender(
            send_rtp=deliver if upstream is None else lambda data: upstream(data, deliver),
            send_rtcp=self.feed.receive_rtcp,
            clock=self.clock,
            random=self.rng,
            payload_type=96,
            clock_rate=90000,
            cname="publisher",
        )

    def arrive(self, data: bytes) -> None:
        packet = RtpPacket.parse(data)
        self.received.append(packet)
        self.frames += self.assembler.receive(packet, self.clock())

    def run(self, frames: range = range(COUNT)) -> None:
        for number in frames:
            data = encoded(self.codec)[number]
            self.sender.send_frame(packetised(self.codec, data, number), number * 3000)
            while self.to_publisher:
                self.sender.receive_rtcp(self.to_publisher.pop(0))
            self.feed.tick(self.clock.advance(1 / FPS))
            while self.to_publisher:
                self.sender.receive_rtcp(self.to_publisher.pop(0))

    def finish(self) -> list[Frame]:
        self.frames += self.assembler.flush()
        return self.frames


class Reorder:
    """Holds one packet in three back, behind up to four others."""

    def __init__(self) -> None:
        self.rng = Random(2)
        self.held: list[bytes] = []

    def __call__(self, data: bytes, deliver: Callable[[bytes], None]) -> None:
        if self.rng.random() < 0.3 and len(self.held) < 4:
            self.held.append(data)
            return
        deliver(data)
        while self.held and self.rng.random() < 0.5:
            deliver(self.held.pop(self.rng.randrange(len(self.held))))


class Lose:
    """Loses one packet in ten, never the same twice: a retransmission comes through."""

    def __init__(self) -> None:
        self.rng = Random(4)
        self.lost: set[bytes] = set()

    def __call__(self, data: bytes, deliver: Callable[[bytes], None]) -> None:
        if data not in self.lost and self.rng.random() < 0.1:
            self.lost.add(data)
        else:
            deliver(data)


def assert_clean(codec: str, frames: list[Frame], expected: tuple[bytes, ...]) -> None:
    assert not any(frame.damaged or frame.lost_before for frame in frames)
    if codec == "VP8":
        assert [frame.data for frame in frames] == list(expected)
    else:  # start codes may be shorter at the encoder
        assert [h264.split_annex_b(frame.data) for frame in frames] == [h264.split_annex_b(d) for d in expected]
    assert decode(codec, [frame.data for frame in frames]) == len(expected)


@pytest.mark.parametrize("codec", CODECS)
def test_frames_survive_packets_and_forwarding(codec: str) -> None:
    route = Route(codec)
    route.feed.add(route.subscription)
    route.run()
    assert_clean(codec, route.finish(), encoded(codec))
    assert [n for n, frame in enumerate(route.frames) if frame.keyframe] == [*range(0, COUNT, KEYFRAME_EVERY)]
    assert len(route.received) > 2 * COUNT, "frames are meant to take several packets"


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("way", ["up", "down", "both"])
def test_reordering_is_survived(codec: str, way: str) -> None:
    route = Route(
        codec,
        upstream=Reorder() if way in ("up", "both") else None,
        downstream=Reorder() if way in ("down", "both") else None,
    )
    route.feed.add(route.subscription)
    route.run()
    # What the impairment still holds at the end belongs to the last frames.
    frames = route.finish()[: COUNT - 5]
    assert_clean(codec, frames, encoded(codec)[: COUNT - 5])


@pytest.mark.parametrize("codec", CODECS)
def test_losses_on_the_way_up_are_repaired(codec: str) -> None:
    lose = Lose()
    route = Route(codec, upstream=lose)
    route.feed.add(route.subscription)
    route.run()
    assert len(lose.lost) > 10
    assert route.feed.stats().nacked >= len(lose.lost) - 2
    assert_clean(codec, route.finish()[: COUNT - 1], encoded(codec)[: COUNT - 1])


@pytest.mark.parametrize("codec", CODECS)
def test_losses_on_the_way_down_are_repaired_by_nack(codec: str) -> None:
    lose = Lose()
    route = Route(codec, downstream=lose)
    route.feed.add(route.subscription)
    asked: set[bytes] = set()
    for number in range(COUNT):
        route.run(range(number, number + 1))
        lost = sorted(RtpPacket.parse(data).sequence for data in lose.lost - asked)
        asked |= lose.lost
        if lost:
            route.subscription.receive_rtcp(serialise_compound([Nack(1, route.subscription.video_ssrc, tuple(lost))]))
    assert len(lose.lost) > 10
    assert_clean(codec, route.finish(), encoded(codec))
    assert route.subscription.stats().video.resent == len(lose.lost)


@pytest.mark.parametrize("codec", CODECS)
def test_a_newcomer_decodes_from_the_cached_keyframe_on(codec: str) -> None:
    route = Route(codec)
    route.run(range(30))
    route.feed.add(route.subscription)
    cached = len(route.finish())
    assert cached == 30 - KEYFRAME_EVERY
    route.run(range(30, COUNT))
    assert_clean(codec, route.finish(), encoded(codec)[KEYFRAME_EVERY:])
    assert rtcp_of(route.to_publisher, Nack) == []


@pytest.mark.parametrize("codec", CODECS)
def test_a_pause_in_mid_group_leaves_nothing_undecodable(codec: str) -> None:
    route = Route(codec)
    route.feed.add(route.subscription)
    route.run(range(8))
    route.subscription.set_relay(video=False)
    route.run(range(8, 15))
    route.subscription.set_relay(video=True)
    route.run(range(15, COUNT))
    # The group so far is sent again, from its keyframe on.
    assert_clean(codec, route.finish(), encoded(codec)[:8] + encoded(codec))


@pytest.mark.parametrize("codec", CODECS)
def test_another_ssrc_in_mid_group_leaves_nothing_undecodable(codec: str) -> None:
    route = Route(codec)
    route.feed.add(route.subscription)
    route.run(range(5))
    route.sender = route.make_sender()
    route.run(range(10, COUNT))
    assert_clean(codec, route.finish(), encoded(codec)[:5] + encoded(codec)[KEYFRAME_EVERY:])
