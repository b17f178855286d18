"""The account's clock: what falls due, in which order, and what time waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import travelling_clock as clock_module
from emulator.clock import ClockError, RealClock, Timer
from emulator.travelling_clock import TravellingClock

START = datetime(2026, 9, 17, 20, 0, 0, 123456, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def by(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


class Wall:
    """A wall clock in the test's hand."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> TravellingClock:
    return TravellingClock(frozen_at=START)


@pytest.fixture
def log(clock: TravellingClock) -> Log:
    return Log(clock)


class Log:
    """What was called when, in seconds of the account since START."""

    def __init__(self, clock: TravellingClock) -> None:
        self.clock = clock
        self.lines: list[tuple[str, float]] = []

    def add(self, name: str) -> None:
        self.lines.append((name, (self.clock.now() - START).total_seconds()))

    def will(self, name: str) -> Callable[[], None]:
        return lambda: self.add(name)


# -- what falls due ---------------------------------------------------------------------------------------------------


async def test_timers_come_in_order_of_due_time_each_at_its_own_time(clock: TravellingClock, log: Log) -> None:
    for name, due in (("late", 3), ("early", 1), ("middle", 2)):
        clock.call_at(after(due), log.will(name))
    assert await clock.advance(by(10)) == after(10) == clock.now()
    assert log.lines == [("early", 1), ("middle", 2), ("late", 3)]


async def test_what_is_due_together_comes_in_order_of_registration(clock: TravellingClock, log: Log) -> None:
    for name in "abcdef":
        clock.call_at(after(1), log.will(name))
    await clock.advance(by(1))
    assert [name for name, _ in log.lines] == list("abcdef")


async def test_a_timer_beyond_the_step_waits_for_the_next_one(clock: TravellingClock, log: Log) -> None:
    clock.call_at(after(2), log.will("it"))
    await clock.advance(by(1.999999))
    assert log.lines == []
    await clock.advance(by(0.000001))
    assert log.lines == [("it", 2)]


async def test_a_cancelled_timer_does_not_come(clock: TravellingClock, log: Log) -> None:
    later: list[Timer] = []

    def cancel_the_next() -> None:
        later[0].cancel()

    clock.call_at(after(1), cancel_the_next)
    later.append(clock.call_at(after(1), log.will("cancelled by the one before")))
    clock.call_at(after(2), log.will("cancelled at once")).cancel()
    last = clock.call_at(after(3), log.will("it"))
    await clock.advance(by(10))
    assert log.lines == [("it", 3)]
    later[0].cancel()  # again, and after the call: nothing happens
    last.cancel()


async def test_what_a_timer_sets_on_the_way_still_comes(clock: TravellingClock, log: Log) -> None:
    def first() -> None:
        log.add("first")
        clock.call_at(clock.now(), log.will("at once"))
        clock.call_at(clock.now() + by(2), log.will("child"))

    clock.call_at(after(1), first)
    clock.call_at(after(2), log.will("second"))
    await clock.advance(by(3))
    assert log.lines == [("first", 1), ("at once", 1), ("second", 2), ("child", 3)]


