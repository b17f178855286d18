from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.media.rtp.formats import PayloadFormat
from emulator.media.rtp.forwarding import Feed
from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.keyframes import KeyframeGroup
from emulator.media.rtp.nack import SentPackets
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
    parse_compound,
    serialise_compound,
)
from emulator.media.rtp.sequence import sequence_delta, timestamp_delta
from emulator.media.rtp.timing import ntp_middle, ntp_time

from .rtp_kit import AUDIO_LEVEL_ID, FORMATS, House, body_of, descriptor_of, rtcp_of


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


# --- the rewritten header ------------------------------------------------------------------------------------------


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


# --- keyframes -----------------------------------------------------------------------------------------------------


def test_video_starts_at_a_keyframe_only() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame()
    assert bob.video == []
    assert bob.subscription.stats().video.waiting_for_keyframe
    house.publisher.send_frame(keyframe=True)
    house.publisher.send_frame()
    assert len(bob.video) == 4
    assert not bob.subscription.stats().video.waiting_for_keyframe


def test_subscribing_in_mid_group_asks_for_a_keyframe() -> None:
    house = House()
    house.publisher.send_frame()
    assert house.feedback(Pli) == []
    house.subscribe()
    assert [pli.media_ssrc for pli in house.feedback(Pli)] == [house.publisher.video_ssrc]


def test_before_the_first_packet_nobody_is_asked() -> None:
    house = House()
    house.subscribe()
    house.feed.tick(house.clock.advance(1))
    assert house.to_publisher == []
    house.publisher.send_frame()
    assert len(house.feedback(Pli)) == 1


def test_requests_are_throttled_to_one_in_half_a_second() -> None:
    house = House()
    house.subscribe()
    house.publisher.send_frame()
    for _ in range(20):
        house.feed.request_keyframe()
        house.clock.advance(0.02)
    assert len(house.feedback(Pli)) == 1
    for _ in range(20):
        house.feed.tick(house.clock.advance(0.1))
    assert len(house.feedback(Pli)) == 5


def test_a_keyframe_ends_the_requests() -> None:
    house = House()
    house.subscribe()
    house.publisher.send_frame()
    house.publisher.send_frame(keyframe=True)
    for _ in range(20):
        house.feed.tick(house.clock.advance(0.1))
    assert len(house.feedback(Pli)) == 1


def test_a_request_right_after_a_keyframe_is_held_back_not_forgotten() -> None:
    house = House()
    house.subscribe()
    house.publisher.send_frame()
    house.publisher.send_frame(keyframe=True)
    house.feed.request_keyframe()
    assert len(house.feedback(Pli)) == 1
    house.feed.tick(house.clock.advance(0.5))
    assert len(house.feedback(Pli)) == 2


@pytest.mark.parametrize("by", ["PLI", "FIR"])
def test_a_subscribers_request_reaches_the_publisher(by: str) -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    ssrc = bob.subscription.video_ssrc
    bob.subscription.receive_rtcp(rtcp(Pli(1, ssrc) if by == "PLI" else Fir(1, ((ssrc, 4),))))
    assert len(house.feedback(Pli)) == 1
    assert bob.subscription.stats().video.keyframe_requests == 1


def test_requests_for_other_streams_are_ignored() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    bob.subscription.receive_rtcp(rtcp(Pli(1, 99), Fir(1, ((98, 1),)), Pli(1, bob.subscription.audio_ssrc)))
    assert house.feedback(Pli) == []


def test_a_newcomer_gets_the_frames_since_the_keyframe_at_once() -> None:
    house = House()
    early = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    for _ in range(10):
        house.publisher.send_frame()
    late = house.subscribe()
    assert [body_of(p) for p in late.video] == [body_of(p) for p in early.video]
    assert house.feedback(Pli) == []
    house.publisher.send_frame()
    assert [body_of(p) for p in late.video] == [body_of(p) for p in early.video]
    assert steps(late.video) == {1}


def test_the_frames_of_the_past_are_close_together_in_time_and_the_newest_is_where_it_belongs() -> None:
    house = House()
    house.publisher.send_frame(keyframe=True)
    for _ in range(10):
        house.publisher.send_frame()
    late = house.subscribe()
    house.publisher.send_frame()
    times = frames(late.video)
    assert [timestamp_delta(b, a) for a, b in pairwise(times)] == [90] * 10 + [3000]


