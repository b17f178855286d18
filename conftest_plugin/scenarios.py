"""A scenario in whichever form a test has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conftest_plugin.errors import WrongArgument
from emulator.scenario import loader, runner
from emulator.scenario.errors import ScenarioError
from emulator.scenario.report import Report
from emulator.scenario.schema import Scenario
from emulator.scenario.shipped import locate

AnyScenario = Path | str | Mapping[str, Any]
"""A file, the name of a shipped scenario, YAML text (which has more than one line), or the same as a dict."""


def read(source: AnyScenario, inputs: Mapping[str, object] = loader.NO_INPUTS) -> Scenario:
    """`inputs`: values for what the scenario declares under `inputs`.

    Raises ScenarioUnreadable, ScenarioInvalid, BadInput, and WrongArgument for what is none of these forms.
    """
    __tracebackhide__ = True
    try:
        return _read(source, inputs)
    except ScenarioError as error:
        raise error.with_traceback(None)  # noqa: B904 - its text names the place in the scenario; ours is of no use


def _read(source: AnyScenario, inputs: Mapping[str, object]) -> Scenario:
    __tracebackhide__ = True
    if not isinstance(inputs, Mapping):
        raise WrongArgument(f"inputs: expected a dict of values by name, got {inputs!r:.80}")
    match source:
        case Path():
            return runner.load(source, inputs=inputs)
        case str():
            return loader.loads(source, inputs=inputs) if "\n" in source else runner.load(source, inputs=inputs)
        case Mapping():
            # JSON is YAML of which nothing depends on the version: a text stays a text.
            try:
                text = json.dumps(source, ensure_ascii=False, indent=1)
            except (TypeError, ValueError) as error:
                raise WrongArgument(f"a scenario as a dict holds what JSON can hold: {error}") from error
            return loader.loads(text, name="<dict>", inputs=inputs)
    raise WrongArgument(f"expected a scenario as a path, a text or a dict, got {type(source).__name__}")


def name_of(source: AnyScenario) -> str:
    """In a few words."""
    match source:
        case Mapping():
            return str(source.get("name", "a dict"))
        case str() if "\n" in source:
            return next((line[5:].strip() for line in source.splitlines() if line.startswith("name:")), "a text")
    return str(source)


def text_of(source: AnyScenario) -> str:
    """As it can be kept in a file and played again."""
    match source:
        case Path():
            return locate(source).read_text(encoding="utf-8")
        case str():
            return source if "\n" in source else locate(source).read_text(encoding="utf-8")
        case _:
            return json.dumps(source, ensure_ascii=False, indent=1)


def check(report: Report) -> Report:
    """Raises AssertionError that lists what was not as expected."""
    __tracebackhide__ = True
    if not report.ok:
        raise AssertionError(report.describe())
    return report
