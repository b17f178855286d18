"""Shapes: what may stand at a place of a scenario.

A shape reads a node into a value, noting what is wrong with it, and can say the same as a JSON schema for editors. The
grammar is built from these, so that reader and published schema cannot drift apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NoReturn, Protocol, TypeAlias, TypeVar

from emulator.scenario.reading import durations
from emulator.scenario.reading.issues import Issues, Misread
from emulator.scenario.reading.nodes import Mapping, Node, Scalar, Sequence, Word, describe

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
JsonSchema: TypeAlias = dict[str, Any]


class Shape(Protocol[T_co]):
    """Reads one kind of value."""

    def read(self, node: Node, issues: Issues) -> T_co:
        """The value. Raises Misread when there is none; all there is to say about it has been noted by then."""
        ...

    def json_schema(self) -> JsonSchema: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text of 1 to `longest` characters. `what` names it in messages."""

    what: str
    pattern: str | None = None
    rule: str = ""
    longest: int = 200

    def read(self, node: Node, issues: Issues) -> Word:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            quote = "; put it into quotes" if isinstance(node, Scalar) and node.value is not None else ""
            raise issues.misread(node.mark, f"expected {self.what}, got {describe(node)}{quote}")
        if not 1 <= len(node.value) <= self.longest:
            raise issues.misread(node.mark, f"{self.what} has 1 to {self.longest} characters, got {len(node.value)}")
        if self.pattern is not None and not re.fullmatch(self.pattern, node.value):
            raise issues.misread(node.mark, f"expected {self.what} ({self.rule}), got {describe(node)}")
        return Word(node.value, node.mark)

    def json_schema(self) -> JsonSchema:
        # Without the pattern: \w means less in the dialect of JSON schemas, and an editor must not refuse what we take.
        return {"type": "string", "title": self.what, "minLength": 1, "maxLength": self.longest}


@dataclass(frozen=True, slots=True)
class Integer:
    low: int
    high: int

    def read(self, node: Node, issues: Issues) -> int:
        if not isinstance(node, Scalar) or not isinstance(node.value, int) or isinstance(node.value, bool):
            raise issues.misread(node.mark, f"expected an integer, got {describe(node)}")
        if not self.low <= node.value <= self.high:
            raise issues.misread(node.mark, f"expected an integer from {self.low} to {self.high}, got {node.text}")
        return node.value

    def json_schema(self) -> JsonSchema:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Number:
    low: float
    high: float

    def read(self, node: Node, issues: Issues) -> float:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            raise issues.misread(
                node.mark, f"expected a number from {self.low:g} to {self.high:g}, got {describe(node)}"
            )
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Flag:
    def read(self, node: Node, issues: Issues) -> bool:
        if not isinstance(node, Scalar) or not isinstance(node.value, bool):
            raise issues.misread(node.mark, f"expected true or false, got {describe(node)}")
        return node.value

    def json_schema(self) -> JsonSchema:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds, written as `500ms`, `2s`, `1m30s`. `positive`: zero is refused."""

    positive: bool = False

    def read(self, node: Node, issues: Issues) -> float:
        value = durations.seconds(node.text) if isinstance(node, Scalar) else None
        if value is None:
            unit = f'; did you mean "{node.text}s"?' if isinstance(node, Scalar) and _is_number(node.value) else ""
            expected = "expected a duration such as 500ms, 2s or 1m30s, up to 24h"
            raise issues.misread(node.mark, f"{expected}, got {describe(node)}{unit}")
        if self.positive and value == 0:
            raise issues.misread(node.mark, "expected a duration longer than zero")
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": durations.PATTERN}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words; `later` are words of the grammar to come."""

    what: str
    words: tuple[str, ...]
    later: tuple[str, ...] = ()

    def read(self, node: Node, issues: Issues) -> str:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            raise issues.misread(node.mark, f"expected {self.what} ({', '.join(self.words)}), got {describe(node)}")
        if node.value in self.later:
            raise issues.misread(node.mark, f'{self.what} "{node.value}" is not available yet; {self._available()}')
        if node.value not in self.words:
            raise issues.unknown(Word(node.value, node.mark), self.what, self.words)
        return node.value

    def _available(self) -> str:
        return f"only {self.words[0]} is" if len(self.words) == 1 else f"there are {', '.join(self.words)}"

    def json_schema(self) -> JsonSchema:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Json:
    """Any JSON value, as plain Python."""

    def read(self, node: Node, issues: Issues) -> Any:
        match node:
            case Mapping():
                return {key.text: self.read(value, issues) for key, value in node.entries}
            case Sequence():
                return [self.read(item, issues) for item in node.items]
            case Scalar(value=float() as value) if not math.isfinite(value):
                raise issues.misread(node.mark, f"JSON knows no {node.text}; put it into quotes")
            case _:
                return node.value

    def json_schema(self) -> JsonSchema:
        return {}


