from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp.formats import PayloadFormat
from emulator.media.rtp.forwarding import Feed
from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.rtcp import (
    Bye,
    Nack,
)

from .rtp_kit import (
    AUDIO_LEVEL_ID,
    FORMATS,
    House,
    rtcp,
    steps,
    unhurried,
)

# --- the rewritten header --------------------------------------------------------------------------------------------


def test_packets_get_our_ssrc_and_payload_type_and_lose_their_extensions() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    house.publisher.send_audio()
    assert {(p.ssrc, p.payload_type) for p in bob.video} == {(bob.subscription.video_ssrc, 120)}
    assert {(p.ssrc, p.payload_type) for p in bob.audio} == {(bob.subscription.audio_ssrc, 63)}
    assert [p.extensions for p in bob.video + bob.audio] == [{}, {}, {}]
    assert [p.marker for p in bob.video] == [False, True]


def test_both_kinds_have_their_own_ssrc_and_differ_between_subscribers() -> None:
    house = House()
    subscriptions = [house.subscribe().subscription for _ in range(3)]
    assert len({ssrc for s in subscriptions for ssrc in (s.audio_ssrc, s.video_ssrc)}) == 6


def test_the_mid_is_written_when_it_was_negotiated() -> None:
    house = House()
    bob = house.subscribe(mids={"video": (3, "1"), "audio": (3, "0")})
    house.publisher.send_frame(keyframe=True)
    house.publisher.send_audio()
    assert {packet.extensions[3] for packet in bob.video} == {b"1"}
    assert [packet.extensions for packet in bob.audio] == [{3: b"0"}]


def test_the_publishers_audio_levels_are_passed_on_under_the_subscribers_own_id() -> None:
    """RFC 6464: one byte, with the voice bit; the publisher's id (1) is another one than the subscriber's (9)."""
    house = House()
    bob, carol = (house.subscribe(mids={"video": (3, "1"), "audio": (3, "0")}) for _ in range(2))
    bob.subscription.tell_levels(9)
    for level in (30, 0x80 | 7, None, 127):
        house.publisher.send_audio(level)
    assert [packet.extensions for packet in bob.audio] == [
        {3: b"0", 9: b"\x1e"},
        {3: b"0", 9: b"\x87"},
        {3: b"0"},
        {3: b"0", 9: b"\x7f"},
    ]
    assert [packet.extensions for packet in carol.audio] == [{3: b"0"}] * 4
    assert [level for *_, level in house.heard] == [30, 7, None, 127]
    with pytest.raises(ValueError, match="mid"):
        house.subscribe().subscription.tell_levels(9)


def test_payloads_arrive_unchanged() -> None:
    house = House()
    bob = house.subscribe()
    made = house.publisher.make_frame(keyframe=True, packets=5)
    for data in made:
        house.feed.receive_rtp(data)
    assert [packet.payload for packet in bob.video] == [RtpPacket.parse(data).payload for data in made]


def test_padding_is_cut_off_and_a_probe_of_nothing_but_padding_goes_on_empty() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    probe = RtpPacket.parse(house.publisher.make_frame(packets=1)[0])
    probe.payload, probe.padding = b"", 200
    house.feed.receive_rtp(probe.serialise())
    house.publisher.send_frame()
    assert steps(bob.video) == {1}
    assert bob.video[2].payload == b""
    assert house.feed.stats().malformed == 0


def test_gaps_and_order_of_the_publisher_stay_visible() -> None:
    house = House()
    bob = house.subscribe()
    made = house.publisher.make_frame(keyframe=True, packets=6)
    for index in (0, 2, 1, 5):
        house.feed.receive_rtp(made[index])
    first = bob.video[0].sequence
    assert [(packet.sequence - first) & 0xFFFF for packet in bob.video] == [0, 2, 1, 5]


