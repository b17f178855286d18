from __future__ import annotations

from itertools import pairwise

import pytest

from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.keyframes import KeyframeGroup
from emulator.media.rtp.rtcp import (
    Fir,
    Pli,
)
from emulator.media.rtp.sequence import timestamp_delta

from .rtp_kit import (
    House,
    body_of,
    frames,
    rtcp,
    steps,
)


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
        assert len(house.feed.video.layers[0].group) <= KeyframeGroup.MAX_PACKETS
        assert house.feed.video.layers[0].group.bytes <= KeyframeGroup.MAX_BYTES
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