def test_a_group_that_is_too_long_ago_is_not_used() -> None:
    house = House()
    house.publisher.send_frame(keyframe=True)
    for _ in range(95):
        house.publisher.send_frame(packets=1)
    bob = house.subscribe()
    assert bob.video == []
    assert len(house.feedback(Pli)) == 1


def test_a_camera_that_is_off_shows_its_last_keyframe_however_old() -> None:
    house = House()
    house.publisher.send_frame(keyframe=True, fps=1)
    for _ in range(8):
        house.publisher.send_frame(packets=1, fps=1)
    bob = house.subscribe()
    assert len(bob.video) == 10
    assert house.feedback(Pli) == []


def test_the_group_is_bounded() -> None:
    house = House()
    house.publisher.send_frame(keyframe=True)
    for _ in range(500):
        house.publisher.send_frame(packets=7)
        assert len(house.feed.keyframe_group) <= KeyframeGroup.MAX_PACKETS
        assert house.feed.keyframe_group.bytes <= KeyframeGroup.MAX_BYTES
    bob = house.subscribe()
    assert bob.video == []


def test_a_keyframe_whose_first_packet_comes_last_starts_video_completely() -> None:
    house = House()
    bob = house.subscribe()
    made = house.publisher.make_frame(keyframe=True, packets=3)
    for data in (made[1], made[2], made[0]):
        house.feed.receive_rtp(data)
    assert [p.payload for p in bob.video] == [RtpPacket.parse(data).payload for data in made]
    assert steps(bob.video) == {1}


def test_a_keyframe_larger_than_the_cache_reaches_who_waits_for_it() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True, packets=KeyframeGroup.MAX_PACKETS + 50)
    assert len(bob.video) == KeyframeGroup.MAX_PACKETS + 50


# --- pauses, gates, restarts ---------------------------------------------------------------------------------------


def test_numbers_are_continuous_over_a_pause_and_time_goes_on() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    house.publisher.send_frame()
    bob.subscription.set_relay(video=False)
    before = len(bob.video)
    for _ in range(100):
        house.publisher.send_frame(packets=1)
    assert len(bob.video) == before
    bob.subscription.set_relay(video=True)
    house.publisher.send_frame()
    assert len(bob.video) == before, "mid-group frames would be undecodable"
    house.publisher.send_frame(keyframe=True)
    assert steps(bob.video) == {1}
    assert timestamp_delta(bob.video[-1].timestamp, bob.video[before - 1].timestamp) == 102 * 3000


def test_resuming_asks_for_a_keyframe() -> None:
    house = House()
    bob = house.subscribe(video=False)
    house.publisher.send_frame()
    assert house.feedback(Pli) == []
    bob.subscription.set_relay(video=True)
    assert len(house.feedback(Pli)) == 1


def test_a_short_pause_is_filled_from_the_cache_and_time_never_goes_back() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    house.publisher.send_frame()
    for _ in range(5):
        bob.subscription.set_relay(video=False)
        bob.subscription.set_relay(video=True)
    house.publisher.send_frame()
    assert steps(bob.video) == {1}
    assert times_grow(bob.video)
    assert len(frames(bob.video)) == len(bob.video) / 2


def test_picture_ids_are_continuous_over_a_pause() -> None:
    house = House()
    house.publisher.tl0picidx = 250
    bob = house.subscribe()
    for number in range(6):
        house.publisher.send_frame(keyframe=number == 0)
    bob.subscription.set_relay(video=False)
    for _ in range(300):
        house.publisher.send_frame()
    bob.subscription.set_relay(video=True)
    for number in range(6):
        house.publisher.send_frame(keyframe=number == 0)
    ids = list(dict.fromkeys((descriptor_of(p).picture_id, descriptor_of(p).tl0picidx) for p in bob.video))
    assert ids == [((32_760 + number) & 0x7FFF, (250 + number) & 0xFF) for number in range(12)]
    assert {len(body_of(packet)) for packet in bob.video} == {23}


def test_seven_bit_picture_ids_are_widened_and_continue() -> None:
    house = House()
    bob = house.subscribe()
    for number in range(300):
        first = b"\x00" if number % 100 == 0 else b"\x01"
        packet = RtpPacket(96, number, number * 3000, 5, b"\x90\x80" + bytes((number & 0x7F,)) + first, marker=True)
        house.feed.receive_rtp(packet.serialise())
        house.clock.advance(1 / 30)
    ids = [descriptor_of(packet).picture_id for packet in bob.video]
    assert ids == [*range(300)]
    assert {descriptor_of(packet).picture_id_bits for packet in bob.video} == {15}


