"""Text to tree: PyYAML scans and parses, everything after that is ours.

The text may come from anyone, so every dimension is bounded: bytes, depth, and nodes after aliases are expanded. Tags
are refused (they are how YAML runs code elsewhere), and so is an anchor inside itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import yaml

from emulator.scenario.errors import ScenarioUnreadable
from emulator.scenario.reading.advice import advice
from emulator.scenario.reading.core_schema import resolve
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import START, Mapping, Mark, Node, Scalar, Sequence

MAX_BYTES = 256 * 1024
MAX_DEPTH = 24
MAX_NODES = 20_000

E = TypeVar("E", bound=yaml.Event)


class _YamlMark(Protocol):
    """PyYAML has two classes of marks, of which this much is alike."""

    line: int
    column: int


def decode(name: str, content: bytes) -> str:
    """Raises ScenarioUnreadable for too much, or for what is no UTF-8."""
    if len(content) > MAX_BYTES:
        raise ScenarioUnreadable(
            f"{name}: a scenario has at most {MAX_BYTES // 1024} KiB, this has {len(content)} bytes"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioUnreadable(
            f"{name}: a scenario is UTF-8 text; byte {error.start} is not ({error.reason})"
        ) from None


def parse(text: str, issues: Issues, file: str = "") -> Node:
    """The one document of the text. Raises Misread, after noting why; duplicate keys are noted only.

    `file` is what marks call it (see `Mark`).
    """
    try:
        return _Composer(yaml.parse(text, Loader=yaml.SafeLoader), issues, file).document()
    except yaml.MarkedYAMLError as error:
        mark, told = advice(error, text.splitlines())
        raise issues.misread(_mark(mark, mark, file), f"this is no YAML: {told}") from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        message = f"this is no YAML: the character #x{error.character:04x} is not allowed"
        raise issues.misread(Mark(line, column, file=file), message) from None


@dataclass(frozen=True, slots=True)
class _Built:
    node: Node
    size: int
    height: int


class _Composer:
    def __init__(self, events: Iterator[yaml.Event], issues: Issues, file: str) -> None:
        self._events = events
        self._issues = issues
        self._file = file
        self._anchors: dict[str, _Built | None] = {}  # None: still being read
        self._nodes = 0

    def document(self) -> Node:
        self._next(yaml.StreamStartEvent)
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise self._issues.misread(
                replace(START, file=self._file), "an empty file is no scenario; it begins with version: 1"
            )
        built = self._compose(next(self._events), 1)
        self._next(yaml.DocumentEndEvent)
        event = next(self._events)
        if isinstance(event, yaml.DocumentStartEvent):
            raise self._issues.misread(self._mark(event), "one file holds one scenario; here begins a second document")
        return built.node

    def _mark(self, event: yaml.Event) -> Mark:
        return _mark(event.start_mark, event.end_mark, self._file)

    def _next(self, kind: type[E]) -> E:
        event = next(self._events)
        assert isinstance(event, kind), f"PyYAML promised {kind.__name__}, gave {event!r}"
        return event

    def _compose(self, event: yaml.Event, depth: int) -> _Built:
        mark = self._mark(event)
        if depth > MAX_DEPTH:
            raise self._issues.misread(mark, f"this is nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, mark, depth)
        assert isinstance(event, yaml.NodeEvent)
        tag: str | None = getattr(event, "tag", None)
        if tag is not None:
            raise self._issues.misread(mark, f"tags are not part of a scenario; here is {tag}")
        anchor: str | None = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        self._count(1, mark)
        built = self._fresh(event, mark, depth)
        if anchor is not None:
            self._anchors[anchor] = built
        return built

    def _fresh(self, event: yaml.Event, mark: Mark, depth: int) -> _Built:
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0]
            return _Built(Scalar(mark, event.value, resolve(event.value) if plain else event.value), 1, 1)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self._compose(event, depth + 1))
            return _built(Sequence(mark, tuple(item.node for item in items)), items)
        assert isinstance(event, yaml.MappingStartEvent)
        return self._mapping(mark, depth)

    def _mapping(self, mark: Mark, depth: int) -> _Built:
        entries: list[tuple[Scalar, Node]] = []
        parts: list[_Built] = []
        first_at: dict[str, Mark] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._compose(event, depth + 1)
            value = self._compose(next(self._events), depth + 1)
            parts += (key, value)
            if not isinstance(key.node, Scalar) or not key.node.text:
                self._issues.add(key.node.mark, "a key is a word; this is none")
                continue
            name, first = key.node.text, first_at.setdefault(key.node.text, key.node.mark)
            if first is not key.node.mark:
                self._issues.add(key.node.mark, f'the key "{name}" is here already, in line {first.line}')
                continue
            entries.append((key.node, value.node))
        return _built(Mapping(mark, tuple(entries)), parts)

    def _alias(self, event: yaml.AliasEvent, mark: Mark, depth: int) -> _Built:
        name = event.anchor or ""
        if name not in self._anchors:
            raise self._issues.misread(mark, f"there is no anchor &{name} above this alias")
        built = self._anchors[name]
        if built is None:
            raise self._issues.misread(mark, f"the anchor &{name} would contain itself")
        self._count(built.size, mark)
        if depth + built.height - 1 > MAX_DEPTH:
            raise self._issues.misread(mark, f"this is nested more than {MAX_DEPTH} deep")
        return replace(built, node=replace(built.node, mark=mark))

    def _count(self, nodes: int, mark: Mark) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self._issues.misread(mark, f"a scenario has at most {MAX_NODES} parts, aliases expanded")


def _built(node: Node, parts: list[_Built]) -> _Built:
    return _Built(node, 1 + sum(part.size for part in parts), 1 + max((part.height for part in parts), default=0))


def _mark(start: _YamlMark | None, end: _YamlMark | None, file: str) -> Mark:
    """PyYAML counts from 0. What goes on over several lines is marked at its first character."""
    if start is None:
        return replace(START, file=file)
    width = end.column - start.column if end is not None and end.line == start.line else 1
    return Mark(start.line + 1, start.column + 1, max(1, width), file)
