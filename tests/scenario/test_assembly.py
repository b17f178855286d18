"""Inputs, `extends` and `include`: what a scenario is made of before its grammar is read."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from emulator.scenario.cast import MediaSpec
from emulator.scenario.errors import BadInput, ScenarioInvalid
from emulator.scenario.loader import load, loads
from emulator.scenario.schema import At, Scenario

HEAD = """\
version: 1
name: a test
inputs:
  fps: {type: integer, default: 15, minimum: 1, maximum: 60}
  wait: {type: duration, default: 2s}
  loud: {type: number, default: 0.5}
  who: {type: string, default: Alice}
  listens: {type: boolean, default: true}
  picture: {type: choice, choices: [test_card, black], default: black}
participants:
  alice:
    context: {username: "${who} number ${fps}"}
    messages: "${listens}"
    streams: {self: {video: {fps: "${fps}"}, audio: {source: tone, amplitude: "${loud}"}}, other: {video: "${picture}"}}
timeline:
  - {at: "${wait}", do: {alice: join}}
"""


def read(**inputs: object) -> Scenario:
    return loads(HEAD, name="x.yaml", inputs=inputs)


def test_defaults_hold_and_have_their_types() -> None:
    alice = read().cast["alice"]
    assert alice.context == '{"username":"Alice number 15"}'
    assert alice.messages is True
    assert alice.streams["self"].video == MediaSpec("test_card", {"fps": 15})
    assert alice.streams["self"].audio == MediaSpec("tone", {"amplitude": 0.5})
    assert alice.streams["other"].video == MediaSpec("black")
    assert read().timeline[0].trigger == At(2.0)


@pytest.mark.parametrize(
    "inputs",
    [
        {"fps": "30", "wait": "1m", "loud": "0.25", "who": "7", "listens": "false", "picture": "test_card"},
        {"fps": 30, "wait": "1m", "loud": 0.25, "who": "7", "listens": False, "picture": "test_card"},
    ],
)
def test_values_are_given_as_texts_or_as_what_they_are(inputs: Mapping[str, object]) -> None:
    scenario = read(**inputs)
    alice = scenario.cast["alice"]
    assert alice.context == '{"username":"7 number 30"}'
    assert alice.messages is False
    assert alice.streams["self"].video == MediaSpec("test_card", {"fps": 30})
    assert alice.streams["self"].audio == MediaSpec("tone", {"amplitude": 0.25})
    assert scenario.timeline[0].trigger == At(60.0)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"fsp": "30"}, 'unknown input "fsp"; did you mean "fps"?'),
        ({"fps": "many"}, 'the input "fps" (integer): expected an integer, got the text "many"'),
        ({"fps": 61}, 'the input "fps" (integer): expected an integer from 1 to 60, got 61'),
        ({"wait": "2"}, 'the input "wait" (duration): expected a duration such as 500ms'),
        ({"listens": "yes"}, 'the input "listens" (boolean): expected true or false, got the text "yes"'),
        ({"picture": "blak"}, 'the input "picture" (choice): unknown choice "blak"; did you mean "black"?'),
        ({"who": [1]}, 'the input "who": expected a text, a number or a boolean, got a list'),
    ],
)
def test_values_that_do_not_fit_are_refused(inputs: Mapping[str, object], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        loads(HEAD, inputs=inputs)
    assert said in str(caught.value)


def refusal(text: str, *, name: str = "x.yaml") -> list[str]:
    with pytest.raises(ScenarioInvalid) as caught:
        loads(text, name=name)
    return [line for line in str(caught.value).splitlines() if line.startswith(name)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("${wait}", "${wiat}"), 'x.yaml:16:10: unknown input "wiat"; did you mean "wait"?'),
        (("default: 15", "default: 0"), "x.yaml:4:33: expected an integer from 1 to 60, got 0"),
        (("default: 2s", "about: it"), 'x.yaml:5:3: the input "wait" has no default, so a value must be given'),
        (("choices: [test_card, black], ", ""), 'x.yaml:9:12: a choice needs the key "choices"'),
        (("{type: number,", "{type: number, choices: [a],"), '"choices" goes with type: choice, not with number'),
        (("type: string", "type: text"), 'x.yaml:7:15: unknown type of an input "text"; known: integer'),
        (('"${wait}"', "${wait}"), "this is no YAML"),
    ],
)
def test_what_is_wrong_with_inputs_is_told_where_it_stands(change: tuple[str, str], said: str) -> None:
    assert change[0] in HEAD
    assert said in "\n".join(refusal(HEAD.replace(*change)))


def test_a_missing_quote_around_a_reference_is_guessed() -> None:
    assert '; "${...}" is put into quotes' in refusal(HEAD.replace('"${wait}"', "${wait}"))[0]


# -- several files -----------------------------------------------------------------------------------------------------

BASE = """\
version: 1
name: base
seed: 5
room: {unique_name: base, max_participants: 7}
inputs: {fps: {type: integer, default: 5}}
participants:
  alice: {streams: {self: {video: {fps: "${fps}"}}}}
  bob: {subscribe: all}
