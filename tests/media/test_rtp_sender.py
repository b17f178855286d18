from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp.header import RtpError, RtpPacket
from emulator.media.rtp.nack import SentPackets
from emulator.media.rtp.rtcp import (
    Bye,
    Fir,
    Nack,
    Pli,
    ReceiverReport,
    Remb,
    ReportBlock,
    Sdes,
    SenderReport,
    serialise_compound,
)
from emulator.media.rtp.sender import RESENDS, RtpSender
from emulator.media.rtp.sequence import sequence_delta, timestamp_delta
from emulator.media.rtp.timing import ntp_middle, ntp_time

from .rtp_kit import FakeClock, House, rtcp_of, unhurried


class Sending:
    """A sender and all it did."""

    def __init__(self, **options: object) -> None:
        self.clock = FakeClock()
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.keyframes = 0
        self.bitrates: list[int] = []
        settings: dict[str, object] = {
            "payload_type": 96,
            "clock_rate": 90000,
            "cname": "alice",
            "ssrc": 7,
            "on_keyframe_request": self._keyframe,
            "on_remb": self.bitrates.append,
        } | options
        self.sender = RtpSender(
            send_rtp=self.rtp.append,
            send_rtcp=self.rtcp.append,
            clock=self.clock,
            random=Random(3),
            **settings,  # type: ignore[arg-type]  # options of one test, named as the constructor names them
        )

    def _keyframe(self) -> None:
        self.keyframes += 1

    @property
    def packets(self) -> list[RtpPacket]:
        return [RtpPacket.parse(data) for data in self.rtp]


def test_a_frames_packets_share_a_timestamp_and_the_last_is_marked() -> None:
    sending = Sending()
    sending.sender.send_frame([b"a", b"b", b"c"], 0)
    sending.sender.send_frame([b"d"], 3000, marker=False)
    packets = sending.packets
    assert [packet.payload for packet in packets] == [b"a", b"b", b"c", b"d"]
    assert [packet.marker for packet in packets] == [False, False, True, False]
    assert [sequence_delta(packet.sequence, packets[0].sequence) for packet in packets] == [0, 1, 2, 3]
    assert [timestamp_delta(packet.timestamp, packets[0].timestamp) for packet in packets] == [0, 0, 0, 3000]
    assert {(packet.ssrc, packet.payload_type) for packet in packets} == {(7, 96)}


def test_without_an_ssrc_a_random_one_is_taken() -> None:
    assert Sending(ssrc=None).sender.ssrc > 0


@unhurried
@given(st.integers(0, 1 << 50), st.integers(0, 70_000))
def test_timestamps_of_any_size_are_sent_modulo_32_bits(timestamp: int, step: int) -> None:
    sending = Sending()
    sending.sender.send_frame([b"a"], timestamp)
    sending.sender.send_frame([b"b"], timestamp + step)
    first, second = sending.packets
    assert timestamp_delta(second.timestamp, first.timestamp) == step


def test_sequence_numbers_wrap() -> None:
    sending = Sending()
    sending.sender.send_frame([b""] * 70_000, 0)
    before, after = (RtpPacket.parse(data).sequence for data in (sending.rtp[0], sending.rtp[0x10000]))
    assert before == after


def test_extensions_are_written_on_every_packet() -> None:
    sending = Sending(extensions={4: b"0", 10: b"h"}, audio_level_id=1)
    sending.sender.send_frame([b"a", b"b"], 0)
    sending.sender.send_frame([b"c"], 960, audio_level=35)
    assert [packet.extensions for packet in sending.packets] == [{4: b"0", 10: b"h"}] * 2 + [
        {4: b"0", 10: b"h", 1: b"\x23"}
    ]


def test_a_level_needs_its_extension_and_its_range() -> None:
    with pytest.raises(RtpError, match="needs the id"):
        Sending().sender.send_frame([b"a"], 0, audio_level=3)
    with pytest.raises(RtpError, match="0 to 127"):
        Sending(audio_level_id=1).sender.send_frame([b"a"], 0, audio_level=128)


