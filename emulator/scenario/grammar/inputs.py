"""`inputs`: what a scenario can be told from outside, and what stands for `${name}` then."""

from __future__ import annotations

import math
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from emulator.scenario.errors import BadInput
from emulator.scenario.reading.core_schema import resolve
from emulator.scenario.reading.issues import Issues, Misread, hint
from emulator.scenario.reading.nodes import Mark, Node, Scalar, Word, describe
from emulator.scenario.reading.references import written
from emulator.scenario.reading.shapes import (
    Choice,
    Duration,
    Field,
    Flag,
    Integer,
    JsonSchema,
    ListOf,
    MapOf,
    Number,
    Record,
    Shape,
    Text,
)

_NAME = Text("the name of an input", r"[^\W\d]\w*", "letters, digits and _", 64)
_WIDEST = 2**53
TYPES = ("integer", "number", "string", "duration", "boolean", "choice")


class _Value:
    """Any scalar; which, the input's type says."""

    def read(self, node: Node, issues: Issues) -> Scalar:
        if not isinstance(node, Scalar) or node.value is None:
            raise issues.misread(node.mark, f"expected a value, got {describe(node)}")
        return node

    def json_schema(self) -> JsonSchema:
        return {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True, slots=True)
class Input:
    """`default` None: it must be given."""

    name: str
    mark: Mark
    type: str
    shape: Shape[Any]
    default: Scalar | None


class _Input:
    _record: Record[dict[str, Any]] = Record(
        "an input",
        {
            "type": Field(Choice("type of an input", TYPES), required=True, about="what it takes"),
            "default": Field(_Value(), about="its value, unless another is given; without one, one must be given"),
            "minimum": Field(Number(-_WIDEST, _WIDEST), about="the least, of an integer or number"),
            "maximum": Field(Number(-_WIDEST, _WIDEST), about="the most, of an integer or number"),
            "choices": Field(ListOf("a list of words", Text("a word")), about="the words of a choice"),
            "about": Field(Text("a text about an input", longest=500), about="for people"),
        },
        lambda mark, **given: given,
    )

    def read(self, node: Node, issues: Issues) -> Input:
        given = self._record.read(node, issues)
        kind: str = given["type"]
        for key, fits in (
            ("choices", ("choice",)),
            ("minimum", ("integer", "number")),
            ("maximum", ("integer", "number")),
        ):
            if key in given and kind not in fits:
                raise issues.misread(node.mark, f'"{key}" goes with type: {" or ".join(fits)}, not with {kind}')
        if kind == "choice" and "choices" not in given:
            raise issues.misread(node.mark, 'a choice needs the key "choices": a list of words')
        default: Scalar | None = given.get("default")
        shape = _shape(kind, given)
        if default is not None:
            shape.read(default, issues)
        return Input("", node.mark, kind, shape, default)

    def json_schema(self) -> JsonSchema:
        return self._record.json_schema()


def _shape(kind: str, given: MappingOf[str, Any]) -> Shape[Any]:
    low, high = given.get("minimum", -_WIDEST), given.get("maximum", _WIDEST)
    match kind:
        case "integer":
            return Integer(math.ceil(low), math.floor(high))
        case "number":
            return Number(low, high)
        case "duration":
            return Duration()
        case "boolean":
            return Flag()
        case "choice":
            return Choice("choice", tuple(word.text for word in given["choices"]))
    return Text("a text", longest=10_000)


class InputDeclarations:
    """By name."""

    _map = MapOf("inputs by name", _NAME, _Input(), most=50)

    def read(self, node: Node, issues: Issues) -> dict[str, Input]:
        found: dict[str, tuple[Word, Input]] = self._map.read(node, issues)
        return {name: replace(given, name=name, mark=word.mark) for name, (word, given) in found.items()}

    def json_schema(self) -> JsonSchema:
        return self._map.json_schema()


DECLARATIONS = InputDeclarations()


def from_outside(declared: MappingOf[str, Input], given: MappingOf[str, object], issues: Issues) -> dict[str, Scalar]:
    """The values that hold for a scenario as it is started: `given` as texts, numbers or booleans.

    Raises BadInput for one that nobody declares or that does not fit, Misread when one is missing.
    """
    for name in given:
        if name not in declared:
            raise BadInput(f'unknown input "{name}"{hint(name, declared) or "; the scenario declares none"}')
    values = {}
    missing: Misread | None = None
    for name, asked in declared.items():
        if name in given:
            text = given[name] if isinstance(given[name], str) else written(_plain(name, given[name]))
            values[name] = _checked(asked, str(text))
        elif asked.default is not None:
            values[name] = asked.default
        else:
            message = f'the input "{name}" has no default, so a value must be given: --set {name}=...'
            missing = issues.misread(asked.mark, message)
    if missing is not None:
        raise missing
    return values


def _plain(name: str, value: object) -> int | float | bool:
    if isinstance(value, int | float):
        return value
    raise BadInput(f'the input "{name}": expected a text, a number or a boolean, got a {type(value).__name__}')


def _checked(asked: Input, text: str) -> Scalar:
    scalar = Scalar(asked.mark, text, text if asked.type in ("string", "duration", "choice") else resolve(text))
    told = Issues("", "")
    try:
        asked.shape.read(scalar, told)
    except Misread as misread:
        raise BadInput(f'the input "{asked.name}" ({asked.type}): {misread}') from None
    return scalar


def from_file(
    declared: MappingOf[str, Input], given: Iterable[tuple[Scalar, Node]], where: Mark, issues: Issues
) -> dict[str, Scalar]:
    """The values that hold for an included file: `given` stands under `with` of the file that includes it."""
    values = {name: asked.default for name, asked in declared.items() if asked.default is not None}
    for key, node in given:
        if key.text not in declared:
            issues.unknown(Word(key.text, key.mark), "input", declared)
            continue
        with suppress(Misread):
            asked = declared[key.text]
            scalar = _Value().read(node, issues)
            asked.shape.read(scalar, issues)
            values[key.text] = scalar
    for name in declared:
        if name not in values and all(key.text != name for key, _ in given):
            issues.add(where, f'the included file needs the input "{name}": with: {{{name}: ...}}')
    return values
