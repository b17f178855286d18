"""A file to a Scenario, or to everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from emulator.scenario.checks import check, check_references, has_messages
from emulator.scenario.errors import ScenarioUnreadable
from emulator.scenario.grammar.assembly import Files, assemble
from emulator.scenario.grammar.document import DOCUMENT
from emulator.scenario.grammar.people import Participants
from emulator.scenario.grammar.timeline import pieces
from emulator.scenario.reading.issues import Issues, Misread
from emulator.scenario.reading.nodes import Mapping as MappingNode
from emulator.scenario.reading.nodes import Node
from emulator.scenario.reading.tree import MAX_BYTES, decode, parse
from emulator.scenario.schema import Finally, Scenario

NO_INPUTS: Mapping[str, object] = {}


class FilesBeside:
    """Files of a folder; messages call them as that folder is called."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str) -> tuple[str, str]:
        file = self._folder / path
        return str(file), _text(file)


def load(path: Path | str, *, inputs: Mapping[str, object] = NO_INPUTS, travel: bool = False) -> Scenario:
    """Read a file. `inputs` are values for what the scenario declares under `inputs`: texts as one would write them
    after `--set name=`, or numbers and booleans. `travel`: it is to run in travel time, and must be fit for that.

    Raises ScenarioUnreadable, BadInput, or ScenarioInvalid with every issue, its line and a caret.
    """
    path = Path(path)
    return loads(_text(path), name=str(path), inputs=inputs, files=FilesBeside(path.parent), travel=travel)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ScenarioUnreadable(f"{path}: {error.strerror or error}") from None
    return decode(str(path), content)


def loads(
    text: str,
    *,
    name: str = "<scenario>",
    inputs: Mapping[str, object] = NO_INPUTS,
    files: Files | None = None,
    travel: bool = False,
) -> Scenario:
    """Read a text; `name` is what messages call it. Without `files` it can neither extend nor include others.

    Raises BadInput and ScenarioInvalid.
    """
    issues = Issues(name, text)
    with suppress(Misread):  # noted in `issues`, which speak below
        tree, values = assemble(parse(text, issues), files, inputs, issues)
        check_references(tree, values, issues)
        try:
            given = DOCUMENT.read(tree, issues)
        except Misread:
            _check_the_rest(tree, issues)
            raise
        title = given["name"].text
        scenario = Scenario(
            source=name,
            name=title,
            description=given["description"].text if "description" in given else "",
            seed=given.get("seed", 0),
            room={"unique_name": _slug(title), **given.get("room", {})},
            cast=given["participants"],
            timeline=given["timeline"],
            finals=given.get("finally", Finally()),
            inputs={name: scalar.value for name, scalar in values.items()},
        )
        check(scenario.cast, scenario.entries, issues)
        if travel:
            from emulator.scenario.travel import check_travel  # only who travels waits for signaling to load

            check_travel(scenario, issues)
        issues.raise_if_any()
        return replace(scenario, cast=scenario.cast.with_messages(has_messages(scenario.entries)))
    issues.raise_if_any()
    raise AssertionError("a part was misread without an issue")


def _check_the_rest(tree: Node, issues: Issues) -> None:
    """Of what could be read, names are still held against those who are there: all is told at once."""
    people, timeline = (
        (tree.get(key) for key in ("participants", "timeline")) if isinstance(tree, MappingNode) else (None, None)
    )
    if people is not None and timeline is not None:
        with suppress(Misread):
            check(Participants().read(people[1], issues), tuple(pieces(timeline[1], issues)), issues)


def _slug(title: str) -> str:
    """The room's name, when none is given: `Two people!` gives `two-people`."""
    return re.sub(r"[\W_]+", "-", title.casefold()).strip("-")[:100] or "scenario"