@dataclass(frozen=True, slots=True)
class ListOf(Generic[T]):
    """A list; with `or_one`, a single item needs no brackets."""

    what: str
    item: Shape[T]
    or_one: bool = False
    most: int = 1000

    def read(self, node: Node, issues: Issues) -> tuple[T, ...]:
        if self.or_one and not isinstance(node, Sequence):
            return (self.item.read(node, issues),)
        if not isinstance(node, Sequence):
            raise issues.misread(node.mark, f"expected {self.what}, got {describe(node)}")
        if not node.items:
            raise issues.misread(node.mark, f"expected {self.what}, got an empty list")
        if len(node.items) > self.most:
            raise issues.misread(
                node.mark, f"expected {self.what} with at most {self.most} items, got {len(node.items)}"
            )
        return tuple(read_all([partial(self.item.read, item, issues) for item in node.items]))

    def json_schema(self) -> JsonSchema:
        many = {"type": "array", "items": self.item.json_schema(), "minItems": 1, "maxItems": self.most}
        return {"anyOf": [self.item.json_schema(), many]} if self.or_one else many


@dataclass(frozen=True, slots=True)
class MapOf(Generic[T]):
    """A mapping whose keys are names of the author's own."""

    what: str
    key: Text
    value: Shape[T]
    most: int = 100

    def read(self, node: Node, issues: Issues) -> dict[str, tuple[Word, T]]:
        """By name: the name where it stands, and its value."""
        if not isinstance(node, Mapping):
            raise issues.misread(node.mark, f"expected {self.what}, got {describe(node)}")
        if len(node.entries) > self.most:
            raise issues.misread(
                node.mark, f"expected {self.what} with at most {self.most} entries, got {len(node.entries)}"
            )
        pairs = [partial(self._entry, key, value, issues) for key, value in node.entries]
        return {name.text: (name, value) for name, value in read_all(pairs)}

    def _entry(self, key: Scalar, value: Node, issues: Issues) -> tuple[Word, T]:
        names: list[Word] = []
        values: list[T] = []
        read_all(
            [
                lambda: names.append(self.key.read(_as_text(key), issues)),
                lambda: values.append(self.value.read(value, issues)),
            ]
        )
        return names[0], values[0]

    def json_schema(self) -> JsonSchema:
        return {
            "type": "object",
            "additionalProperties": self.value.json_schema(),
            "propertyNames": self.key.json_schema(),
            "maxProperties": self.most,
        }


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a record. An optional one that is not there is not handed to the builder, whose default then holds.

    `about` is for the grammar's page and for editors.
    """

    shape: Shape[Any]
    required: bool = False
    about: str = ""

    def json_schema(self) -> JsonSchema:
        schema = self.shape.json_schema()
        return {**schema, "description": self.about} if self.about else schema


@dataclass(frozen=True, slots=True)
class Record(Generic[T]):
    """A mapping with known keys. `build` gets `mark` and the fields by name; `later` are keys still to come."""

    what: str
    fields: MappingOf[str, Field]
    build: Callable[..., T]
    later: tuple[str, ...] = ()

    def read(self, node: Node, issues: Issues) -> T:
        if not isinstance(node, Mapping):
            raise issues.misread(node.mark, f"expected {self.what}, got {describe(node)}")
        names = [key.text for key, _ in node.entries]
        readers = [partial(self._field, key, value, issues) for key, value in node.entries]
        missing = [name for name, field in self.fields.items() if field.required and name not in names]
        readers += [partial(self._missing, name, node, issues) for name in missing]
        values = read_all(readers)
        return self.build(mark=node.mark, **dict(zip(names, values, strict=True)))

    def _field(self, key: Scalar, value: Node, issues: Issues) -> Any:
        if key.text in self.later:
            raise issues.misread(key.mark, f'"{key.text}" in {self.what} is not available yet')
        if key.text not in self.fields:
            raise issues.unknown(Word(key.text, key.mark), "key", self.fields, where=f" in {self.what}")
        return self.fields[key.text].shape.read(value, issues)

    def _missing(self, name: str, node: Node, issues: Issues) -> NoReturn:
        raise issues.misread(node.mark, f'{self.what} needs the key "{name}"')

    def json_schema(self) -> JsonSchema:
        return {
            "type": "object",
            "properties": {name: field.json_schema() for name, field in self.fields.items()},
            "required": [name for name, field in self.fields.items() if field.required],
            "additionalProperties": False,
        }


def read_all(readers: Iterable[Callable[[], T]]) -> list[T]:
    """Run every reader, so that all of their issues are found; raises Misread afterwards if one of them did."""
    values: list[T] = []
    failed: Misread | None = None
    for reader in readers:
        try:
            values.append(reader())
        except Misread as misread:
            failed = failed or misread
    if failed is not None:
        raise failed
    return values


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_text(key: Scalar) -> Scalar:
    """A key is its text: `7:` names a participant "7"."""
    return Scalar(key.mark, key.text, key.text)
