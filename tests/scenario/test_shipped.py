"""The scenarios that come along."""

from pathlib import Path

import pytest

from emulator.scenario.errors import ScenarioUnreadable
from emulator.scenario.plan import make_plan
from emulator.scenario.runner import load
from emulator.scenario.shipped import locate, shipped


def test_there_is_one_to_run_and_one_to_serve() -> None:
    assert not load("two_people").endless
    assert load("lobby").endless


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_scenario_is_valid_and_has_a_plan(name: str) -> None:
    plan = make_plan(load(name))
    assert plan.describe().startswith(plan.scenario.name)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_scenario_begins_with_what_it_teaches(name: str) -> None:
    text = shipped()[name].read_text()
    assert text.startswith("# ")
    assert f"{name}.yaml" in text


def test_rooms_of_shipped_scenarios_differ() -> None:
    names = [load(name).room["unique_name"] for name in shipped()]
    assert len(set(names)) == len(names)


def test_a_file_goes_before_a_shipped_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("lobby") == locate("lobby.yaml") == shipped()["lobby"]
    Path("lobby.yaml").write_text("version: 1\n")
    assert locate("lobby.yaml") == Path("lobby.yaml")


def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    with pytest.raises(
        ScenarioUnreadable, match='lobbi: no such file, nor is it a shipped scenario; did you mean "lobby"'
    ):
        load("lobbi")
    with pytest.raises(ScenarioUnreadable, match="no such file"):
        load("nowhere/lobby.yaml")