def test_audio_resumes_with_the_next_packet_marked() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_audio()
    house.publisher.send_audio()
    bob.subscription.set_relay(audio=False)
    house.publisher.send_audio()
    bob.subscription.set_relay(audio=True)
    house.publisher.send_audio()
    assert [packet.marker for packet in bob.audio] == [True, False, True]
    assert steps(bob.audio) == {1}
    assert [timestamp_delta(b.timestamp, a.timestamp) for a, b in pairwise(bob.audio)] == [960, 1920]


def test_a_closed_gate_silences_audio_for_everybody_and_leaves_video_alone() -> None:
    house = House()
    both = [house.subscribe(), house.subscribe()]
    house.publisher.send_audio()
    house.feed.audio_gate_open = False
    for _ in range(10):
        house.publisher.send_audio()
    house.publisher.send_frame(keyframe=True)
    assert [len(subscriber.audio) for subscriber in both] == [1, 1]
    assert [len(subscriber.video) for subscriber in both] == [2, 2]
    house.feed.audio_gate_open = True
    house.publisher.send_audio()
    for subscriber in both:
        assert steps(subscriber.audio) == {1}
        assert timestamp_delta(subscriber.audio[1].timestamp, subscriber.audio[0].timestamp) == 11 * 960


def test_a_gate_closed_from_the_start_lets_nothing_through() -> None:
    house = House()
    house.feed.audio_gate_open = False
    bob = house.subscribe()
    house.publisher.send_audio()
    assert bob.audio == []


def test_another_ssrc_continues_numbers_times_and_picture_ids() -> None:
    house = House()
    bob = house.subscribe()
    for number in range(5):
        house.publisher.send_frame(keyframe=number == 0)
        house.publisher.send_audio()
    house.publisher.video_ssrc, house.publisher.audio_ssrc = 77, 78
    house.publisher.video_sequence, house.publisher.audio_sequence = 40_000, 3
    house.publisher.video_timestamp, house.publisher.audio_timestamp = 12345, 0x8000_0000
    house.publisher.picture_id = 5
    house.clock.advance(0.5)
    for number in range(5):
        house.publisher.send_frame(keyframe=number == 0)
        house.publisher.send_audio()
    assert len(bob.video) == 20
    assert len(bob.audio) == 10
    assert steps(bob.video) == steps(bob.audio) == {1}
    elapsed = 0.5 + 1 / 30 + 0.02
    video_gap = timestamp_delta(bob.video[10].timestamp, bob.video[8].timestamp)
    audio_gap = timestamp_delta(bob.audio[5].timestamp, bob.audio[4].timestamp)
    assert video_gap == pytest.approx(elapsed * 90000, abs=2)
    assert audio_gap == pytest.approx(elapsed * 48000, abs=2)
    ids = list(dict.fromkeys(descriptor_of(packet).picture_id for packet in bob.video))
    assert ids == [(32_760 + number) & 0x7FFF for number in range(10)]
    assert house.feed.stats().video.sources == 2


def test_another_ssrc_in_mid_group_waits_for_a_keyframe() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    house.publisher.video_ssrc = 77
    house.publisher.send_frame()
    assert len(bob.video) == 2
    assert [pli.media_ssrc for pli in house.feedback(Pli)] == [77]


def test_stragglers_of_the_former_ssrc_do_not_switch_back() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    straggler = house.publisher.make_frame()[0]
    house.publisher.video_ssrc = 77
    house.publisher.send_frame(keyframe=True)
    house.feed.receive_rtp(straggler)
    house.publisher.send_frame()
    assert len(bob.video) == 6
    assert house.feed.stats().video.sources == 2


def test_a_former_ssrc_may_come_back_after_silence() -> None:
    house = House()
    bob = house.subscribe()
    for ssrc in (1, 2, 1):
        house.publisher.video_ssrc = ssrc
        house.publisher.send_frame(keyframe=True)
        house.clock.advance(2)
    assert len(bob.video) == 6
    assert steps(bob.video) == {1}


