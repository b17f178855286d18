"""A YAML text as a tree of values that know where they stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

ScalarValue: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text: line and column count from 1, `width` is how many characters of that line are meant.

    `file` is empty for the scenario's own file, else the one that it extends or includes, as messages call it.
    """

    line: int
    column: int
    width: int = 1
    file: str = ""


START = Mark(1, 1)


@dataclass(frozen=True, slots=True)
class Scalar:
    mark: Mark
    text: str
    """As written, quotes and escapes resolved."""
    value: ScalarValue
    """By the core schema; quoted scalars are always text."""


@dataclass(frozen=True, slots=True)
class Sequence:
    mark: Mark
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys are text and differ from each other."""

    mark: Mark
    entries: tuple[tuple[Scalar, Node], ...]

    def get(self, name: str) -> tuple[Scalar, Node] | None:
        """The key as it stands there, and its value."""
        return next((entry for entry in self.entries if entry[0].text == name), None)

    def without(self, *names: str) -> Mapping:
        return Mapping(self.mark, tuple(entry for entry in self.entries if entry[0].text not in names))


Node: TypeAlias = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Word:
    """A text of the scenario that later checks may have to point at."""

    text: str
    mark: Mark

    def __str__(self) -> str:
        return self.text


def describe(node: Node) -> str:
    """What a person would call it: `the text "alice"`, `the number 7`, `a list`."""
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool()):
            return f"the boolean {node.text}"
        case Scalar(value=int() | float()):
            return f"the number {node.text}"
        case _:
            shown = node.text if len(node.text) <= 40 else node.text[:37] + "..."
            return f'the text "{shown}"'


def listing(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *head, last = list(words)
    return f"{', '.join(head)} and {last}" if head else last