@pytest.mark.errors_expected
async def test_a_failing_timer_does_not_keep_the_others_from_coming(
    clock: TravellingClock, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    clock.call_at(after(1), lambda: 1 // 0)
    clock.call_at(after(1), log.will("it"))
    await clock.advance(by(1))
    assert log.lines == [("it", 1)]
    assert "ZeroDivisionError" in caplog.text


async def test_timers_without_end_at_one_instant_are_refused(
    clock: TravellingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_module, "MAX_TIMERS_AT_ONE_INSTANT", 50)
    timers: list[Timer] = []

    def again() -> None:
        timers.append(clock.call_at(clock.now(), again))

    again()
    with pytest.raises(ClockError, match="no end"):
        await clock.advance(by(1))
    timers[-1].cancel()
    assert await clock.advance(by(1)) == after(1)


PLANS = st.recursive(
    st.builds(lambda delay: (delay, []), st.integers(0, 6)),
    lambda children: st.tuples(st.integers(0, 6), st.lists(children, max_size=3)),
    max_leaves=12,
)
"""A timer: its delay in tenths of a second, and the timers it sets when it comes."""


def _played(plans: list[tuple[int, list]], cancelled: set[int], steps: list[int]) -> list[tuple[int, float, float]]:
    """(number of registration, due, seen) of every timer that came, when time is moved in these steps."""
    seen: list[tuple[int, float, float]] = []

    async def play() -> None:
        clock = TravellingClock(frozen_at=START)
        numbers = iter(range(10_000))

        def register(plan: tuple[int, list]) -> None:
            delay, children = plan
            number, due = next(numbers), clock.now() + by(delay / 10)

            def called() -> None:
                seen.append((number, (due - START).total_seconds(), (clock.now() - START).total_seconds()))
                for child in children:
                    register(child)

            timer = clock.call_at(due, called)
            if number in cancelled:
                timer.cancel()

        for plan in plans:
            register(plan)
        for step in steps:
            await clock.advance(by(step / 10))

    asyncio.run(play())
    return seen


@settings(max_examples=120, deadline=None)
@given(
    plans=st.lists(PLANS, min_size=1, max_size=8),
    cancelled=st.sets(st.integers(0, 12)),
    steps=st.lists(st.integers(0, 9), max_size=12),
)
def test_order_is_that_of_due_time_then_registration_however_time_is_cut(
    plans: list[tuple[int, list]], cancelled: set[int], steps: list[int]
) -> None:
    seen = _played(plans, cancelled, steps)
    assert all(due == now for _, due, now in seen)
    assert [(due, number) for number, due, _ in seen] == sorted((due, number) for number, due, _ in seen)
    assert not {number for number, _, _ in seen} & cancelled
    # Numbers depend on the order of coming, so equal traces mean equal orders.
    assert seen == _played(plans, cancelled, [sum(steps)])


# -- sleeping and settling --------------------------------------------------------------------------------------------


async def test_a_sleeper_wakes_at_its_time_and_its_work_is_over_before_time_moves(
    clock: TravellingClock, log: Log
) -> None:
    async def works(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        for _ in range(50):  # as many turns of the loop
            await asyncio.sleep(0)
        log.add(name)

    tasks = [asyncio.create_task(works(name, seconds)) for name, seconds in (("b", 2), ("a", 1), ("c", 2.5))]
    await clock.advance(by(5))
    assert log.lines == [("a", 1), ("b", 2), ("c", 2.5)]
    assert all(task.done() for task in tasks)


async def test_a_loop_of_sleeps_is_run_to_the_last_round(clock: TravellingClock, log: Log) -> None:
    async def ticks() -> None:
        while True:
            await clock.sleep(10)
            log.add("tick")

    ticker = asyncio.create_task(ticks())
    await clock.advance(timedelta(hours=1))
    assert log.lines == [("tick", 10.0 * number) for number in range(1, 361)]
    ticker.cancel()


async def test_no_sleep_takes_no_time(clock: TravellingClock) -> None:
    await clock.sleep(0)
    await clock.sleep(-1)
    assert clock.now() == START


async def test_a_sleeper_that_is_cancelled_leaves_no_timer(clock: TravellingClock) -> None:
    sleeper = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    sleeper.cancel()
    await asyncio.gather(sleeper, return_exceptions=True)
    assert clock.jump(by(10)) == after(10)


async def test_a_loop_that_never_rests_does_not_stop_time(
    clock: TravellingClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clock_module, "MAX_PASSES", 200)

    async def spin() -> None:
        while True:  # noqa: ASYNC110 - what an event would cure is what is wanted here
            await asyncio.sleep(0)

    spinner = asyncio.create_task(spin())
    assert await clock.advance(by(1)) == after(1)
    assert "not come to rest" in caplog.text
    spinner.cancel()


async def test_clocks_that_are_moved_at_once_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clock_module, "MAX_PASSES", 1000)
    clocks = [TravellingClock(frozen_at=START) for _ in range(3)]
    logs = [Log(clock) for clock in clocks]

    async def story(clock: TravellingClock, log: Log) -> None:
        for number in range(20):
            await clock.sleep(number % 3 + 1)
            for _ in range(number % 5):
                await asyncio.sleep(0)
            log.add(f"{number}")

    stories = [asyncio.create_task(story(clock, log)) for clock, log in zip(clocks, logs, strict=True)]
    await asyncio.gather(*(clock.advance(by(100)) for clock in clocks))
    assert logs[0].lines == logs[1].lines == logs[2].lines
    assert [at for _, at in logs[0].lines][:4] == [1, 3, 6, 7]
    assert all(task.done() for task in stories)
    assert caplog.text == ""


# -- work in flight ---------------------------------------------------------------------------------------------------


async def test_time_waits_for_work_in_flight(clock: TravellingClock, log: Log) -> None:
    async def asks() -> None:
        with clock.busy(5):
            await asyncio.sleep(0.02)  # a socket's answer
        log.add("answered")

    tasks: list[asyncio.Task[None]] = []
    clock.call_at(after(1), lambda: tasks.append(asyncio.create_task(asks())))
    clock.call_at(after(1), log.will("same instant"))
    clock.call_at(after(2), log.will("next instant"))
    await clock.advance(by(10))
    assert log.lines == [("same instant", 1), ("answered", 1), ("next instant", 2)]


async def test_what_is_in_flight_already_is_waited_for_too(clock: TravellingClock, log: Log) -> None:
    async def asks() -> None:
        await asyncio.sleep(0.02)
        log.add("answered")
        clock.call_at(clock.now() + by(0.5), log.will("follow-up"))

    clock.track(asyncio.create_task(asks()), limit=5)
    await clock.advance(by(1))
    assert log.lines == [("answered", 0), ("follow-up", 0.5)]


async def test_time_waits_no_longer_than_the_limit(
    clock: TravellingClock, log: Log, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_module, "GRACE_SECS", 0.0)
    stuck = clock.track(asyncio.create_task(asyncio.Event().wait()), limit=0.05)
    clock.call_at(after(1), log.will("it"))
    clock.call_at(after(2), log.will("and the next"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await clock.advance(by(10))
    assert 0.05 <= loop.time() - began < 5
    assert log.lines == [("it", 1), ("and the next", 2)]
    assert caplog.text.count("is in flight after") == 1  # it has had its time: nothing is waited for twice
    stuck.cancel()


async def test_work_that_ends_by_its_own_timeout_ends_before_time_moves(clock: TravellingClock, log: Log) -> None:
    """Limit and own timeout are equal, as with a webhook attempt: what follows counts from the right instant."""

    async def attempt() -> None:
        with clock.busy(0.03):
            try:
                async with asyncio.timeout(0.03):
                    await asyncio.Event().wait()
            except TimeoutError:
                log.add("timed out")
                clock.call_at(clock.now() + by(4), log.will("again"))

    tasks: list[asyncio.Task[None]] = []
    clock.call_at(after(1), lambda: tasks.append(asyncio.create_task(attempt())))
    await clock.advance(by(60))
    assert log.lines == [("timed out", 1), ("again", 5)]


async def test_who_sleeps_on_the_clock_does_not_hold_it(clock: TravellingClock, log: Log) -> None:
    async def works() -> None:
        with clock.busy(60):
            await clock.sleep(1)
            await asyncio.sleep(0.02)
            log.add("answered")
            await clock.sleep(1)
        log.add("done")

    async def tracked() -> None:
        await clock.sleep(3)
        await asyncio.sleep(0.02)
        log.add("tracked")

    inside = asyncio.create_task(works())
    beside = clock.track(asyncio.create_task(tracked()), limit=60)
    await clock.advance(by(10))
    assert log.lines == [("answered", 1), ("done", 2), ("tracked", 3)]
    assert inside.done()
    assert beside.done()


async def test_two_pieces_of_work_at_one_instant_run_side_by_side(clock: TravellingClock, log: Log) -> None:
    meeting = asyncio.Barrier(2)

    async def meets() -> None:
        await meeting.wait()
        await asyncio.sleep(0.01)
        log.add("met")

    tasks: list[asyncio.Task[None]] = []
    for _ in range(2):
        clock.call_at(after(1), lambda: tasks.append(clock.track(asyncio.create_task(meets()), limit=5)))
    await clock.advance(by(2))
    assert log.lines == [("met", 1), ("met", 1)]


# -- advances ---------------------------------------------------------------------------------------------------------


async def test_advances_take_turns(clock: TravellingClock, log: Log) -> None:
    clock.track(asyncio.create_task(asyncio.sleep(0.02)), limit=5)
    clock.call_at(after(4), log.will("it"))
    assert await asyncio.gather(clock.advance(by(3)), clock.advance(by(2))) == [after(3), after(5)]
    assert log.lines == [("it", 4)]


async def test_a_cancelled_advance_leaves_the_clock_where_it_was(clock: TravellingClock, log: Log) -> None:
    reached, answer = asyncio.Event(), asyncio.get_running_loop().create_future()

    def ask() -> None:
        clock.track(answer, limit=60)
        reached.set()

    clock.call_at(after(1), ask)
    clock.call_at(after(2), log.will("it"))
    advancing = asyncio.create_task(clock.advance(by(3)))
    await reached.wait()
    advancing.cancel()
    await asyncio.gather(advancing, return_exceptions=True)
    assert clock.now() == after(1)
    answer.set_result(None)
    await clock.advance(by(1))
    assert log.lines == [("it", 2)]


async def test_going_back_is_refused(clock: TravellingClock) -> None:
    with pytest.raises(ClockError, match="zero or more"):
        clock.jump(by(-0.000001))
    with pytest.raises(ClockError, match="zero or more"):
        await clock.advance(by(-0.000001))
    assert clock.now() == START


async def test_a_jump_over_a_timer_is_refused(clock: TravellingClock, log: Log) -> None:
    clock.call_at(after(2), log.will("it"))
    assert clock.jump(by(1)) == after(1)
    with pytest.raises(ClockError, match="advance"):
        clock.jump(by(1))
    await clock.advance(by(1))
    assert log.lines == [("it", 2)]


async def test_a_jump_during_an_advance_is_refused(clock: TravellingClock) -> None:
    refused: list[ClockError] = []

    def jump() -> None:
        with pytest.raises(ClockError, match="under way") as caught:
            clock.jump(by(1))
        refused.append(caught.value)

    clock.call_at(after(1), jump)
    await clock.advance(by(2))
    assert len(refused) == 1
    assert clock.now() == after(2)


def test_naive_times_are_refused(clock: TravellingClock) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that is what is refused
    with pytest.raises(ClockError, match="timezone-aware"):
        clock.call_at(naive, lambda: None)
    with pytest.raises(ClockError, match="timezone-aware"):
        TravellingClock(frozen_at=naive)


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_a_rate_is_a_positive_number(clock: TravellingClock, rate: float) -> None:
    with pytest.raises(ClockError, match="positive"):
        clock.run(rate)
    with pytest.raises(ClockError, match="positive"):
        TravellingClock(rate=rate)


# -- standing and running ---------------------------------------------------------------------------------------------


def test_a_clock_runs_with_the_wall_until_it_is_frozen_and_from_there_when_it_runs_again() -> None:
    wall = Wall()
    clock = TravellingClock(wall=wall)
    wall.time += by(5)
    assert clock.now() == after(5)
    assert not clock.frozen
    assert clock.freeze() == after(5)
    wall.time += by(100)
    assert clock.now() == after(5)
    assert clock.frozen
    clock.run()
    wall.time += by(2)
    assert clock.now() == after(7)


def test_a_rate_makes_time_pass_faster() -> None:
    wall = Wall()
    clock = TravellingClock(wall=wall, rate=60)
    wall.time += by(2)
    assert clock.now() == after(120)
    clock.run(0.5)
    wall.time += by(2)
    assert clock.now() == after(121)


async def test_a_running_clock_runs_on_from_where_it_was_moved_to() -> None:
    wall = Wall()
    clock = TravellingClock(wall=wall)
    log = Log(clock)
    clock.call_at(after(3), log.will("it"))
    assert await clock.advance(by(10)) == after(10)
    assert log.lines == [("it", 3)]
    wall.time += by(1)
    assert clock.now() == after(11)


async def test_timers_come_by_themselves_while_a_clock_runs() -> None:
    clock = TravellingClock(rate=1000)
    begun = clock.now()
    async with asyncio.timeout(5):
        await asyncio.gather(clock.sleep(30), clock.sleep(10))
    assert clock.now() - begun >= by(30)


async def test_a_frozen_clock_keeps_its_timers_until_it_runs() -> None:
    clock = TravellingClock(frozen_at=START, rate=1)
    sleeper = asyncio.create_task(clock.sleep(0.05))
    await asyncio.sleep(0.1)
    assert not sleeper.done()
    clock.run()
    async with asyncio.timeout(5):
        await sleeper


async def test_freezing_stops_timers_that_were_about_to_come() -> None:
    clock = TravellingClock()
    sleeper = asyncio.create_task(clock.sleep(0.05))
    await asyncio.sleep(0)
    clock.freeze()
    await asyncio.sleep(0.1)
    assert not sleeper.done()
    sleeper.cancel()


async def test_what_is_due_already_comes_soon_on_a_frozen_clock(clock: TravellingClock, log: Log) -> None:
    clock.call_at(after(0), log.will("now"))
    clock.call_at(after(-5), log.will("late"))
    assert log.lines == []  # never from within call_at
    await asyncio.sleep(0)
    assert log.lines == [("late", 0), ("now", 0)]


async def test_a_wall_clock_that_is_set_back_does_not_bring_a_timer_early() -> None:
    wall = Wall()
    clock = TravellingClock(wall=wall)
    came = asyncio.Event()
    clock.call_at(after(0.02), came.set)
    await asyncio.sleep(0.05)  # the loop's time has come, the wall's has not
    assert not came.is_set()
    wall.time += by(0.02)
    async with asyncio.timeout(5):
        await came.wait()


async def test_cancelled_timers_do_not_pile_up(clock: TravellingClock) -> None:
    kept = clock.call_at(after(10), lambda: None)
    for _ in range(5000):
        clock.call_at(after(5), lambda: None).cancel()
    assert len(clock._timers._heap) < 200
    assert kept.callback is not None


# -- the real one -----------------------------------------------------------------------------------------------------


async def test_the_real_clock_wakes_people_in_real_time() -> None:
    clock = RealClock()
    came: list[str] = []
    clock.call_at(clock.now() + by(0.03), lambda: came.append("b"))
    clock.call_at(clock.now() + by(0.01), lambda: came.append("a"))
    clock.call_at(clock.now() + by(0.02), lambda: came.append("never")).cancel()
    begun = clock.now()
    with clock.busy(1):
        await clock.track(asyncio.ensure_future(clock.sleep(0.04)), limit=1)
    assert clock.now() - begun >= by(0.04)
    assert came == ["a", "b"]
