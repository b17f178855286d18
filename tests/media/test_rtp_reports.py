from __future__ import annotations

import pytest

from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.rtcp import (
    Nack,
    Pli,
    ReceiverReport,
    Remb,
    ReportBlock,
    Sdes,
    SenderReport,
    parse_compound,
)
from emulator.media.rtp.sequence import timestamp_delta
from emulator.media.rtp.timing import ntp_middle, ntp_time

from .rtp_kit import (
    House,
    rtcp,
    rtcp_of,
)

# --- reports ---------------------------------------------------------------------------------------------------------


def test_the_first_packet_is_answered_with_the_bitrate_at_once() -> None:
    house = House(bitrate=500_000)
    house.publisher.send_audio()
    (remb,) = house.feedback(Remb)
    assert (remb.ssrcs, remb.bitrate <= 500_000) == ((house.publisher.audio_ssrc,), True)
    house.publisher.send_frame(keyframe=True)
    assert house.feedback(Remb)[-1].ssrcs == (house.publisher.audio_ssrc, house.publisher.video_ssrc)


def test_reports_come_every_half_second_with_the_bitrate() -> None:
    house = House(bitrate=800_000)
    house.publisher.send_frame(keyframe=True)
    for _ in range(100):
        house.feed.tick(house.clock.advance(0.1))
    assert 20 <= len(house.feedback(Remb)) <= 21
    assert max(remb.bitrate for remb in house.feedback(Remb)) <= 800_000
    assert len(house.feedback(ReceiverReport)) == len(house.feedback(Remb))


def test_another_bitrate_is_told_at_once() -> None:
    house = House(bitrate=800_000)
    house.publisher.send_frame(keyframe=True)
    house.feed.set_bitrate(200_000)
    house.feed.set_bitrate(200_000)
    rembs = house.feedback(Remb)
    assert len(rembs) == 2
    assert 190_000 < rembs[-1].bitrate <= 200_000


