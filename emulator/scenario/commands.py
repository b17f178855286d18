"""The commands `plan`, `validate` and `schema`: what can be told of scenarios without an emulator."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from emulator.scenario.errors import BadInput, ScenarioError
from emulator.scenario.grammar.document import json_schema
from emulator.scenario.grammar.page import page
from emulator.scenario.plan import make_plan
from emulator.scenario.runner import load


def plan(file: Path, inputs: Mapping[str, str]) -> int:
    """Exit code 0, or 2 when there is no plan."""
    try:
        print(make_plan(load(file, inputs=inputs)).describe())
    except ScenarioError as error:
        print(f"rooms-emulator: {error}" if isinstance(error, BadInput) else error, file=sys.stderr)
        return 2
    return 0


def validate(files: Sequence[Path], inputs: Mapping[str, str], *, travel: bool) -> int:
    """Exit code 0 when all are well, 2 when a file is wrong, as `run` has it.

    Problems go to the standard output: they are what was asked for.
    """
    wrong = 0
    for file in files:
        try:
            load(file, inputs=inputs, travel=travel)
        except ScenarioError as error:
            wrong += 1
            print(f"{file}: {error}" if isinstance(error, BadInput) else error)
    print(f"{len(files)} checked, {wrong} wrong" if wrong else f"{len(files)} checked, all well")
    return 2 if wrong else 0


def schema(*, docs: bool) -> int:
    print(page() if docs else schema_text(), end="")
    return 0


def schema_text() -> str:
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"
