"""`do` and `expect`: who does what, and what must come of it."""

from __future__ import annotations

from functools import partial
from typing import Any

import emulator.scenario.expectations
import emulator.scenario.steps  # noqa: F401 - importing the two packages fills their registries
from emulator.scenario.cast import MODERATOR
from emulator.scenario.expectations.base import DEFAULT_WITHIN, EXPECTATIONS, Expectation
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import PARTICIPANT
from emulator.scenario.reading.nodes import Mapping, Node, Scalar, Sequence, Word, describe
from emulator.scenario.reading.shapes import Duration, JsonSchema, read_all
from emulator.scenario.schema import Action, Expected
from emulator.scenario.steps.base import MODERATOR_STEPS, PARTICIPANT_STEPS, Step, StepKind

_WITHIN = Duration(positive=True)


class Do:
    """A mapping `{alice: join, bob: join}` is done at once, a list of such mappings one after the other."""

    def read(self, node: Node, issues: Issues) -> tuple[tuple[Action, ...], ...]:
        groups = node.items if isinstance(node, Sequence) else (node,)
        if not groups:
            raise issues.misread(node.mark, "expected what to do, got an empty list")
        return tuple(read_all([partial(self._group, group, issues) for group in groups]))

    def _group(self, node: Node, issues: Issues) -> tuple[Action, ...]:
        if not isinstance(node, Mapping) or not node.entries:
            raise issues.misread(node.mark, f"expected {{participant: step}}, got {describe(node)}")
        return tuple(read_all([partial(self._action, who, steps, issues) for who, steps in node.entries]))

    def _action(self, who: Scalar, node: Node, issues: Issues) -> Action:
        kinds = MODERATOR_STEPS if who.text == MODERATOR else PARTICIPANT_STEPS
        what = "step of the moderator" if who.text == MODERATOR else "step"
        parts = node.items if isinstance(node, Sequence) else (node,)
        if not parts:
            raise issues.misread(node.mark, f"expected a {what}, got an empty list")
        steps = read_all([partial(_steps, part, kinds, what, issues) for part in parts])
        return Action(Word(who.text, who.mark), tuple(step for several in steps for step in several))

    def json_schema(self) -> JsonSchema:
        people = _step_schema(PARTICIPANT_STEPS)
        group = {
            "type": "object",
            "minProperties": 1,
            "properties": {MODERATOR: _step_schema(MODERATOR_STEPS)},
            "additionalProperties": people,
        }
        return {"anyOf": [group, {"type": "array", "minItems": 1, "items": group}]}


def _steps(node: Node, kinds: dict[str, StepKind], what: str, issues: Issues) -> list[Step]:
    """A bare word is one step, a mapping as many as it has keys."""
    if isinstance(node, Mapping) and node.entries:
        return read_all([partial(_step, key, value, kinds, what, issues) for key, value in node.entries])
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return [_step(node, None, kinds, what, issues)]
    raise issues.misread(node.mark, f"expected a {what} such as {next(iter(kinds))}, got {describe(node)}")


def _step(key: Scalar, argument: Node | None, kinds: dict[str, StepKind], what: str, issues: Issues) -> Step:
    word = Word(key.text, key.mark)
    if word.text not in kinds:
        raise issues.unknown(word, what, kinds)
    kind = kinds[word.text]
    if kind.argument is not None:
        if argument is None:
            raise issues.misread(word.mark, f'"{word}" needs to be told what: {{{word}: ...}}')
        return kind.build(word.mark, kind.argument.read(argument, issues))
    if argument is not None and not (isinstance(argument, Scalar) and argument.value in (None, True)):
        raise issues.misread(argument.mark, f'"{word}" stands alone, got {describe(argument)} with it')
    return kind.build(word.mark)


def _step_schema(kinds: dict[str, StepKind]) -> JsonSchema:
    bare = [word for word, kind in kinds.items() if kind.argument is None]
    properties = {
        word: {"enum": [None, True]} if kind.argument is None else kind.argument.json_schema()
        for word, kind in kinds.items()
    }
    mapping = {"type": "object", "minProperties": 1, "properties": properties, "additionalProperties": False}
    one = {"anyOf": [{"enum": bare}, mapping]}
    return {"anyOf": [*one["anyOf"], {"type": "array", "minItems": 1, "items": one}]}


class Expect:
    """`{bob: {sees: alice/self, within: 3s}}`, or a list of such mappings; all are waited for at once."""

    def read(self, node: Node, issues: Issues) -> tuple[Expected, ...]:
        groups = node.items if isinstance(node, Sequence) else (node,)
        if not groups:
            raise issues.misread(node.mark, "expected what to expect, got an empty list")
        several = read_all([partial(self._group, group, issues) for group in groups])
        return tuple(one for group in several for one in group)

    def _group(self, node: Node, issues: Issues) -> list[Expected]:
        if not isinstance(node, Mapping) or not node.entries:
            raise issues.misread(node.mark, f"expected {{participant: expectation}}, got {describe(node)}")
        several = read_all([partial(self._of_one, who, value, issues) for who, value in node.entries])
        return [one for group in several for one in group]

    def _of_one(self, who: Scalar, node: Node, issues: Issues) -> list[Expected]:
        name = PARTICIPANT.read(Scalar(who.mark, who.text, who.text), issues)
        parts = node.items if isinstance(node, Sequence) else (node,)
        found = read_all([partial(_expectation, part, issues) for part in parts])
        return [Expected(name, expectation) for expectation in found]

    def json_schema(self) -> JsonSchema:
        one = {"anyOf": [_expectation_schema(word) for word in EXPECTATIONS]}
        many = {"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]}
        group = {"type": "object", "minProperties": 1, "additionalProperties": many}
        return {"anyOf": [group, {"type": "array", "minItems": 1, "items": group}]}


def _expectation(node: Node, issues: Issues) -> Expectation:
    if not isinstance(node, Mapping):
        raise issues.misread(node.mark, f"expected {{sees: alice/self, within: 3s}} or the like, got {describe(node)}")

    def entry(key: Scalar, value: Node) -> tuple[Scalar, Any]:
        if key.text == "within":
            return key, _WITHIN.read(value, issues)
        if key.text not in EXPECTATIONS:
            raise issues.unknown(Word(key.text, key.mark), "expectation", (*EXPECTATIONS, "within"))
        return key, EXPECTATIONS[key.text].argument.read(value, issues)

    entries = read_all([partial(entry, key, value) for key, value in node.entries])
    within = next((value for key, value in entries if key.text == "within"), DEFAULT_WITHIN)
    wanted = [(key, value) for key, value in entries if key.text != "within"]
    if len(wanted) != 1:
        words = ", ".join(EXPECTATIONS)
        raise issues.misread(node.mark, f"one expectation is one of {words}, with within; got {len(wanted)} of them")
    key, argument = wanted[0]
    return EXPECTATIONS[key.text].build(key.mark, within, argument)


def _expectation_schema(word: str) -> JsonSchema:
    return {
        "type": "object",
        "properties": {word: EXPECTATIONS[word].argument.json_schema(), "within": _WITHIN.json_schema()},
        "required": [word],
        "additionalProperties": False,
    }
