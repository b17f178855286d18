"""A file to a Scenario, or to everything that is wrong with it."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from emulator.scenario.checks import check, has_messages
from emulator.scenario.errors import ScenarioUnreadable
from emulator.scenario.grammar.document import DOCUMENT
from emulator.scenario.reading.issues import Issues, Misread
from emulator.scenario.reading.tree import MAX_BYTES, decode, parse
from emulator.scenario.schema import Scenario


def load(path: Path | str) -> Scenario:
    """Read a file. Raises ScenarioUnreadable, or ScenarioInvalid with every issue, its line and a caret."""
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ScenarioUnreadable(f"{name}: {error.strerror or error}") from None
    return loads(decode(name, content), name=name)


def loads(text: str, *, name: str = "<scenario>") -> Scenario:
    """Read a text; `name` is what messages call it. Raises ScenarioInvalid."""
    issues = Issues(name, text)
    with suppress(Misread):  # noted in `issues`, which speak below
        given = DOCUMENT.read(parse(text, issues), issues)
        check(given["participants"], given["timeline"], issues)
        issues.raise_if_any()
        title = given["name"].text
        return Scenario(
            source=name,
            name=title,
            description=given["description"].text if "description" in given else "",
            seed=given.get("seed", 0),
            room={"unique_name": _slug(title), **given.get("room", {})},
            cast=given["participants"].with_messages(has_messages(given["timeline"])),
            timeline=given["timeline"],
        )
    issues.raise_if_any()
    raise AssertionError("a part was misread without an issue")


def _slug(title: str) -> str:
    """The room's name, when none is given: `Two people!` gives `two-people`."""
    return re.sub(r"[\W_]+", "-", title.casefold()).strip("-")[:100] or "scenario"
