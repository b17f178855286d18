"""The schema for editors says what the loader does."""

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from emulator.scenario.errors import ScenarioInvalid
from emulator.scenario.grammar.document import json_schema
from emulator.scenario.loader import loads
from emulator.scenario.shipped import shipped

VALIDATOR = Draft202012Validator(json_schema())


def as_json(text: str) -> Any:
    return yaml.safe_load(text)


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_scenarios_fit_it(name: str) -> None:
    VALIDATOR.validate(as_json(shipped()[name].read_text()))


@pytest.mark.parametrize("act", ["impair: {who: a, loss: '${share}'}", "expect: {participants: {present: '${n}'}}"])
def test_inputs_may_stand_anywhere(act: str) -> None:
    text = f"{{version: 1, name: x, participants: {{a: }}, timeline: [{{at: 0s, do: {{{act}}}}}]}}"
    VALIDATOR.validate(as_json(text))
    assert not VALIDATOR.is_valid(as_json(text.replace("$", "")))


@pytest.mark.parametrize(
    "change",
    [
        ("version: 1", "version: 2"),
        ("name: x", "nam: x"),
        ("video: true", "video: tset_card"),
        ("video: true", "video: {fps: 99}"),
        ("video: true", "video: {source: black, fps: 3}"),
        ("subscribe: all", "subscribe: some"),
        ("at: 0s", "at: soon"),
        ("at: 0s", "at: 0s, every: 1s"),
        ("at: 1s, ", ""),
        ("{publish: self}", "{publsh: self}"),
        ("{publish: self}", "publish"),
        ("{a: {publish: self}}", "{moderator: {publish: self}}"),
        ("sees: a", "sees: a, hears: a"),
        ("within: 1s", "within: 1"),
    ],
)
def test_it_refuses_what_the_loader_refuses(change: tuple[str, str]) -> None:
    text = (
        "version: 1\nname: x\n"
        "participants: {a: {streams: {self: {video: true, audio: true}}}, b: {subscribe: all}}\n"
        "timeline: [{at: 0s, do: {a: join, b: join}}, {at: 1s, do: {a: {publish: self}},"
        " expect: {b: {sees: a, within: 1s}}}]\n"
    )
    loads(text)
    VALIDATOR.validate(as_json(text))
    broken = text.replace(*change)
    assert broken != text
    with pytest.raises(ScenarioInvalid):
        loads(broken)
    assert not VALIDATOR.is_valid(as_json(broken))