def test_extensions_that_cannot_be_written_are_refused_at_once() -> None:
    with pytest.raises(RtpError, match="ids go from 1"):
        Sending(extensions={0: b"x"})
    with pytest.raises(ValueError, match="0 to 127"):
        Sending(payload_type=128)


def test_a_nack_is_answered_with_the_same_bytes() -> None:
    sending = Sending(extensions={4: b"0"})
    for number in range(600):
        sending.sender.send_frame([number.to_bytes(2, "big")], number * 3000)
    sent, packets = list(sending.rtp), sending.packets
    sending.sender.receive_rtcp(serialise_compound([Nack(1, 7, (packets[100].sequence, packets[101].sequence))]))
    assert sending.rtp[600:] == sent[100:102]
    sending.sender.receive_rtcp(serialise_compound([Nack(1, 7, (packets[0].sequence,))]))
    sending.sender.receive_rtcp(serialise_compound([Nack(1, 8, (packets[100].sequence,))]))
    assert len(sending.rtp) == 602
    stats = sending.sender.stats()
    assert (stats.packets, stats.resent, stats.not_resent) == (600, 2, 1)
    assert SentPackets.CAPACITY == 512


def test_keyframe_requests_are_passed_on() -> None:
    sending = Sending()
    sending.sender.receive_rtcp(serialise_compound([Pli(1, 7), Fir(1, ((7, 2),)), Pli(1, 8), Fir(1, ((8, 2),))]))
    assert (sending.keyframes, sending.sender.stats().keyframe_requests) == (2, 2)


def test_bitrates_are_passed_on() -> None:
    sending = Sending()
    sending.sender.receive_rtcp(serialise_compound([Remb(1, 262_144, (5, 7)), Remb(1, 1000, (5,))]))
    assert sending.bitrates == [262_144]


def test_without_callbacks_requests_are_counted_only() -> None:
    sending = Sending(on_keyframe_request=None, on_remb=None)
    sending.sender.receive_rtcp(serialise_compound([Pli(1, 7), Remb(1, 262_144, (7,))]))
    assert sending.sender.stats().keyframe_requests == 1


def test_sender_reports_come_once_a_second_and_tell_the_time() -> None:
    sending = Sending()
    sending.sender.tick(sending.clock())
    assert sending.rtcp == []
    sending.sender.send_frame([b"abc"], 0)
    for _ in range(31):
        sending.sender.tick(sending.clock.advance(0.1))
    reports = rtcp_of(sending.rtcp, SenderReport)
    assert len(reports) == 4
    first = sending.packets[0]
    elapsed = (reports[0].ntp - ntp_time(1000.0)) / (1 << 32)
    assert timestamp_delta(reports[0].rtp_timestamp, first.timestamp) == pytest.approx(elapsed * 90000, abs=2)
    assert (reports[0].packet_count, reports[0].octet_count) == (1, 3)
    assert [sdes.cnames for sdes in rtcp_of(sending.rtcp, Sdes)] == [((7, "alice"),)] * 4


def test_a_frame_that_leaves_late_does_not_make_its_stream_late() -> None:
    """A report says which moment a timestamp is of, not when its packet left (RFC 3550, section 6.4.1)."""
    sending = Sending()
    began = sending.clock()
    sending.sender.send_frame([b"a"], 0, at=began)
    sending.clock.now = began + 5.3
    sending.sender.send_frame([b"b"], 5 * 90000, at=began + 5)
    sending.sender.tick(sending.clock())
    (report,) = rtcp_of(sending.rtcp, SenderReport)
    assert timestamp_delta(report.rtp_timestamp, sending.packets[0].timestamp) == pytest.approx(5.3 * 90000, abs=2)
    assert report.ntp == ntp_time(began + 5.3)


def test_receiver_reports_show_in_the_stats() -> None:
    sending = Sending()
    sending.sender.send_frame([b"abc"], 0)
    sending.sender.tick(sending.clock())
    (report,) = rtcp_of(sending.rtcp, SenderReport)
    sending.clock.advance(0.2)
    block = ReportBlock(7, 128, 3, 0, 0, ntp_middle(report.ntp), int(0.15 * 65536))
    sending.sender.receive_rtcp(serialise_compound([ReceiverReport(1, (block,))]))
    stats = sending.sender.stats()
    assert stats.fraction_lost == 0.5
    assert stats.round_trip == pytest.approx(0.05, abs=0.001)


