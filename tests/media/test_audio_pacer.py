from __future__ import annotations

import pytest

from emulator.media.audio.pacer import Due, TickSchedule


def test_nothing_is_due_before_the_start_and_one_tick_at_it():
    schedule = TickSchedule(100.0)
    assert schedule.due(99.9) == Due(0)
    assert schedule.due(100.0) == Due(1)
    assert schedule.due(100.0) == Due(0)
    assert schedule.next_at == pytest.approx(100.02)


def test_a_timer_that_fires_a_hair_early_still_gets_its_tick():
    schedule = TickSchedule(0.0)
    schedule.due(0.0)
    assert schedule.due(0.0199999) == Due(1)
    assert schedule.due(0.0300) == Due(0)
    assert schedule.due(schedule.next_at) == Due(1)


def test_ten_minutes_have_30000_ticks_and_do_not_drift():
    schedule = TickSchedule(12345.678)
    ticks = 0
    while schedule.next_at < 12345.678 + 600 - 1e-6:
        ticks += schedule.due(schedule.next_at + 0.003).ticks
    assert ticks == 30_000
    assert schedule.late == schedule.skipped == 0


def test_a_short_stall_is_caught_up_and_counted_late():
    schedule = TickSchedule(0.0)
    schedule.due(0.0)
    assert schedule.due(0.085) == Due(4)
    assert schedule.late == 3
    assert schedule.next_at == pytest.approx(0.1)


def test_a_long_stall_skips_all_but_a_few_ticks():
    schedule = TickSchedule(0.0, catch_up=3)
    schedule.due(0.0)
    assert schedule.due(2.0) == Due(3, skipped=97)
    assert schedule.skipped == 97
    assert schedule.due(2.02) == Due(1)


def test_time_that_stands_still_or_goes_back_makes_nothing_due():
    schedule = TickSchedule(0.0)
    schedule.due(1.0)
    assert schedule.due(0.5) == Due(0)
    assert schedule.due(-5.0) == Due(0)


@pytest.mark.parametrize(("period", "catch_up"), [(0, 1), (-1, 1), (0.02, 0)])
def test_impossible_schedules_are_refused(period, catch_up):
    with pytest.raises(ValueError, match="expected a period"):
        TickSchedule(0.0, period=period, catch_up=catch_up)
