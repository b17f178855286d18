"""Two clocks: the sender's, which spaces samples, and ours, which keeps recordings of one session in step."""

from __future__ import annotations

from itertools import pairwise

import pytest

from emulator.media.rtp.timing import Timeline
from emulator.recording.placing import Placing

RATE = 90_000


def run(skew: float, secs: float, *, step: float = 0.05) -> tuple[float, float]:
    """A sender whose clock is off by `skew`: where its last sample is placed, and by how much one was out of step."""
    timeline, placing = Timeline(RATE), Placing(100.0)
    worst = last = at = 0.0
    for number in range(round(secs / step)):
        now = 100.0 + number * step
        timestamp = round(number * step * (1 + skew) * RATE)
        timeline.packet(timestamp, now)
        timeline.report(timestamp, now)
        at = placing.at(timestamp, timeline, RATE, now)
        worst, last = max(worst, abs(at - last - step) if number else 0.0), at
    return at, worst


@pytest.mark.parametrize("skew", [0.0, 100e-6, -100e-6, 0.01, -0.01])
def test_a_sender_whose_clock_drifts_is_followed_smoothly(skew: float) -> None:
    at, worst = run(skew, 120.0)
    assert at == pytest.approx(119.95, abs=0.02)
    assert worst < 0.002


def test_first_packets_that_came_late_are_put_right_at_once() -> None:
    timeline, placing = Timeline(RATE), Placing(10.0)
    timeline.packet(0, 10.0)  # sampled at 9.9: the sender was busy
    assert placing.at(0, timeline, RATE, 10.0) == 0.0
    timeline.packet(9_000, 10.0)
    assert placing.at(9_000, timeline, RATE, 10.0) == pytest.approx(0.0)
    timeline.report(18_000, 10.08)
    assert placing.at(18_000, timeline, RATE, 10.1) == pytest.approx(0.08)


def test_later_reports_correct_without_a_jump() -> None:
    timeline, placing = Timeline(RATE), Placing(10.0)
    timeline.packet(0, 10.0)
    for number in range(61):
        placing.at(3_000 * number, timeline, RATE, 0.0)
    timeline.report(180_000, 11.98)
    later = [placing.at(3_000 * number, timeline, RATE, 0.0) for number in range(61, 150)]
    assert later[0] == pytest.approx(61 / 30, abs=0.001)
    assert later[-1] == pytest.approx(149 / 30 - 0.02, abs=0.001)
    assert all(second > first for first, second in pairwise(later))


def test_another_line_of_time_is_taken_at_once() -> None:
    timeline, placing = Timeline(RATE), Placing(10.0)
    timeline.packet(0, 10.0)
    placing.at(0, timeline, RATE, 10.0)
    timeline.reset()
    timeline.packet(90_000, 15.0)  # one second of timestamps for five of ours
    assert placing.at(90_000, timeline, RATE, 15.0) == pytest.approx(5.0)