def test_duplicates_are_not_forwarded() -> None:
    house = House()
    bob = house.subscribe()
    for data in house.publisher.make_frame(keyframe=True):
        for _ in range(2):
            house.feed.receive_rtp(data)
    assert len(bob.video) == 2
    assert house.feed.stats().video.duplicates == 2


# --- audio hook ------------------------------------------------------------------------------------------------------


def test_the_listener_hears_each_packet_with_its_level_even_behind_the_gate() -> None:
    house = House()
    house.feed.audio_gate_open = False
    for level in (30, 127, None):
        house.publisher.send_audio(level)
    assert [level for *_, level in house.heard] == [30, 127, None]
    assert [payload[:4] for payload, *_ in house.heard] == [b"opus"] * 3
    assert [b[1] - a[1] for a, b in pairwise(house.heard)] == [1, 1]
    assert [b[2] - a[2] for a, b in pairwise(house.heard)] == [960, 960]


def test_the_listeners_numbers_go_on_over_wraps_and_restarts() -> None:
    house = House()
    house.publisher.audio_sequence = 0xFFFE
    house.publisher.audio_timestamp = 0xFFFF_FF00
    for _ in range(4):
        house.publisher.send_audio()
    house.publisher.audio_ssrc, house.publisher.audio_sequence, house.publisher.audio_timestamp = 9, 100, 0
    for _ in range(4):
        house.publisher.send_audio()
    assert [b[1] - a[1] for a, b in pairwise(house.heard)] == [1] * 7
    assert [b[2] - a[2] for a, b in pairwise(house.heard)] == [960] * 7


# --- trouble ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" * 11,
        RtpPacket(96, 1, 2, 3, b"\x90").serialise(),
        RtpPacket(102, 1, 2, 3, b"\x78\x00\x09").serialise(),
        RtpPacket(111, 1, 2, 3, b"x", extensions={AUDIO_LEVEL_ID: b"", 2: b"y"}).serialise(),
    ],
)
def test_malformed_packets_are_counted_and_dropped(data: bytes) -> None:
    house = House()
    bob = house.subscribe()
    house.feed.receive_rtp(data)
    assert house.feed.stats().malformed == 1
    assert bob.rtp == []


def test_payload_types_that_were_not_negotiated_are_counted_and_dropped() -> None:
    house = House()
    house.feed.receive_rtp(RtpPacket(50, 1, 2, 3, b"x").serialise())
    assert house.feed.stats().unknown == 1


def test_malformed_rtcp_is_counted() -> None:
    house = House()
    bob = house.subscribe()
    house.feed.receive_rtcp(b"\x80")
    bob.subscription.receive_rtcp(b"\x80")
    assert house.feed.stats().malformed == 1
    assert bob.subscription.stats().malformed == 1


@unhurried
@given(st.lists(st.binary(max_size=40) | st.binary(max_size=40).map(lambda b: b"\x80\x60" + b), max_size=20))
def test_no_datagram_raises(datagrams: list[bytes]) -> None:
    house = House()
    bob = house.subscribe()
    for data in datagrams:
        house.feed.receive_rtp(data)
        house.feed.receive_rtcp(data)
        bob.subscription.receive_rtcp(data)
        house.feed.tick(house.clock.advance(0.1))
        bob.subscription.tick(house.clock())


def test_a_goodbye_changes_nothing() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    house.feed.receive_rtcp(rtcp(Bye((house.publisher.video_ssrc,))))
    house.publisher.send_frame()
    assert len(bob.video) == 4


# --- life and death --------------------------------------------------------------------------------------------------


def test_nothing_flows_before_it_is_added_or_after_it_is_removed() -> None:
    house = House()
    bob = house.subscribe(add=False)
    house.publisher.send_frame(keyframe=True)
    bob.subscription.set_relay(video=False)
    bob.subscription.set_relay(video=True)
    assert bob.rtp == []
    house.feed.add(bob.subscription)
    house.feed.add(bob.subscription)
    assert len(bob.rtp) == 2
    house.feed.remove(bob.subscription)
    house.feed.remove(bob.subscription)
    house.publisher.send_frame(keyframe=True)
    assert len(bob.rtp) == 2