timeline:
  - {at: 0s, do: {alice: join}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def written(folder: Path, text: str, name: str = "top.yaml") -> Path:
    (folder / name).write_text(text)
    return Path(name)


def test_what_extends_goes_before_and_timelines_are_joined(folder: Path) -> None:
    scenario = load(
        written(
            folder,
            "version: 1\nname: top\nextends: base.yaml\nroom: {max_participants: 9}\n"
            "inputs: {fps: {default: 30}}\n"
            "participants: {bob: {messages: true}, carol: }\n"
            "timeline: [{at: 1s, do: {bob: join, carol: join}}]\n",
        )
    )
    assert (scenario.name, scenario.seed) == ("top", 5)
    assert scenario.room == {"unique_name": "base", "max_participants": 9}
    assert scenario.cast.names() == ["alice", "bob", "carol"]
    assert scenario.cast["alice"].streams["self"].video == MediaSpec("test_card", {"fps": 30})
    assert (scenario.cast["bob"].subscribe, scenario.cast["bob"].messages) == ("all", True)
    assert [entry.trigger for entry in scenario.timeline] == [At(0), At(1)]


def test_included_files_bring_people_and_entries_and_have_inputs_of_their_own(folder: Path) -> None:
    (folder / "parts" / "guest.yaml").write_text(
        "inputs: {when: {type: duration}, fps: {type: integer, default: 1}}\n"
        'participants: {guest: {streams: {self: {video: {fps: "${fps}"}}}}}\n'
        'timeline: [{at: "${when}", do: {guest: join}}]\n'
    )
    scenario = load(
        written(
            folder,
            BASE.replace("\nname: base", '\nname: top\ninclude: {file: parts/guest.yaml, with: {when: "${fps}s"}}'),
        ),
        inputs={"fps": 3},
    )
    assert scenario.cast.names() == ["guest", "alice", "bob"]
    assert scenario.cast["guest"].streams["self"].video == MediaSpec("test_card", {"fps": 1})
    assert [entry.trigger for entry in scenario.timeline] == [At(3), At(0)]


def test_an_issue_in_another_file_points_into_that_file(folder: Path) -> None:
    (folder / "parts" / "guest.yaml").write_text("participants:\n  guest: {subscrib: all}\n")
    with pytest.raises(ScenarioInvalid) as caught:
        load(written(folder, BASE.replace("\nname: base", "\nname: top\ninclude: parts/guest.yaml")))
    assert str(caught.value) == (
        'parts/guest.yaml:2:11: unknown key "subscrib" in a participant; did you mean "subscribe"?\n'
        "    2 |   guest: {subscrib: all}\n"
        "      |           ^^^^^^^^"
    )


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"top": "extends: bases.yaml"}, "top.yaml:2:10: bases.yaml: No such file or directory"),
        ({"top": "extends: top.yaml"}, "top.yaml:2:10: top.yaml would contain itself"),
        ({"top": "include: ../x.yaml"}, "top.yaml:2:10: expected a file in this folder or below it"),
        ({"top": "include: /etc/passwd"}, "top.yaml:2:10: expected a file in this folder or below it"),
        ({"top": "include: parts"}, 'top.yaml:2:10: expected a .yaml file, got the text "parts"'),
        ({"top": "include: [a.yaml]", "a": "include: b.yaml", "b": "include: a.yaml"}, "a.yaml would contain itself"),
        ({"top": "include: a.yaml", "a": "seed: 3"}, 'a.yaml:1:1: unknown key "seed" in an included file'),
        ({"top": "include: a.yaml", "a": "[]"}, "a.yaml:1:1: expected a part of a scenario, got a list"),
        ({"top": "include: a.yaml", "a": "inputs: {n: {type: integer}}"}, 'the included file needs the input "n"'),
        (
            {"top": "include: {file: a.yaml, with: {m: 1}}", "a": "inputs: {n: {type: integer, default: 1}}"},
            'top.yaml:2:32: unknown input "m"; known: n',
        ),
        (
            {"top": "include: {file: a.yaml, with: {n: x}}", "a": "inputs: {n: {type: integer}}"},
            'top.yaml:2:35: expected an integer, got the text "x"',
        ),
        (
            {"top": "include: a.yaml\nparticipants: {ann: }", "a": "participants: {ann: }"},
            'a.yaml:1:16: there is a participant "ann" already (line 3)',
        ),
    ],
)
def test_what_is_wrong_with_other_files_is_told(folder: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(f"version: 1\n{text}\n" if name == "top" else f"{text}\n")
    with pytest.raises(ScenarioInvalid) as caught:
        load("top.yaml")
    assert said in str(caught.value)


def test_a_text_from_nowhere_has_no_other_files() -> None:
    assert refusal("version: 1\nextends: base.yaml\n") == [
        "x.yaml:2:10: other files are found beside the scenario's own file, and this text comes from none"
    ]