def test_a_jump_of_timestamps_is_smoothed() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    house.publisher.video_timestamp += 500_000_000
    house.publisher.send_frame()
    house.publisher.video_timestamp -= 900_000_000
    house.publisher.send_frame()
    gaps = [timestamp_delta(b, a) for a, b in pairwise(frames(bob.video))]
    assert gaps == [pytest.approx(3000, abs=2)] * 2
    assert steps(bob.video) == {1}


def test_a_long_silence_with_matching_timestamps_is_no_jump() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    house.clock.advance(60)
    house.publisher.video_timestamp += 60 * 90000
    house.publisher.send_frame()
    assert [timestamp_delta(b, a) for a, b in pairwise(frames(bob.video))] == [61 * 90000 - 87000]


def test_restarted_sequence_numbers_are_followed() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    house.publisher.video_sequence = 20_000
    house.publisher.send_frame()  # the first of two is not believed yet
    house.publisher.send_frame(keyframe=True)
    house.publisher.send_frame()
    assert steps(bob.video) == {1}
    assert len(bob.video) == 6


@settings(max_examples=40)
@given(st.integers(0, 1 << 30))
def test_whatever_happens_numbers_are_unique_and_grow_with_time(seed: int) -> None:
    """The promise SRTP relies on: no number ever stands for two different packets."""
    rng = Random(seed)
    house = House()
    publisher = house.publisher
    bob = house.subscribe()
    held: list[bytes] = []
    for _ in range(rng.randrange(20, 120)):
        match rng.randrange(12):
            case 0:
                bob.subscription.set_relay(video=rng.random() < 0.5, audio=rng.random() < 0.5)
            case 1:
                publisher.video_ssrc, publisher.audio_ssrc = rng.randrange(5), 100 + rng.randrange(5)
            case 2:
                publisher.video_sequence += rng.choice((1, 5, 300, 5000, 40_000))
            case 3:
                publisher.video_timestamp += rng.choice((-90_000_000, 1, 90_000, 1 << 31))
            case 4:
                held += publisher.make_frame(keyframe=rng.random() < 0.3)
            case 5 if held:
                house.feed.receive_rtp(held.pop(rng.randrange(len(held))))
            case 6:
                house.feed.tick(house.clock.advance(rng.random()))
            case 7:
                house.feed.audio_gate_open = rng.random() < 0.7
            case 8:
                publisher.send_audio()
            case _:
                publisher.send_frame(keyframe=rng.random() < 0.3)
    for packets in (bob.video, bob.audio):
        numbers: dict[int, bytes] = {}
        for packet in packets:
            assert numbers.setdefault(packet.sequence, packet.payload) == packet.payload
        assert len(numbers) == len(packets)
        ascending = [p for p, m in zip(packets, running_maximum(packets), strict=True) if p.sequence == m]
        assert times_grow(ascending)


def running_maximum(packets: list[RtpPacket]) -> list[int]:
    highest: list[int] = []
    for packet in packets:
        if highest and sequence_delta(packet.sequence, highest[-1]) < 0:
            highest.append(highest[-1])
        else:
            highest.append(packet.sequence)
    return highest


# --- losses --------------------------------------------------------------------------------------------------------


def test_a_nack_is_answered_with_the_same_bytes() -> None:
    house = House()
    bob = house.subscribe()
    for number in range(20):
        house.publisher.send_frame(keyframe=number == 0)
        house.publisher.send_audio()
    sent = list(bob.rtp)
    for kind in (bob.video, bob.audio):
        wanted = kind[5].serialise()
        bob.subscription.receive_rtcp(rtcp(Nack(1, kind[5].ssrc, (kind[5].sequence,))))
        assert bob.rtp[-1] == wanted
        assert wanted in sent
    assert bob.subscription.stats().video.resent == 1


def test_the_ring_forgets_after_512_packets() -> None:
    house = House()
    bob = house.subscribe()
    for number in range(600):
        house.publisher.send_frame(keyframe=number == 0, packets=1)
    ssrc, video = bob.subscription.video_ssrc, bob.video
    kept = [packet.sequence for packet in video[-SentPackets.CAPACITY :]]
    before = len(bob.rtp)
    bob.subscription.receive_rtcp(rtcp(Nack(1, ssrc, (video[0].sequence, video[87].sequence))))
    assert len(bob.rtp) == before
    bob.subscription.receive_rtcp(rtcp(Nack(1, ssrc, tuple(kept))))
    assert bob.rtp[before:] == bob.rtp[before - SentPackets.CAPACITY : before]
    assert bob.subscription.stats().video.not_resent == 2