def test_added_again_it_continues_its_numbers() -> None:
    house = House()
    bob = house.subscribe()
    for number in range(4):
        house.publisher.send_frame(keyframe=number == 0)
        house.publisher.send_audio()
    house.feed.remove(bob.subscription)
    house.publisher.send_frame(keyframe=True)
    house.publisher.send_audio()
    house.feed.add(bob.subscription)
    house.publisher.send_audio()
    assert steps(bob.video) == steps(bob.audio) == {1}


def test_another_feeds_subscription_is_refused() -> None:
    with pytest.raises(ValueError, match="made for"):
        House().feed.add(House().subscribe().subscription)


def test_a_closed_subscription_is_silent() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    bob.subscription.close()
    house.publisher.send_frame()
    bob.subscription.receive_rtcp(rtcp(Nack(1, bob.subscription.video_ssrc, (bob.video[0].sequence,))))
    bob.subscription.tick(house.clock.advance(5))
    assert (len(bob.rtp), bob.rtcp) == (2, [])
    assert house.feed.stats().subscriptions == 0


def test_a_closed_feed_is_silent() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame()
    house.feed.close()
    before = len(house.to_publisher)
    house.publisher.send_frame(keyframe=True)
    house.feed.receive_rtcp(b"")
    house.feed.request_keyframe()
    house.feed.set_bitrate(1)
    house.feed.tick(house.clock.advance(5))
    house.feed.add(bob.subscription)
    assert (bob.rtp, len(house.to_publisher)) == ([], before)
    assert house.feed.subscriptions == ()


@pytest.mark.parametrize(
    ("formats", "reason"),
    [
        ({96: PayloadFormat("video", "AV1", 90000)}, "VP8 or H264"),
        ({111: PayloadFormat("audio", "opus", 48000), 0: PayloadFormat("audio", "PCMU", 8000)}, "share one clock rate"),
    ],
)
def test_formats_that_cannot_be_forwarded_are_refused(formats: dict[int, PayloadFormat], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Feed(send_rtcp=print, clock=float, random=Random(1), formats=formats, bitrate=1)


@pytest.mark.parametrize(("codec", "rate", "apt"), [("rtx", 90000, None), ("VP8", 90000, 96), ("VP8", 0, None)])
def test_formats_that_contradict_themselves_are_refused(codec: str, rate: int, apt: int | None) -> None:
    with pytest.raises(ValueError, match=r"apt|clock rate"):
        PayloadFormat("video", codec, rate, apt)


def test_the_snapshot_counts_what_happened() -> None:
    house = House(FORMATS)
    house.subscribe()
    for number in range(3):
        house.publisher.send_frame(keyframe=number == 0)
        house.publisher.send_audio()
    stats = house.feed.stats()
    assert (stats.video.packets, stats.audio.packets, stats.keyframes, stats.subscriptions) == (6, 3, 1, 1)
    assert (stats.video.ssrc, stats.video.lost, stats.video.missing) == (house.publisher.video_ssrc, 0, 0)
    assert stats.bitrate == 500_000


def test_frames_that_come_late_are_counted_once_whichever_of_their_packets_are_late() -> None:
    house = House(FORMATS)
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    frames = [house.publisher.make_frame(packets=3) for _ in range(5)]
    late = [*frames[1], frames[2][1], *frames[3][:2], frames[4][0]]
    for packet in (packet for frame in frames for packet in frame if packet not in late):
        house.feed.receive_rtp(packet)
    assert (house.feed.stats().video.frames, bob.subscription.stats().video.frames) == (5, 5)
    for packet in reversed(late):
        house.feed.receive_rtp(packet)
    stats = house.feed.stats().video
    assert (stats.packets, stats.frames, stats.missing) == (2 + 15, 6, 0)
    assert bob.subscription.stats().video.frames == 6
