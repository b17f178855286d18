"""The engine against fake clients, in virtual time."""

import asyncio
from collections.abc import Callable
from textwrap import dedent, indent

import pytest

from emulator.scenario.engine import LEAVE_SECS, STEP_TIMEOUT_SECS
from emulator.scenario.report import Outcome, Report, StepResult
from tests.scenario.fake_room import FakeRoom, engine, play
from tests.scenario.virtual_time import run_virtually

HEAD = """\
version: 1
name: a test
seed: 5
participants:
  alice: {streams: {self: {video: test_card, audio: tone}}}
  bob: {subscribe: all}
  carol: {context: {username: Carol}, streams: {self: {video: true}}}
timeline:
"""
JOINS = "- {at: 0s, do: [{alice: join}, {bob: join}, {carol: join}]}\n"


def scenario(entries: str, *, joins: str = JOINS) -> str:
    return HEAD + indent(joins + dedent(entries), "  ")


def run(entries: str, *, prepare: Callable[[FakeRoom], None] | None = None) -> tuple[FakeRoom, Report]:
    """Everybody joins, then these entries."""

    async def all_of_it() -> tuple[FakeRoom, Report]:
        room = FakeRoom()
        if prepare is not None:
            prepare(room)
        return room, await play(scenario(entries), room)

    return run_virtually(all_of_it())


def asked(room: FakeRoom, *, but: str = "leave") -> list[tuple[float, str]]:
    return [(time, what) for time, what in room.asked if not what.endswith((but, "join"))]


def test_steps_are_taken_when_they_are_due_and_everybody_leaves_at_the_end() -> None:
    room, report = run("- {at: 2s, do: {alice: {publish: self}}}\n- {at: 1m, do: {alice: {stop_video: self}}}")
    assert report.ok
    assert room.asked == [
        (0.0, "alice join"),
        (0.0, "bob join"),
        (0.0, "carol join"),
        (2.0, "alice publish self"),
        (2.0, "bob subscribe alice/self"),
        (60.0, "alice stop video self"),
        (60.0, "alice leave"),
        (60.0, "bob leave"),
        (60.0, "carol leave"),
    ]


def test_clients_get_what_the_scenario_declares() -> None:
    room, _ = run("- {at: 1s, do: {carol: [leave, join]}}")
    first, *_, again = [ticket for ticket in room.tickets if ticket.participant.name == "carol"]
    assert (first.room_id, first.token) == ("the-room", "token for the-room")
    assert (first.participant.context, first.participant.index) == ('{"username":"Carol"}', 2)
    assert first.participant_id == again.participant_id
    assert first.rng.random() != again.rng.random()  # or its SSRCs would come back from the dead


def test_a_list_waits_for_each_and_a_mapping_for_none() -> None:
    def slow(room: FakeRoom) -> None:
        room.takes = {"publish": 0.5}

    room, report = run(
        """\
        - {at: 1s, do: [{alice: {publish: self}}, {carol: {publish: self}}]}
        - {at: 5s, do: {alice: {unpublish: self}, carol: {unpublish: self}}}
        """,
        prepare=slow,
    )
    assert report.ok
    assert [step for step in asked(room) if "publish" in step[1]] == [
        (1.0, "alice publish self"),
        (1.5, "carol publish self"),
        (5.0, "alice unpublish self"),
        (5.0, "carol unpublish self"),
    ]


def test_a_participants_steps_never_overlap_nor_overtake_also_across_entries() -> None:
    def slow(room: FakeRoom) -> None:
        room.takes = {"join": 3.0}

    room, report = run(
        "- {at: 0s, do: {carol: {publish: self}}}\n- {at: 1s, do: {alice: {publish: self}}}", prepare=slow
    )
    assert report.ok
    steps = [step for step in room.asked if "subscribe" not in step[1] and "leave" not in step[1]]
    assert sorted(steps) == [
        (0.0, "alice join"),
        (3.0, "alice publish self"),
        (3.0, "bob join"),
        (6.0, "carol join"),
        (9.0, "carol publish self"),
    ]


def test_lateness_is_reported() -> None:
    def slow(room: FakeRoom) -> None:
        room.takes = {"alice join": 3.0}

    _, report = run("- {at: 1s, do: {alice: {publish: self}}}", prepare=slow)
    late = next(result for result in report.results if result.what == "publish self")
    assert (late.planned, late.began) == (1.0, 3.0)
    assert late.describe() == "   3.000s  alice publish self: done in 0.000s (2.000s late)"


