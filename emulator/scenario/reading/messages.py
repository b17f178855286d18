"""Messages as they may stand in a scenario: a text, or a text with names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import PARTICIPANT
from emulator.scenario.reading.nodes import Mapping, Mark, Node, Word
from emulator.scenario.reading.shapes import Field, JsonSchema, ListOf, Record, Text

T = TypeVar("T")

_TEXT = Text("a message (a text)", longest=60_000)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is said, and to whom; to everyone, if to nobody in particular."""

    text: str
    to: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """What is read, and from whom; from anyone, if from nobody in particular."""

    text: str
    sender: Word | None = None


class _Message(Generic[T]):
    """A bare text, or a mapping with `text` and more."""

    def __init__(self, record: Record[T], of_text: Callable[[str], T]) -> None:
        self._record = record
        self._of_text = of_text

    def read(self, node: Node, issues: Issues) -> T:
        return self._record.read(node, issues) if isinstance(node, Mapping) else self._of_text(_bare(node, issues))

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [_TEXT.json_schema(), self._record.json_schema()]}


def _bare(node: Node, issues: Issues) -> str:
    return _TEXT.read(node, issues).text


def _outgoing(mark: Mark, text: Word, to: tuple[Word, ...] = ()) -> Outgoing:
    return Outgoing(text.text, to)


def _incoming(mark: Mark, text: Word, **sender: Word) -> Incoming:
    return Incoming(text.text, sender.get("from"))


OUTGOING = _Message(
    Record(
        "a message to say",
        {
            "text": Field(_TEXT, required=True, about="what is said"),
            "to": Field(ListOf("participants", PARTICIPANT, or_one=True), about="to whom; everyone if left out"),
        },
        _outgoing,
    ),
    Outgoing,
)
INCOMING = _Message(
    Record(
        "a message to read",
        {
            "text": Field(_TEXT, required=True, about="the whole text"),
            "from": Field(PARTICIPANT, about="who must have said it; anyone if left out"),
        },
        _incoming,
    ),
    Incoming,
)
