"""`where` and `count`: what facts must be like.

where: {context.username: "Browser*", audio_enabled: true, "payload.room.seats": ">= 3", reason: [left, lost]}
"""

from __future__ import annotations

import fnmatch
import json
import operator
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from emulator.scenario.reading import durations
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Mapping as MappingNode
from emulator.scenario.reading.nodes import Node, Scalar, ScalarValue, Sequence, describe, listing
from emulator.scenario.reading.references import written
from emulator.scenario.reading.shapes import JsonSchema, read_all

_COMPARED = re.compile(r"(>=|<=|!=|>|<)\s*(.+)")
_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
MISSING = object()
"""What a path leads to when it leads nowhere."""


def number_of(text: str) -> float | None:
    """A number, or a duration in seconds."""
    with suppress(ValueError):
        return float(text)
    return durations.seconds(text)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One value that is wanted: a glob, a comparison such as `>= 3` or `!= left`, or exactly this number or boolean."""

    value: ScalarValue

    def fits(self, found: Any) -> bool:
        wanted = self.value
        if found is MISSING:
            return False
        if not isinstance(wanted, str):
            return (type(found) is type(wanted) and found == wanted) or _same_number(found, wanted)
        match = _COMPARED.fullmatch(wanted)
        if match is None:
            return fnmatch.fnmatchcase(_text(found), wanted)
        sign, text = match.groups()
        if sign == "!=":
            return not fnmatch.fnmatchcase(_text(found), text)
        limit, value = number_of(text), number_of(_text(found))
        return limit is not None and value is not None and _ORDER[sign](value, limit)

    def __str__(self) -> str:
        return self.value if isinstance(self.value, str) else written(self.value)


def _same_number(found: Any, wanted: ScalarValue) -> bool:
    both = (found, wanted)
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in both) and found == wanted


def _text(found: Any) -> str:
    if isinstance(found, dict | list):
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return written(found)


@dataclass(frozen=True, slots=True)
class Condition:
    """One of some values is wanted."""

    any_of: tuple[Wanted, ...]

    def fits(self, found: Any) -> bool:
        return any(wanted.fits(found) for wanted in self.any_of)

    @property
    def never_exceeded(self) -> bool:
        """For a count: whether more can make it wrong, so that only the end of the time can tell."""
        return all(self.fits(0) and not self.fits(10**9) for _ in self.any_of)

    def spoilt(self, count: int) -> bool:
        """Whether no higher count can make it right any more."""
        return not any(self.fits(more) for more in (*range(count, count + 1000), 10**9))

    def __str__(self) -> str:
        return " or ".join(map(str, self.any_of))


AT_LEAST_ONE = Condition((Wanted(">= 1"),))


@dataclass(frozen=True, slots=True)
class Where:
    """Conditions by dotted path; all must hold."""

    conditions: Mapping[str, Condition]

    def fits(self, facts: Any) -> bool:
        return all(condition.fits(at_path(facts, path)) for path, condition in self.conditions.items())

    def misses(self, facts: Any) -> list[str]:
        """What does not hold, in words: `context.username is "Bob", wanted Browser*`."""
        told = []
        for path, condition in self.conditions.items():
            found = at_path(facts, path)
            if not condition.fits(found):
                shown = "is not there" if found is MISSING else f"is {_shown(found)}"
                told.append(f"{path} {shown}, wanted {condition}")
        return told

    def __str__(self) -> str:
        return listing(f"{path} is {condition}" for path, condition in self.conditions.items())


ANYTHING = Where({})


def _shown(found: Any) -> str:
    text = json.dumps(found, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def at_path(facts: Any, path: str) -> Any:
    """What a dotted path leads to: keys of mappings, indices of lists; texts that are JSON are looked into."""
    found = facts
    for part in path.split("."):
        if isinstance(found, str):
            found = _parsed(found)
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return MISSING
    return found


def _parsed(text: str) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return MISSING


class ConditionShape:
    """A value, or a list of values of which one is wanted."""

    def __init__(self, what: str, *, numbers: bool = False) -> None:
        self._what = what
        self._numbers = numbers

    def read(self, node: Node, issues: Issues) -> Condition:
        parts = node.items if isinstance(node, Sequence) else (node,)
        if not parts:
            raise issues.misread(node.mark, f"expected {self._what}, got an empty list")
        return Condition(tuple(read_all([partial(self._one, part, issues) for part in parts])))

    def _one(self, node: Node, issues: Issues) -> Wanted:
        if not isinstance(node, Scalar):
            raise issues.misread(node.mark, f"expected {self._what}, got {describe(node)}")
        match = _COMPARED.fullmatch(node.value) if isinstance(node.value, str) else None
        if match is not None and match[1] != "!=" and number_of(match[2]) is None and "${" not in match[2]:
            raise issues.misread(node.mark, f'expected a number or a duration behind {match[1]}, got "{match[2]}"')
        whole = isinstance(node.value, int) and not isinstance(node.value, bool) and node.value >= 0
        if self._numbers and match is None and not whole:
            raise issues.misread(node.mark, f"expected {self._what}, got {describe(node)}")
        return Wanted(node.value)

    def json_schema(self) -> JsonSchema:
        one: JsonSchema = {"type": ["string", "number", "boolean", "null"]}
        if self._numbers:
            one = {
                "anyOf": [
                    {"type": "integer", "minimum": 0},
                    {"type": "string", "title": "a comparison", "pattern": "^(>=|<=|!=|>|<) *[0-9]"},
                ]
            }
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


class WhereShape:
    """`{context.username: "Browser*", ...}`"""

    _condition = ConditionShape("a value, a glob or a comparison")

    def read(self, node: Node, issues: Issues) -> Where:
        if not isinstance(node, MappingNode) or not node.entries:
            raise issues.misread(
                node.mark, f"expected conditions such as {{context.username: Ada}}, got {describe(node)}"
            )
        found = read_all([partial(self._condition.read, value, issues) for _, value in node.entries])
        return Where(dict(zip([key.text for key, _ in node.entries], found, strict=True)))

    def json_schema(self) -> JsonSchema:
        return {"type": "object", "minProperties": 1, "additionalProperties": self._condition.json_schema()}


WHERE = WhereShape()
COUNT = ConditionShape('a count such as 3 or ">= 3"', numbers=True)