def test_what_waits_for_a_milestone_begins_when_it_has_come() -> None:
    def slow(room: FakeRoom) -> None:
        room.takes = {"publish": 0.7}

    room, report = run(
        """\
        - {after: alice.published, do: {alice: {stop_video: self}}}
        - {after: alice/self.published + 2s, do: {alice: {unpublish: self}}}
        - {after: alice.unpublished, do: {alice: leave}}
        - {at: 1s, do: {alice: {publish: self}}}
        """,
        prepare=slow,
    )
    assert report.ok
    assert [step for step in room.asked if step[1].startswith("alice")][1:5] == [
        (1.0, "alice publish self"),
        (1.7, "alice stop video self"),
        (3.7, "alice unpublish self"),
        (3.7, "alice leave"),
    ]


def test_a_milestone_fires_once() -> None:
    room, report = run(
        """\
        - {after: alice.published, do: {carol: {publish: self}}}
        - {at: 1s, do: {alice: [{publish: self}, {unpublish: self}, {publish: self}]}}
        """
    )
    assert report.ok
    assert room.said.count("carol publish self") == 1


def test_every_repeats_as_often_as_it_says() -> None:
    room, report = run("- {every: 20s, from: 10s, times: 3, do: {alice: [{publish: self}, {unpublish: self}]}}")
    assert report.ok
    assert [time for time, what in room.asked if what == "alice publish self"] == [10.0, 30.0, 50.0]


def test_an_occurrence_that_takes_too_long_delays_the_next_one() -> None:
    def slow(room: FakeRoom) -> None:
        room.takes = {"publish": 5.0}

    room, _ = run("- {every: 2s, times: 3, do: {alice: [{publish: self}, {unpublish: self}]}}", prepare=slow)
    assert [time for time, what in room.asked if what == "alice publish self"] == [2.0, 7.0, 12.0]


def test_jitter_delays_by_what_was_drawn_and_is_the_same_each_time() -> None:
    entry = "- {at: 10s, jitter: 4s, do: {alice: {publish: self}, carol: {publish: self}}}"
    first, second = ([step for step in asked(run(entry)[0]) if "publish" in step[1]] for _ in range(2))
    assert first == second
    times = [time for time, _ in first]
    assert all(10 <= time <= 14 for time in times)
    assert len(set(times)) == 2


def test_expectations_are_waited_for_at_once_after_the_steps() -> None:
    def slow(room: FakeRoom) -> None:
        room.takes = {"publish": 0.5, "sees": 0.3, "hears": 0.1}

    _, report = run(
        """\
        - at: 1s
          do: {alice: {publish: self}}
          expect: [{bob: {sees: alice/self, within: 2s}}, {bob: {hears: alice, within: 1s}}]
        """,
        prepare=slow,
    )
    assert report.ok
    seen = [result.describe() for result in report.results][-2:]
    assert seen == [
        "   1.500s  bob expect hears alice: done in 0.100s",
        "   1.500s  bob expect sees alice/self: done in 0.300s",
    ]


def test_a_failed_expectation_is_reported_and_the_rest_goes_on() -> None:
    room, report = run(
        """\
        - {at: 1s, expect: {bob: {sees: carol/self, within: 2s}}}
        - {at: 5s, do: {alice: {publish: self}}}
        """
    )
    assert not report.ok
    assert report.describe().splitlines() == [
        "a test: 1 failed, 4 as expected, 0 not run",
        "   1.000s  bob expect sees carol/self: failed in 2.000s (line 10): not within 2 s",
    ]
    assert "alice publish self" in room.said


