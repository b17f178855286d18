"""A publisher and subscribers made of lists: what the RTP tests share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import TypeVar

from hypothesis import HealthCheck, settings

from emulator.media.rtp.formats import Kind, PayloadFormat
from emulator.media.rtp.forwarding import Feed, Subscription
from emulator.media.rtp.header import HEADER, RtpPacket
from emulator.media.rtp.rtcp import RtcpPacket, parse_compound, serialise_compound
from emulator.media.rtp.sequence import sequence_delta, timestamp_delta
from emulator.media.rtp.vp8 import Vp8Descriptor

# Generated tests say nothing about speed: a busy machine must not fail them.
unhurried = settings(
    max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)

FORMATS = {
    111: PayloadFormat("audio", "opus", 48000),
    96: PayloadFormat("video", "VP8", 90000),
    97: PayloadFormat("video", "rtx", 90000, apt=96),
    102: PayloadFormat("video", "H264", 90000),
}
OUR_PAYLOAD_TYPES: dict[Kind, int] = {"audio": 63, "video": 120}
AUDIO_LEVEL_ID = 1

Found = TypeVar("Found", bound=RtcpPacket)


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> float:
        self.now += seconds
        return self.now


@dataclass
class Publisher:
    """Writes VP8 and Opus packets as a browser does, and hands them to a feed unless told to keep them."""

    feed: Feed
    clock: FakeClock
    video_ssrc: int = 0x1111
    audio_ssrc: int = 0x2222
    video_sequence: int = 65_500
    audio_sequence: int = 10
    video_timestamp: int = 0xFFFF_F000
    audio_timestamp: int = 5000
    picture_id: int = 32_760
    tl0picidx: int | None = None

    def make_frame(self, *, keyframe: bool = False, packets: int = 2, fps: float = 30) -> list[bytes]:
        """The next frame's packets, not given to the feed."""
        made = []
        for index in range(packets):
            descriptor = Vp8Descriptor(
                0x10 if index == 0 else 0x00, tl0picidx=self.tl0picidx, layer_flags=0x20 if self.tl0picidx else 0
            ).renumbered(self.picture_id, self.tl0picidx)
            body = bytes((0x00 if keyframe else 0x01,)) if index == 0 else bytes((0xAA,))
            packet = RtpPacket(
                96,
                self.video_sequence & 0xFFFF,
                self.video_timestamp & 0xFFFFFFFF,
                self.video_ssrc,
                descriptor + body + self.picture_id.to_bytes(2, "big") + bytes((index & 0xFF,)) * 20,
                marker=index == packets - 1,
                extensions={5: b"abc"},
            )
            made.append(packet.serialise())
            self.video_sequence += 1
        self.video_timestamp += round(90000 / fps)
        self.picture_id = (self.picture_id + 1) & 0x7FFF
        if self.tl0picidx is not None:
            self.tl0picidx = (self.tl0picidx + 1) & 0xFF
        return made

    def send_frame(self, *, keyframe: bool = False, packets: int = 2, fps: float = 30) -> None:
        for data in self.make_frame(keyframe=keyframe, packets=packets, fps=fps):
            self.feed.receive_rtp(data)
        self.clock.advance(1 / fps)

    def make_audio(self, level: int | None = 30) -> bytes:
        extensions = {} if level is None else {AUDIO_LEVEL_ID: bytes((level,))}
        packet = RtpPacket(
            111,
            self.audio_sequence & 0xFFFF,
            self.audio_timestamp & 0xFFFFFFFF,
            self.audio_ssrc,
            b"opus" + self.audio_sequence.to_bytes(4, "big"),
            extensions=extensions,
        )
        self.audio_sequence += 1
        self.audio_timestamp += 960
        return packet.serialise()

    def send_audio(self, level: int | None = 30) -> None:
        self.feed.receive_rtp(self.make_audio(level))
        self.clock.advance(0.02)


@dataclass
class Subscriber:
    """One subscription and everything it sent."""

    subscription: Subscription
    rtp: list[bytes] = field(default_factory=list)
    rtcp: list[bytes] = field(default_factory=list)

    def packets(self, kind: Kind) -> list[RtpPacket]:
        ssrc = self.subscription.audio_ssrc if kind == "audio" else self.subscription.video_ssrc
        return [packet for packet in map(RtpPacket.parse, self.rtp) if packet.ssrc == ssrc]

    @property
    def video(self) -> list[RtpPacket]:
        return self.packets("video")

    @property
    def audio(self) -> list[RtpPacket]:
        return self.packets("audio")


class WholePackets:
    """An outlet that hands over each packet as it would be sent."""

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self.send_rtp = send

    def post_rtp(
        self, flags: int, second: int, sequence: int, timestamp: int, ssrc: int, head: bytes, payload: bytes
    ) -> None:
        self.send_rtp(HEADER.pack(flags, second, sequence, timestamp, ssrc) + head + payload)


class House:
    """One feed with its publisher, on a clock that stands still unless moved."""

    def __init__(self, formats: Mapping[int, PayloadFormat] = FORMATS, *, bitrate: int = 500_000) -> None:
        self.clock = FakeClock()
        self.random = Random(7)
        self.to_publisher: list[bytes] = []
        self.heard: list[tuple[bytes, int, int, int | None]] = []
        self.feed = Feed(
            send_rtcp=self.to_publisher.append,
            clock=self.clock,
            random=self.random,
            formats=formats,
            bitrate=bitrate,
            audio_level_id=AUDIO_LEVEL_ID,
            on_audio=lambda *heard: self.heard.append(heard),
        )
        self.publisher = Publisher(self.feed, self.clock)

    def subscribe(
        self,
        *,
        add: bool = True,
        audio: bool = True,
        video: bool = True,
        mids: Mapping[Kind, tuple[int, str]] | None = None,
    ) -> Subscriber:
        rtp: list[bytes] = []
        rtcp: list[bytes] = []
        subscription = Subscription(
            self.feed,
            outlet=WholePackets(rtp.append),
            send_rtcp=rtcp.append,
            payload_types=OUR_PAYLOAD_TYPES,
            cname="alice/self",
            random=self.random,
            audio=audio,
            video=video,
            mids=mids,
        )
        if add:
            self.feed.add(subscription)
        return Subscriber(subscription, rtp, rtcp)

    def feedback(self, kind: type[Found]) -> list[Found]:
        """All RTCP packets of one kind that the publisher was sent, with the time forgotten."""
        return rtcp_of(self.to_publisher, kind)


def rtcp_of(datagrams: list[bytes], kind: type[Found]) -> list[Found]:
    return [packet for data in datagrams for packet in parse_compound(data) if isinstance(packet, kind)]


def descriptor_of(packet: RtpPacket) -> Vp8Descriptor:
    return Vp8Descriptor.parse(packet.payload)


def body_of(packet: RtpPacket) -> bytes:
    return packet.payload[descriptor_of(packet).length :]


def steps(packets: list[RtpPacket]) -> set[int]:
    """The distances of successive sequence numbers."""
    return {sequence_delta(later.sequence, earlier.sequence) for earlier, later in pairwise(packets)}


def times_grow(packets: list[RtpPacket]) -> bool:
    return all(timestamp_delta(later.timestamp, earlier.timestamp) >= 0 for earlier, later in pairwise(packets))


def frames(packets: list[RtpPacket]) -> list[int]:
    """The distinct timestamps in order."""
    return list(dict.fromkeys(packet.timestamp for packet in packets))


def rtcp(*packets: RtcpPacket) -> bytes:
    return serialise_compound(packets)
