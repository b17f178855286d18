"""`scenarios/README.md` and `scenarios/scenario.schema.json` are the grammar as it is; examples hold."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from emulator.cli import main
from emulator.clients.behaviours.registry import BEHAVIOURS
from emulator.clients.sources.registry import AUDIO_SOURCES, VIDEO_SOURCES
from emulator.scenario.commands import schema_text
from emulator.scenario.expectations.base import EXPECTATIONS, STAGE_EXPECTATIONS
from emulator.scenario.grammar.document import strict_schema
from emulator.scenario.grammar.page import page
from emulator.scenario.loader import loads
from emulator.scenario.plan import make_plan
from emulator.scenario.runner import load, run_scenario_on
from emulator.scenario.shipped import shipped
from emulator.scenario.steps.base import MODERATOR_STEPS, PARTICIPANT_STEPS, STAGE_STEPS
from emulator.server import Emulator
from tests.scenario.test_travel import travel

SCENARIOS = Path(__file__).parents[2] / "scenarios"
MAKE = "make it anew: rooms-emulator schema"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", (SCENARIOS / "README.md").read_text(), re.DOTALL)
PARTS = {match[1]: text for text in EXAMPLES if (match := re.match(r"# (parts/\S+)\n", text))}
WHOLE = [text for text in EXAMPLES if text not in PARTS.values()]
CAST: dict[str, Any] = {"alice": {"messages": True}, "bob": {"messages": True}}
KINDS = [PARTICIPANT_STEPS, MODERATOR_STEPS, STAGE_STEPS, EXPECTATIONS, STAGE_EXPECTATIONS]
REGISTRIES: list[Any] = [*KINDS, VIDEO_SOURCES, AUDIO_SOURCES, BEHAVIOURS]


def test_the_page_is_what_the_grammar_makes() -> None:
    assert (SCENARIOS / "README.md").read_text() == page(), f"{MAKE} --docs > scenarios/README.md"


def test_the_schema_is_what_the_grammar_makes() -> None:
    assert (SCENARIOS / "scenario.schema.json").read_text() == schema_text(), f"{MAKE} > scenarios/scenario.schema.json"


@pytest.mark.parametrize(("words", "file"), [(["schema"], "scenario.schema.json"), (["schema", "--docs"], "README.md")])
def test_the_command_prints_both(words: list[str], file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out == (SCENARIOS / file).read_text()


def test_the_page_names_all_there_is() -> None:
    told = page()
    assert "{{" not in told
    for registry in REGISTRIES:
        for word in registry:
            assert f"`{word}`" in told


def test_everything_says_what_it_is() -> None:
    for registry in REGISTRIES:
        for word, kind in registry.items():
            assert kind.summary, f"{word} has no docstring"
            assert not re.match(r"\w+\(", kind.summary), f"{word} has the docstring of a dataclass: {kind.summary}"


def test_every_key_says_what_it_means() -> None:
    """But for options of sources and behaviours, which are told beside those, and words that say it themselves."""
    schema = strict_schema()
    person = schema["properties"]["participants"]["additionalProperties"]["anyOf"][0]["properties"]
    for place, name in ((schema["$defs"], "video"), (schema["$defs"], "audio"), (person, "behaviours")):
        del place[name]
    silent = {name for name, inner in _keys(schema) if not {"description", "$ref", "const"} & inner.keys()}
    assert silent <= {*EXPECTATIONS, *STAGE_EXPECTATIONS, "uniform", "lognormal", "median", "sigma"}


def _keys(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for inner in schema.values():
            yield from _keys(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _keys(inner)


@pytest.mark.parametrize("text", WHOLE, ids=range(len(WHOLE)))
def test_examples_are_scenarios(text: str, tmp_path: Path) -> None:
    plan = make_plan(load(_written(text, tmp_path)))
    assert plan.describe()
    Draft202012Validator(json.loads(schema_text())).validate(yaml.safe_load(_filled(text)))


async def test_the_first_example_runs_with_media(emulator: Emulator) -> None:
    where = {"rest_url": emulator.rest_url, "ws_url": emulator.ws_url, "api_key": "KEY_page_media"}
    report = await run_scenario_on(loads(WHOLE[0]), **where)
    assert report.ok, report.describe()
    assert any("hears alice" in result.what for result in report.results)


async def test_the_last_example_runs_in_travel_time(emulator: Emulator) -> None:
    report, _, took = await travel(emulator, "KEY_page", WHOLE[-1])
    assert report.ok, report.describe()
    assert took >= 59 * 60


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_scenarios_tell_editors_of_the_schema(name: str) -> None:
    line = next(line for line in shipped()[name].read_text().splitlines() if "yaml-language-server" in line)
    place = line.removeprefix("# yaml-language-server: $schema=")
    assert (shipped()[name].parent / place).is_file()


def _filled(text: str) -> str:
    """An example need not repeat what is the same everywhere."""
    given = yaml.safe_load(text)
    timeline = [{"at": "0s", "do": {"note": "nothing"}}]
    whole = {"version": 1, "name": "an example", "participants": CAST, "timeline": timeline, **given}
    return text if "version" in given else json.dumps(whole)


def _written(text: str, folder: Path) -> Path:
    for name, part in PARTS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(part)
    path = folder / "example.yaml"
    path.write_text(_filled(text))
    return path