def test_a_failed_step_ends_the_run_and_lists_what_was_not_done() -> None:
    def broken(room: FakeRoom) -> None:
        room.breaks = {"alice publish": OSError("the cable is gone")}

    room, report = run(
        """\
        - at: 1s
          do: [{alice: [{publish: self}, {stop_video: self}]}, {carol: {publish: self}}]
          expect: {bob: {sees: alice/self}}
        - {after: alice.published, do: {bob: leave}}
        - {at: 5s, do: {alice: leave}}
        """,
        prepare=broken,
    )
    assert report.describe().splitlines() == [
        "a test: 1 failed, 3 as expected, 5 not run",
        "   1.000s  alice publish self: failed in 0.000s (line 11): the cable is gone",
        "stopped, since alice could not publish self",
    ]
    not_run = [f"{result.who} {result.what}" for result in report.results if result.outcome is Outcome.NOT_RUN]
    assert not_run == [
        "alice stop_video self",
        "carol publish self",
        "bob expect sees alice/self",
        "bob leave",
        "alice leave",
    ]
    assert [what for what in room.said if what.endswith("leave")] == ["alice leave", "bob leave", "carol leave"]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("- {at: 1s, do: {alice: join}}", "alice is in the room already"),
        ("- {at: 1s, do: {alice: [leave, {publish: self}]}}", "alice is no longer in the room"),
        ("- {at: 1s, do: {alice: [vanish, {publish: self}]}}", "alice is no longer in the room"),
        (
            "- {at: 1s, do: [{alice: leave}, {bob: leave}, {carol: leave}, {moderator: end_session}]}",
            "end: no session is going on in the room",
        ),
    ],
)
def test_steps_that_do_not_fit_fail_with_a_reason(entries: str, said: str) -> None:
    _, report = run(entries)
    assert [result.message for result in report.failed] == [said]


def test_acting_before_joining_fails_with_a_reason() -> None:
    _, report = run_virtually(
        _played(scenario("- {at: 1s, do: {alice: join}}", joins="- {at: 0s, do: {alice: leave}}\n"))
    )
    assert [result.message for result in report.failed] == ["alice has not joined"]


async def _played(text: str) -> tuple[FakeRoom, Report]:
    room = FakeRoom()
    return room, await play(text, room)


def test_a_step_that_hangs_is_given_up() -> None:
    def stuck(room: FakeRoom) -> None:
        room.takes = {"publish": 1e6}

    _, report = run("- {at: 1s, do: {alice: {publish: self}}}", prepare=stuck)
    (failed,) = report.failed
    assert (failed.message, failed.ended) == ("timed out", 1 + STEP_TIMEOUT_SECS)


def test_the_moderator_acts_over_rest_with_participant_ids() -> None:
    room, report = run("- {at: 1s, do: {moderator: [{mute: [alice, bob]}, {kick: carol}, end_session]}}")
    assert report.ok
    ids = {ticket.participant.name: ticket.participant_id for ticket in room.tickets}
    assert room.acted == [
        ("mute", {"participants": [ids["alice"], ids["bob"]]}),
        ("kick", {"participants": [ids["carol"]]}),
        ("end", {}),
    ]


def test_subscribe_all_takes_in_streams_that_are_there_and_streams_to_come() -> None:
    room, report = run(
        """\
        - {at: 1s, do: [{alice: {publish: self}}, {bob: [leave, join]}]}
        - {at: 2s, do: {carol: {publish: self}}}
        """
    )
    assert report.ok
    assert [step for step in room.asked if "subscribe" in step[1]] == [
        (1.0, "bob subscribe alice/self"),
        (1.0, "bob subscribe alice/self"),
        (2.0, "bob subscribe carol/self"),
    ]


def test_a_subscription_that_fails_on_its_own_is_a_failure_unless_the_stream_has_gone() -> None:
    def broken(room: FakeRoom) -> None:
        room.breaks = {"subscribe": OSError("no")}
        room.takes = {"subscribe": 1.0}

    _, report = run("- {at: 1s, do: {alice: {publish: self}}}\n- {at: 4s, do: {alice: leave}}", prepare=broken)
    (failed,) = report.failed
    assert failed.describe() == "   2.000s  bob in the room: failed in 0.000s: subscribing to alice/self: no"
    _, report = run("- {at: 1s, do: {alice: [{publish: self}, leave]}}\n- {at: 4s, do: {bob: leave}}", prepare=broken)
    assert report.ok


def test_faults_that_clients_noticed_are_failures() -> None:
    async def all_of_it() -> Report:
        room = FakeRoom()
        running = asyncio.create_task(play(scenario("- {at: 1s, do: {alice: {publish: self}}}"), room))
        await asyncio.sleep(0.5)
        next(iter(room.clients.values())).found_faults.append("an answer to nothing")
        return await running

    report = run_virtually(all_of_it())
    assert [(result.who, result.message) for result in report.failed] == [("alice", "an answer to nothing")]