def test_closing_says_goodbye_once_and_silence_follows() -> None:
    sending = Sending()
    sending.sender.send_frame([b"abc"], 0)
    sending.sender.close()
    sending.sender.close()
    assert [bye.ssrcs for bye in rtcp_of(sending.rtcp, Bye)] == [(7,)]
    sending.sender.send_frame([b"abc"], 3000)
    sending.sender.tick(sending.clock.advance(5))
    sending.sender.receive_rtcp(serialise_compound([Pli(1, 7)]))
    assert (len(sending.rtp), len(sending.rtcp), sending.keyframes) == (1, 1, 0)


def test_who_never_sent_says_no_goodbye() -> None:
    sending = Sending()
    sending.sender.close()
    assert sending.rtcp == []


@unhurried
@given(st.binary(max_size=60))
def test_no_rtcp_datagram_raises(data: bytes) -> None:
    sending = Sending()
    sending.sender.send_frame([b"abc"], 0)
    sending.sender.receive_rtcp(data)


def test_broken_rtcp_is_counted() -> None:
    sending = Sending()
    sending.sender.receive_rtcp(b"\x80")
    assert sending.sender.stats().malformed == 1


def test_a_feed_and_a_sender_understand_each_other() -> None:
    """Levels, bitrate, keyframe request and repair, from one to the other and back."""
    house = House(bitrate=300_000)
    dropped: list[bytes] = []

    def lossy(data: bytes) -> None:
        if RtpPacket.parse(data).payload == b"\x10\x01lost" and not dropped:
            dropped.append(data)
        else:
            house.feed.receive_rtp(data)

    keyframes: list[bool] = []
    bitrates: list[int] = []
    sender = RtpSender(
        send_rtp=lossy,
        send_rtcp=house.feed.receive_rtcp,
        clock=house.clock,
        random=Random(1),
        payload_type=96,
        clock_rate=90000,
        cname="alice",
        on_keyframe_request=lambda: keyframes.append(True),
        on_remb=bitrates.append,
    )
    bob = house.subscribe()
    sender.send_frame([b"\x10\x01delta"], 0)
    answered = 0
    for number in range(1, 8):
        while answered < len(house.to_publisher):
            sender.receive_rtcp(house.to_publisher[answered])
            answered += 1
        first = b"\x10\x00key" if keyframes and number == 1 else b"\x10\x01lost" if number == 3 else b"\x10\x01delta"
        house.clock.advance(1 / 30)
        sender.send_frame([first], number * 3000)
        sender.tick(house.clock())
        house.feed.tick(house.clock())
    assert keyframes == [True]
    assert len(bitrates) == 1
    assert 290_000 < bitrates[0] <= 300_000
    in_order = sorted(bob.video, key=lambda packet: sequence_delta(packet.sequence, bob.video[0].sequence))
    assert [packet.payload[2:] for packet in in_order] == [b"key", b"delta", b"lost", *[b"delta"] * 4]
    assert dropped


def test_who_asks_for_everything_again_and_again_gets_as_much_as_is_sent() -> None:
    sending = Sending()
    for number in range(600):
        sending.sender.send_frame([b"x"], number)
    first = sending.packets[-RESENDS].sequence
    wanted = tuple((first + offset) & 0xFFFF for offset in range(RESENDS))
    for _ in range(10):
        sending.sender.receive_rtcp(serialise_compound((ReceiverReport(1), Nack(1, 7, wanted))))
    assert sending.sender.stats().resent == RESENDS
    assert sending.sender.stats().not_resent == 9 * RESENDS
    for number in range(5):
        sending.sender.send_frame([b"x", b"y"], number)
    sending.sender.receive_rtcp(serialise_compound((ReceiverReport(1), Nack(1, 7, wanted))))
    assert sending.sender.stats().resent == RESENDS + 10
