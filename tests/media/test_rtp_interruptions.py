from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.rtcp import (
    Pli,
)
from emulator.media.rtp.sequence import sequence_delta, timestamp_delta

from .rtp_kit import (
    House,
    body_of,
    descriptor_of,
    frames,
    steps,
    times_grow,
    unhurried,
)


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


@unhurried
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