@pytest.mark.parametrize("bitrate", [0, -1])
def test_a_bitrate_that_is_not_positive_is_refused(bitrate: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        House(bitrate=bitrate)
    house = House()
    with pytest.raises(ValueError, match="positive"):
        house.feed.set_bitrate(bitrate)


def test_receiver_reports_tell_the_losses_of_each_source() -> None:
    house = House()
    for _ in range(30):
        house.publisher.send_audio()
        house.publisher.send_frame()
        house.publisher.make_audio()
    house.feed.tick(house.clock.advance(0.5))
    blocks = {block.ssrc: block for block in house.feedback(ReceiverReport)[-1].reports}
    assert blocks[house.publisher.audio_ssrc].cumulative_lost == 29
    assert blocks[house.publisher.video_ssrc].cumulative_lost == 0


def test_every_compound_to_the_publisher_starts_with_a_report_and_a_name() -> None:
    house = House()
    house.subscribe()
    house.publisher.send_frame()
    house.publisher.make_frame()
    house.publisher.send_frame()
    house.feed.tick(house.clock.advance(1))
    compounds = [parse_compound(data) for data in house.to_publisher]
    assert {type(packet) for compound in compounds for packet in compound} >= {Nack, Pli, Remb}
    assert all(isinstance(c[0], ReceiverReport) and isinstance(c[1], Sdes) for c in compounds)


def test_the_subscribers_reports_show_in_its_stats() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    bob.subscription.tick(house.clock())
    (report,) = rtcp_of(bob.rtcp, SenderReport)
    house.clock.advance(0.3)
    block = ReportBlock(bob.subscription.video_ssrc, 64, 7, 0, 90, ntp_middle(report.ntp), int(0.1 * 65536))
    bob.subscription.receive_rtcp(rtcp(ReceiverReport(5, (block,))))
    stats = bob.subscription.stats().video
    assert (stats.fraction_lost, stats.cumulative_lost, stats.jitter) == (0.25, 7, 90)
    assert stats.round_trip is not None
    assert stats.round_trip == pytest.approx(0.2, abs=0.001)


# --- sender reports and sync -----------------------------------------------------------------------------------------


def reported_moment(report: SenderReport, packet: RtpPacket, rate: int) -> float:
    """When a packet was sampled, on our clock, as a browser computes it from a sender report."""
    return (report.ntp - ntp_time(0)) / (1 << 32) - timestamp_delta(report.rtp_timestamp, packet.timestamp) / rate


def last_reports(house: House, subscriber_rtcp: list[bytes]) -> dict[int, SenderReport]:
    return {report.ssrc: report for report in rtcp_of(subscriber_rtcp, SenderReport)}


def test_sender_reports_come_five_times_quickly_then_once_a_second_for_what_was_sent_with_one_name() -> None:
    house = House()
    bob = house.subscribe()
    bob.subscription.tick(house.clock())
    assert bob.rtcp == []
    house.publisher.send_audio()
    bob.subscription.tick(house.clock())
    assert [report.ssrc for report in rtcp_of(bob.rtcp, SenderReport)] == [bob.subscription.audio_ssrc]
    house.publisher.send_frame(keyframe=True)
    for _ in range(30):
        bob.subscription.tick(house.clock.advance(0.1))
    reports = rtcp_of(bob.rtcp, SenderReport)
    assert len([report for report in reports if report.ssrc == bob.subscription.audio_ssrc]) == 7
    assert len([report for report in reports if report.ssrc == bob.subscription.video_ssrc]) == 6
    assert {cname for sdes in rtcp_of(bob.rtcp, Sdes) for _, cname in sdes.cnames} == {"alice/self"}
    last = last_reports(house, bob.rtcp)
    assert last[bob.subscription.video_ssrc].packet_count == 2
    assert last[bob.subscription.video_ssrc].octet_count == sum(len(p.payload) for p in bob.video)


def test_without_the_publishers_reports_the_arrivals_keep_sync() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_audio()
    moment = house.clock()
    house.publisher.send_frame(keyframe=True)
    bob.subscription.tick(house.clock.advance(0.4))
    report = last_reports(house, bob.rtcp)[bob.subscription.video_ssrc]
    assert reported_moment(report, bob.video[0], 90000) == pytest.approx(moment, abs=0.001)


@pytest.mark.parametrize("pause", [False, True])
@pytest.mark.parametrize("restart", [False, True])
def test_the_publishers_reports_are_translated(pause: bool, restart: bool) -> None:
    """Video is encoded and sent 300 ms after it was sampled, audio at once: only the reports can tell."""
    house = House()
    publisher = house.publisher
    bob = house.subscribe()
    delay = 0.3
    if restart:
        publisher.send_audio()
        publisher.send_frame(keyframe=True)
        publisher.video_ssrc, publisher.audio_ssrc = 70, 71
        publisher.video_timestamp += 1_000_000
        publisher.audio_timestamp -= 7_000_000
    for number in range(30):
        publisher.send_frame(keyframe=number == 0)
        publisher.send_audio()
    if pause:
        bob.subscription.set_relay(audio=False, video=False)
        house.clock.advance(3)
        publisher.video_timestamp += 3 * 90000
        publisher.audio_timestamp += 3 * 48000
        bob.subscription.set_relay(audio=True, video=True)
    audio = RtpPacket.parse(publisher.make_audio())
    video = RtpPacket.parse(publisher.make_frame(keyframe=True, packets=1)[0])
    publisher.clock.advance(0.005)
    now = house.clock()
    publisher_clock = 12_345_678.0  # seconds, in an epoch of its own
    for packet, sampled in ((audio, now), (video, now - delay)):
        rate = 48000 if packet is audio else 90000
        timestamp = (packet.timestamp + round((now - sampled) * rate)) & 0xFFFFFFFF
        ntp = int((publisher_clock + now) * (1 << 32))
        house.feed.receive_rtp(packet.serialise())
        house.feed.receive_rtcp(rtcp(SenderReport(packet.ssrc, ntp, timestamp, 0, 0)))
    bob.subscription.tick(house.clock.advance(0.25))
    reports = last_reports(house, bob.rtcp)
    audio_moment = reported_moment(reports[bob.subscription.audio_ssrc], bob.audio[-1], 48000)
    video_moment = reported_moment(reports[bob.subscription.video_ssrc], bob.video[-1], 90000)
    assert audio_moment - video_moment == pytest.approx(delay, abs=0.002)


def test_absurd_sender_reports_do_not_break_sync() -> None:
    house = House()
    bob = house.subscribe()
    moment = house.clock()
    house.publisher.send_frame(keyframe=True)
    house.feed.receive_rtcp(rtcp(SenderReport(house.publisher.video_ssrc, 1, 1_000_000, 0, 0)))
    bob.subscription.tick(house.clock())
    report = last_reports(house, bob.rtcp)[bob.subscription.video_ssrc]
    assert reported_moment(report, bob.video[0], 90000) == pytest.approx(moment, abs=0.001)
