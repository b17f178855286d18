"""A simulcast publisher with real encoders, and a viewer that decodes: what is seen is read off the test card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import cast

import av
import numpy as np

from emulator.clients.sources.base import VideoFormat
from emulator.clients.video_encoder import VideoEncoder
from emulator.media.rtp import vp8
from emulator.media.rtp.assembler import Frame, FrameAssembler
from emulator.media.rtp.formats import PayloadFormat
from emulator.media.rtp.forwarding import Feed, Simulcast, Subscription
from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.rtcp import Fir, Nack, Pli, SenderReport, parse_compound, serialise_compound
from emulator.media.rtp.timing import ntp_time
from emulator.probes.card import TestCard, to_av_frame
from emulator.probes.card_reader import CardReading, read_card
from tests.media.rtp_kit import FakeClock, WholePackets, rtcp

PARTICIPANT = "5f0c6d7e-0d3a-4c39-9d0e-7d1b0f6a2c11"
FPS = 30
TICKS = 90_000 // FPS
SIZES = {"h": (640, 360), "m": (320, 180), "l": (160, 90)}
BITRATES = {"h": 400_000, "m": 200_000, "l": 80_000}
MEDIA, RTX = 96, 97
RID_ID, REPAIRED_ID = 10, 11
FORMATS = {
    111: PayloadFormat("audio", "opus", 48000),
    MEDIA: PayloadFormat("video", "VP8", 90000),
    RTX: PayloadFormat("video", "rtx", 90000, apt=MEDIA),
}


class Encoding:
    """One layer: its own encoder, SSRCs, sequence numbers, timestamps and picture ids, as browsers have them."""

    def __init__(self, rid: str, random: Random) -> None:
        self.rid = rid
        self.sending = True
        self.size = SIZES[rid]
        self.ssrc = random.getrandbits(32)
        self.rtx_ssrc = random.getrandbits(32)
        self.timestamp = random.getrandbits(32)
        self.sequence = random.getrandbits(16)
        self.rtx_sequence = random.getrandbits(16)
        self.picture_id = random.getrandbits(15)
        self.tl0picidx = random.getrandbits(8)
        self.keyframe_wanted = True
        self.keyframes = 0
        self.named = True
        self.sent: dict[int, RtpPacket] = {}
        self._card = TestCard(PARTICIPANT, "Alice", "self", *self.size)
        width, height = self.size
        self._encoder = VideoEncoder(VideoFormat(width=width, height=height, fps=FPS, bitrate=BITRATES[rid]))

    def packets(self, number: int) -> list[bytes]:
        picture = to_av_frame(self._card.draw(number))
        picture.pts = number * TICKS
        wanted, self.keyframe_wanted = self.keyframe_wanted, False
        encoded = self._encoder.encode(picture, keyframe=wanted)
        self.keyframes += encoded.keyframe
        payloads = vp8.packetise(encoded.data, self.picture_id, tl0picidx=self.tl0picidx, max_payload=400)
        self.picture_id += 1
        self.tl0picidx += 1
        made = []
        for index, payload in enumerate(payloads):
            packet = RtpPacket(
                MEDIA,
                self.sequence & 0xFFFF,
                (self.timestamp + number * TICKS) & 0xFFFFFFFF,
                self.ssrc,
                payload,
                marker=index == len(payloads) - 1,
                extensions={RID_ID: self.rid.encode()} if self.named else {},
            )
            self.sent[packet.sequence] = packet
            self.sequence += 1
            made.append(packet.serialise())
        return made

    def repair(self, sequence: int) -> bytes:
        """The packet again, on the retransmission stream (RFC 4588)."""
        packet = self.sent[sequence]
        self.rtx_sequence += 1
        return RtpPacket(
            RTX,
            self.rtx_sequence & 0xFFFF,
            packet.timestamp,
            self.rtx_ssrc,
            sequence.to_bytes(2, "big") + packet.payload,
            marker=packet.marker,
            extensions={REPAIRED_ID: self.rid.encode()},
        ).serialise()


@dataclass(frozen=True, slots=True)
class Sight:
    """One decoded picture: when, how large, what its card said (None: unreadable), and its RTP timestamp."""

    at: float
    width: int
    card: CardReading | None
    timestamp: int


class Watcher:
    """A subscription whose pictures are decoded. `lose` says which packets do not reach it."""

    def __init__(
        self,
        house: SimulcastHouse,
        layer: int | None = None,
        lose: Callable[[bytes], bool] = lambda data: False,
    ) -> None:
        self.sights: list[Sight] = []
        self.packets: list[RtpPacket] = []
        self.layers: list[int] = []
        self.reports: list[SenderReport] = []
        self.failures = 0
        self._house = house
        self._lose = lose
        self._assembler = FrameAssembler("VP8", max_wait=0.3)
        self._decoder = cast(av.VideoCodecContext, av.CodecContext.create("vp8", "r"))
        self._broken = False
        self.subscription = Subscription(
            house.feed,
            outlet=WholePackets(self._arrive),
            send_rtcp=self._report,
            payload_types={"audio": 111, "video": 100},
            cname="alice",
            random=house.random,
            layer=layer,
        )
        self.subscription.on_layer = self.layers.append
        house.feed.add(self.subscription)
        house.watchers.append(self)

    def _arrive(self, data: bytes) -> None:
        if self._lose(data):
            return
        packet = RtpPacket.parse(data)
        self.packets.append(packet)
        for frame in self._assembler.receive(packet, self._house.clock()):
            self._decode(frame)

    def _report(self, data: bytes) -> None:
        self.reports += [packet for packet in parse_compound(data) if isinstance(packet, SenderReport)]

    def _decode(self, frame: Frame) -> None:
        self._broken = (self._broken or frame.damaged or frame.lost_before > 0) and not frame.keyframe
        if self._broken or frame.damaged:
            self.failures += 1
            self.plead()
            return
        for picture in self._decoder.decode(av.Packet(frame.data)):
            plane = _luma(picture)
            self.sights.append(Sight(self._house.clock(), picture.width, read_card(plane), frame.timestamp))

    def plead(self) -> None:
        ssrc = self.subscription.video_ssrc
        self.subscription.receive_rtcp(rtcp(Pli(1, ssrc)))

    @property
    def numbers(self) -> list[int | None]:
        """The frame numbers seen, None for what could not be read."""
        return [None if sight.card is None else sight.card.frame_number for sight in self.sights]

    @property
    def widths(self) -> list[int]:
        """The sizes seen, without repetitions."""
        found: list[int] = []
        for sight in self.sights:
            if not found or found[-1] != sight.width:
                found.append(sight.width)
        return found


class SimulcastHouse:
    """One publisher of three layers, its feed, and watchers, on a clock that moves by frames."""

    def __init__(self, *, seed: int = 5, lose: Callable[[bytes], bool] = lambda data: False) -> None:
        self.clock = FakeClock()
        self.random = Random(seed)
        self.number = 0
        self.watchers: list[Watcher] = []
        self.encodings = {rid: Encoding(rid, self.random) for rid in SIZES}
        self._lose = lose
        self._to_publisher: list[bytes] = []
        self.feed = Feed(
            send_rtcp=self._to_publisher.append,
            clock=self.clock,
            random=self.random,
            formats=FORMATS,
            bitrate=800_000,
            simulcast=Simulcast(tuple(SIZES), RID_ID, REPAIRED_ID),
        )

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * FPS)):
            self.step()

    def step(self) -> None:
        """One frame of every layer that sends."""
        for encoding in self.encodings.values():
            if encoding.sending:
                for data in encoding.packets(self.number):
                    self._send(data)
                if self.number % FPS == 0:
                    self._sender_report(encoding)
        self.number += 1
        self._answer()
        now = self.clock.advance(1 / FPS)
        if self.number % 3 == 0:
            self.feed.tick(now)
            for watcher in self.watchers:
                watcher.subscription.tick(now)
            self._answer()

    def _sender_report(self, encoding: Encoding) -> None:
        timestamp = (encoding.timestamp + self.number * TICKS) & 0xFFFFFFFF
        self.feed.receive_rtcp(
            serialise_compound([SenderReport(encoding.ssrc, ntp_time(self.clock()), timestamp, 1, 1)])
        )

    def _send(self, data: bytes) -> None:
        if not self._lose(data):
            self.feed.receive_rtp(data)

    def _answer(self) -> None:
        """What a browser does on feedback."""
        while self._to_publisher:
            for packet in parse_compound(self._to_publisher.pop(0)):
                if not isinstance(packet, Pli | Fir | Nack):
                    continue
                for encoding in self.encodings.values():
                    if isinstance(packet, Pli) and packet.media_ssrc == encoding.ssrc:
                        encoding.keyframe_wanted = True
                    elif isinstance(packet, Nack) and packet.media_ssrc == encoding.ssrc:
                        for sequence in packet.lost:
                            self._send(encoding.repair(sequence))


def _luma(picture: av.VideoFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    plane = picture.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return np.ascontiguousarray(rows[:, : plane.width])
