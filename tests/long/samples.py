"""Good RTP and RTCP, for damage to be done to."""

from __future__ import annotations

import random

from emulator.media.rtp.forwarding import Feed
from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.rtcp import (
    Bye,
    Fir,
    Nack,
    Pli,
    ReceiverReport,
    Remb,
    ReportBlock,
    RtcpPacket,
    Sdes,
    SenderReport,
    serialise_compound,
)
from tests.media.rtp_kit import FORMATS, FakeClock, Publisher


def rtp_samples() -> list[bytes]:
    clock = FakeClock()
    feed = Feed(send_rtcp=lambda data: None, clock=clock, random=random.Random(1), formats=FORMATS, bitrate=500_000)
    publisher = Publisher(feed, clock, tl0picidx=3)
    packets = [*publisher.make_frame(keyframe=True, packets=3), *publisher.make_frame(), publisher.make_audio()]
    packets.append(RtpPacket(111, 7, 8, 9, b"x" * 40, extensions={1: b"\x85", 14: b"y" * 16}).serialise())
    packets.append(RtpPacket(111, 7, 8, 9, b"x" * 40, extensions={20: b"two bytes", 255: b"z" * 30}).serialise())
    repair = RtpPacket(97, 1, 2, 3, (7).to_bytes(2, "big") + b"\x10\0\0repaired")
    return [*packets, repair.serialise(), b"\xb0" + packets[0][1:] + b"\0\0\3"]


BLOCK = ReportBlock(0x1111, 3, -2, 70_000, 12, 0x12345678, 999)
COMPOUNDS: list[list[RtcpPacket]] = [
    [SenderReport(0x1111, 1 << 60, 90_000, 5, 600, (BLOCK, BLOCK)), Sdes(((0x1111, "cname"),))],
    [ReceiverReport(1, (BLOCK,)), Sdes(((1, "é" * 20), (2, ""))), Nack(1, 0x1111, (1, 2, 17, 40, 65_535))],
    [ReceiverReport(1, ()), Pli(1, 2), Fir(1, ((2, 7), (3, 8))), Remb(1, 500_000, (2, 3))],
    [ReceiverReport(1, ()), Bye((1, 2), "gone")],
]


def rtcp_samples() -> list[bytes]:
    return [serialise_compound(packets) for packets in COMPOUNDS]