def test_packets_lost_on_the_way_here_are_asked_for_by_their_original_numbers() -> None:
    house = House()
    house.subscribe()
    house.publisher.send_frame(keyframe=True)
    made = house.publisher.make_frame(packets=6)
    for index in (0, 3, 4, 5):
        house.feed.receive_rtp(made[index])
    nacks = house.feedback(Nack)
    assert [(nack.media_ssrc, nack.lost) for nack in nacks] == [
        (house.publisher.video_ssrc, tuple(RtpPacket.parse(made[index]).sequence for index in (1, 2)))
    ]


def test_a_repaired_packet_takes_its_place() -> None:
    house = House()
    bob = house.subscribe()
    made = house.publisher.make_frame(keyframe=True, packets=6)
    for index in (0, 1, 4, 5, 2, 3):
        house.feed.receive_rtp(made[index])
    house.feed.tick(house.clock.advance(1))
    in_order = sorted(bob.video, key=lambda p: (p.sequence - bob.video[0].sequence) & 0xFFFF)
    assert [p.payload for p in in_order] == [RtpPacket.parse(data).payload for data in made]
    assert len(house.feedback(Nack)) == 1


def test_a_packet_on_the_retransmission_stream_takes_its_place() -> None:
    house = House()
    bob = house.subscribe()
    made = house.publisher.make_frame(keyframe=True, packets=4)
    for index in (0, 2, 3):
        house.feed.receive_rtp(made[index])
    lost = RtpPacket.parse(made[1])
    repair = RtpPacket(97, 9, lost.timestamp, 555, lost.sequence.to_bytes(2, "big") + lost.payload, lost.marker)
    house.feed.receive_rtp(repair.serialise())
    probe = RtpPacket(97, 10, lost.timestamp, 555, b"", padding=100)
    house.feed.receive_rtp(probe.serialise())
    assert [(p.sequence - bob.video[0].sequence) & 0xFFFF for p in bob.video] == [0, 2, 3, 1]
    assert bob.video[3].payload == lost.payload
    assert house.feed.stats().video.lost == 1, "what had to be sent again counts as lost"


def test_a_packet_that_never_comes_ends_in_a_keyframe_request() -> None:
    house = House()
    bob = house.subscribe()
    house.publisher.send_frame(keyframe=True)
    house.publisher.make_frame(packets=1)
    house.publisher.send_frame()
    for _ in range(20):
        house.feed.tick(house.clock.advance(0.1))
    assert len(house.feedback(Nack)) == 10
    assert house.feed.stats().abandoned == 1
    assert house.feedback(Pli)
    assert len(bob.video) == 4
    newcomer = house.subscribe()
    assert newcomer.video == [], "a group with a hole is of no use"


def test_lost_audio_is_not_asked_for() -> None:
    house = House()
    house.publisher.send_audio()
    house.publisher.make_audio()
    for _ in range(5):
        house.publisher.send_audio()
    house.feed.tick(house.clock.advance(1))
    assert house.feedback(Nack) == []


# --- reports -------------------------------------------------------------------------------------------------------


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
    assert stats.round_trip == pytest.approx(0.2 - 1 / 30 * 0, abs=0.001)


# --- sender reports and sync ---------------------------------------------------------------------------------------


def reported_moment(report: SenderReport, packet: RtpPacket, rate: int) -> float:
    """When a packet was sampled, on our clock, as a browser computes it from a sender report."""
    return (report.ntp - ntp_time(0)) / (1 << 32) - timestamp_delta(report.rtp_timestamp, packet.timestamp) / rate


def last_reports(house: House, subscriber_rtcp: list[bytes]) -> dict[int, SenderReport]:
    return {report.ssrc: report for report in rtcp_of(subscriber_rtcp, SenderReport)}


def test_sender_reports_come_once_a_second_for_what_was_sent_with_one_name() -> None:
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
    assert len([report for report in reports if report.ssrc == bob.subscription.audio_ssrc]) == 4
    assert len([report for report in reports if report.ssrc == bob.subscription.video_ssrc]) == 3
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


# --- audio hook ----------------------------------------------------------------------------------------------------


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


# --- trouble -------------------------------------------------------------------------------------------------------


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


# --- life and death ------------------------------------------------------------------------------------------------


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
