from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp.sequence import extend_sequence, sequence_delta, timestamp_delta
from emulator.media.rtp.timing import MinimumWindow, PublisherClock, Timeline, ntp_middle, ntp_time, round_trip_time

from .rtp_kit import unhurried


@unhurried
@given(st.integers(0, 1 << 40), st.integers(-32768, 32767))
def test_numbers_are_extended_to_the_nearest(near: int, distance: int) -> None:
    assert extend_sequence((near + distance) & 0xFFFF, near) == near + distance
    assert sequence_delta(near + distance, near) == distance


def test_timestamps_wrap() -> None:
    assert timestamp_delta(5, 0xFFFFFFFB) == 10
    assert timestamp_delta(0xFFFFFFFB, 5) == -10


@unhurried
@given(st.floats(0, 1e6), st.floats(0, 10), st.floats(0, 5))
def test_a_round_trip_is_what_is_left_after_the_delay(sent: float, round_trip: float, delay: float) -> None:
    last_sr = ntp_middle(ntp_time(sent))
    measured = round_trip_time(sent + round_trip + delay, last_sr, int(delay * 65536))
    assert measured == pytest.approx(round_trip, abs=0.001)


def test_a_report_without_a_sender_report_tells_no_round_trip() -> None:
    assert round_trip_time(5.0, 0, 0) is None


def test_an_absurd_round_trip_is_no_round_trip() -> None:
    assert round_trip_time(5.0, ntp_middle(ntp_time(100.0)), 0) is None


def test_the_minimum_forgets_after_two_windows() -> None:
    assert MinimumWindow(10.0).value is None
    window = MinimumWindow(10.0)
    window.add(3.0, 0.0)
    window.add(5.0, 5.0)
    assert window.value == 3.0
    window.add(6.0, 11.0)
    assert window.value == 3.0
    window.add(7.0, 22.0)
    assert window.value == 6.0


def test_a_timeline_follows_the_packets_that_came_soonest() -> None:
    assert Timeline(90000).timestamp_at(1.0) is None
    timeline = Timeline(90000)
    timeline.packet(90_000, 11.3)  # 300 ms late
    timeline.packet(180_000, 12.0)
    assert timeline.timestamp_at(13.0) == 270_000


def test_a_sender_report_tells_more_than_arrivals() -> None:
    timeline = Timeline(90000)
    timeline.packet(90_000, 11.2)
    timeline.report(90_000, 11.0)
    assert timeline.timestamp_at(12.0) == 180_000
    timeline.report(90_000, 1000.0)  # contradicts the arrivals by minutes
    assert timeline.timestamp_at(12.2) == 180_000


def test_a_publishers_clock_is_told_by_the_report_that_travelled_quickest() -> None:
    clock = PublisherClock()
    with pytest.raises(ValueError, match="no sender report"):
        clock.local_time(1 << 32)
    clock.observe(100 << 32, 5.5)
    clock.observe(101 << 32, 6.1)
    assert clock.local_time(102 << 32) == pytest.approx(7.1)