def test_who_cannot_leave_in_time_vanishes() -> None:
    def stuck(room: FakeRoom) -> None:
        room.takes = {"alice leave": 60.0}

    room, report = run("- {at: 1s, do: {alice: {publish: self}}}", prepare=stuck)
    assert (1.0 + LEAVE_SECS, "alice vanish") in room.asked
    assert [result.message for result in report.failed] == ["leaving at the end: timed out"]


def test_results_are_told_as_they_come() -> None:
    async def all_of_it() -> list[str]:
        told: list[StepResult] = []
        await engine(scenario("- {at: 1s, do: {alice: {publish: self}}}"), FakeRoom(), on_step=told.append).run()
        return [f"{result.who} {result.what}: {result.outcome}" for result in told]

    assert run_virtually(all_of_it()) == [
        "alice join: done",
        "bob join: done",
        "carol join: done",
        "alice publish self: done",
    ]


def test_an_observer_that_raises_ends_the_run_with_its_error() -> None:
    def observer(result: StepResult) -> None:
        raise ZeroDivisionError(result.what)

    async def all_of_it() -> None:
        await engine(scenario("- {at: 1s, do: {alice: {publish: self}}}"), FakeRoom(), on_step=observer).run()

    with pytest.raises(ZeroDivisionError, match="join"):
        run_virtually(all_of_it())


def test_participants_stay_until_the_run_is_cancelled_and_then_leave_politely() -> None:
    async def all_of_it() -> tuple[list[tuple[float, str]], Report]:
        room = FakeRoom()
        staying = engine(scenario("- {at: 1s, do: {carol: leave}}"), room, keep_going=True, stay=True)
        running = asyncio.create_task(staying.run())
        await asyncio.sleep(1000)
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return room.asked, staying.report

    asked_for, report = run_virtually(all_of_it())
    assert asked_for[-3:] == [(1.0, "carol leave"), (1000.0, "alice leave"), (1000.0, "bob leave")]
    assert report.ok


def test_cancelling_in_the_middle_of_a_step_lets_everybody_leave_and_lists_nothing_as_not_run() -> None:
    async def all_of_it() -> tuple[list[tuple[float, str]], Report]:
        room = FakeRoom()
        room.takes = {"publish": 100.0}
        text = scenario("- {at: 1s, do: {alice: {publish: self}}}\n- {every: 10s, do: {carol: {publish: self}}}")
        running = engine(text, room)
        task = asyncio.create_task(running.run())
        await asyncio.sleep(15)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return room.asked, running.report

    asked_for, report = run_virtually(all_of_it())
    assert asked_for[-3:] == [(15.0, "alice leave"), (15.0, "bob leave"), (15.0, "carol leave")]
    assert [result.outcome for result in report.results] == [Outcome.DONE] * 3


def test_with_keep_going_the_others_go_on_and_what_repeats_and_fails_is_not_repeated() -> None:
    async def all_of_it() -> tuple[FakeRoom, Report]:
        room = FakeRoom()
        room.breaks = {"alice publish": OSError("no")}
        text = scenario("- {every: 10s, do: {alice: {publish: self}}}\n- {every: 10s, do: {carol: [leave, join]}}")
        running = engine(text, room, keep_going=True)
        task = asyncio.create_task(running.run())
        await asyncio.sleep(45)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return room, running.report

    room, report = run_virtually(all_of_it())
    assert room.said.count("alice publish self") == 1
    assert room.said.count("carol join") == 5
    assert not report.stopped


def test_who_is_still_coming_in_is_looked_at_when_there() -> None:
    """Not taken for somebody who has gone: bob needs 5 s, what is expected of him is due at once."""

    async def meet() -> Report:
        room = FakeRoom()
        room.takes["bob join"] = 5.0
        text = scenario(
            "- {at: 0s, do: {alice: {publish: self}}, expect: {bob: {sees: alice/self, within: 9s}}}",
            joins="- {at: 0s, do: {alice: join, bob: join, carol: join}}\n",
        )
        return await play(text, room)

    report = run_virtually(meet())
    assert report.ok, report.describe()
