"""A scenario on stage while the test goes on."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from conftest_plugin.participants import Participant
from conftest_plugin.performance import AsyncScenarios, Scenarios
from conftest_plugin.rooms_emulator import RoomsEmulator
from emulator.scenario import draws
from emulator.scenario.errors import BadInput

pytest_plugins = "pytester"

STAGE = """
version: 1
name: stage
seed: 4
room: {unique_name: lunch}
participants:
  alice:
    streams: {self: {video: {source: test_card}, audio: {source: tone}}}
timeline:
  - {at: 0s, do: {alice: [join, {publish: self}]}}
  - {at: 1h, do: {alice: leave}}
"""


@pytest.mark.rooms(scenario=STAGE)
def test_somebody_of_the_test_meets_the_cast(
    rooms_scenario: Scenarios, rooms_participant: Callable[..., Participant]
) -> None:
    stage = rooms_scenario.stage
    assert stage.room.unique_name == "lunch"
    assert stage.wait_for("alice publish *").who == "alice"
    bob = rooms_participant("bob", room=stage.room, subscribe="all")
    bob.sees(stage.people["alice"].participant_id)
    bob.sees(stage.people["alice"])
    assert stage.people["alice"].tone is not None
    bob.hears(stage.people["alice"].tone)
    bob.hears(stage.people["alice"])
    with pytest.raises(
        AssertionError, match=r"(?s)expected the step 'alice leave' of stage within 0\.1 s;.*alice join"
    ):
        stage.wait_for("alice leave", timeout=0.1)
    assert stage.results()[0].what == "join"


@pytest.mark.rooms(scenario=STAGE)
def test_a_step_that_the_scenario_does_not_have_is_not_waited_for(rooms_scenario: Scenarios) -> None:
    with pytest.raises(AssertionError) as caught:
        rooms_scenario.stage.wait_for("alice pubish self", timeout=600)
    assert str(caught.value).splitlines() == [
        "stage has no step 'alice pubish self'; did you mean 'alice publish self'?; it has:",
        "  alice join",
        "  alice publish self",
        "  alice leave",
    ]


BROKEN_STAGE = """\
version: 1
name: broken
room: {unique_name: lunch}
participants: {alice: {}}
timeline:
  - at: 0s
    do:
      moderator: [{request: {method: GET, path: /rooms, status: 418}}, {request: {method: GET, path: /room_sessions}}]
"""


def test_a_step_whose_time_never_comes_is_not_waited_for(rooms_scenario: Scenarios) -> None:
    stage = rooms_scenario.start(BROKEN_STAGE)
    with pytest.raises(AssertionError, match="moderator request GET /room_sessions: not run"):
        stage.wait_for("moderator request *sessions", timeout=600)
    assert "418" in rooms_scenario.complaint()


async def test_scenario_is_started_from_an_async_test(rooms_scenario_async: AsyncScenarios) -> None:
    with pytest.raises(LookupError, match="no scenario is on stage"):
        _ = rooms_scenario_async.stage
    stage = await rooms_scenario_async.start(STAGE)
    await stage.wait_for("alice join")
    assert rooms_scenario_async.stage.room == stage.room


@pytest.mark.rooms(scenario=STAGE)
def test_seed_of_the_file_draws_the_ids_of_the_cast(rooms_scenario: Scenarios) -> None:
    assert rooms_scenario.stage.people["alice"].participant_id == draws.participant_id(4, "alice")


@pytest.mark.rooms(scenario=STAGE, seed=9)
def test_seed_of_the_test_wins_over_that_of_the_file(rooms_scenario: Scenarios) -> None:
    assert rooms_scenario.stage.people["alice"].participant_id == draws.participant_id(9, "alice")


def test_what_was_not_as_expected_fails_the_test_and_is_kept(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        STAGE = '''
        version: 1
        name: stage
        participants:
          alice: {streams: {self: {video: {source: test_card}}}}
          bob: {subscribe: all}
        timeline:
          - {at: 0s, do: [{alice: join}, {bob: join}]}
          - {at: 1s, do: {alice: {publish: self}}}
          - {at: 0.2s, expect: {bob: {sees: alice/self, within: 0.1s}}}
        '''

        @pytest.mark.rooms(scenario=STAGE)
        def test_it(rooms_scenario):
            with pytest.raises(AssertionError):
                rooms_scenario.stage.wait_for("bob *sees*")
    """)
    result = pytester.runpytest_inprocess(
        "-pno:cacheprovider", "-pno:schemathesis", "-pno:hypothesispytest", "-pno:timeout", "-pno:asyncio",
        "--rooms-emulator-artifacts=retain-on-failure",
    )  # fmt: skip
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["the scenario was not as expected:", "*bob expect sees alice/self*", "*- rooms emulator -*", "what happened:"]
    )
    (folder,) = (pytester.path / "rooms-emulator-output").iterdir()
    assert json.loads((folder / "about.json").read_text())["outcome"] == "failed"
    assert (folder / "failure.txt").read_text().startswith("the scenario was not as expected:\n")
    assert "name: stage" in (folder / "scenario.yaml").read_text()


ASKING = """
version: 1
name: asking
inputs: {title: {type: string}}
room: {unique_name: "${title}"}
participants: {alice: {}}
timeline:
  - {at: 0s, do: {alice: join}}
"""


@pytest.mark.rooms(scenario=ASKING, inputs={"title": "lunch"})
def test_marker_gives_its_scenario_inputs(rooms_scenario: Scenarios) -> None:
    assert rooms_scenario.stage.room.unique_name == "lunch"


def test_scenario_is_started_with_inputs(rooms_scenario: Scenarios) -> None:
    assert rooms_scenario.start(ASKING, inputs={"title": "tea"}).room.unique_name == "tea"


def test_scenario_is_played_with_inputs(rooms_emulator: RoomsEmulator) -> None:
    assert rooms_emulator.scenario(ASKING, inputs={"title": "dinner"}).ok
    with pytest.raises(BadInput, match='unknown input "titel"'):
        rooms_emulator.scenario(ASKING, inputs={"titel": "dinner"})
    with pytest.raises(TypeError, match="inputs: expected a dict of values by name, got 'dinner'"):
        rooms_emulator.scenario(ASKING, inputs="dinner")  # type: ignore[arg-type]


@pytest.mark.rooms(seed=1)
def test_scenario_that_cannot_be_read_is_named(rooms_scenario: Scenarios) -> None:
    with pytest.raises(Exception, match="no such file, nor is it a shipped scenario"):
        rooms_scenario.start("nowhere")
