"""`extends` and `include`: one scenario made of several files, before anything else is read of it.

    extends: base.yaml              all of that scenario; what is said here goes before it, the timelines are joined
    include: parts/knock.yaml       that file's participants, timeline and finally come in, too
    include: {file: parts/knock.yaml, with: {who: Ada}}

Other files lie in the folder of the file that names them, or below it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import Protocol

from emulator.scenario.errors import ScenarioUnreadable
from emulator.scenario.grammar.inputs import DECLARATIONS, Input, from_file, from_outside
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Mapping, Node, Scalar, Sequence, Word, describe
from emulator.scenario.reading.references import fill_nodes
from emulator.scenario.reading.shapes import Field, JsonSchema, ListOf, Record, Text
from emulator.scenario.reading.tree import parse

MAX_DEPTH = 8
MAX_FILES = 50
MAX_ITEMS = 5000
"""Entries of all files together."""

_FRAGMENT_KEYS = ("version", "description", "inputs", "include", "participants", "timeline", "finally")


class Files(Protocol):
    """Where other files come from."""

    def read(self, path: str) -> tuple[str, str]:
        """How messages call it, and its text. Raises ScenarioUnreadable.

        `path` is relative to the folder of the scenario.
        """
        ...


class _File:
    """`parts/knock.yaml`"""

    _text = Text("the path of a file", longest=300)

    def read(self, node: Node, issues: Issues) -> Word:
        word = self._text.read(node, issues)
        parts = word.text.split("/")
        if word.text.startswith("/") or "\\" in word.text or ".." in parts:
            raise issues.misread(node.mark, "expected a file in this folder or below it, such as parts/knock.yaml")
        if not word.text.endswith((".yaml", ".yml")):
            raise issues.misread(node.mark, f"expected a .yaml file, got {describe(node)}")
        return word

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "title": "a file such as parts/knock.yaml", "pattern": r"\.ya?ml$"}


class _With:
    """The included file's inputs; that file says what they are."""

    def read(self, node: Node, issues: Issues) -> tuple[tuple[Scalar, Node], ...]:
        if not isinstance(node, Mapping):
            raise issues.misread(node.mark, f"expected inputs by name, got {describe(node)}")
        return node.entries

    def json_schema(self) -> JsonSchema:
        return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}


@dataclass(frozen=True, slots=True)
class Inclusion:
    file: Word
    given: tuple[tuple[Scalar, Node], ...] = ()


class _Inclusion:
    _record: Record[Inclusion] = Record(
        "an inclusion",
        {
            "file": Field(_File(), required=True, about="in this folder or below it"),
            "with": Field(_With(), about="the file's inputs"),
        },
        lambda mark, file, **given: Inclusion(file, given.get("with", ())),
    )

    def read(self, node: Node, issues: Issues) -> Inclusion:
        return Inclusion(_FILE.read(node, issues)) if isinstance(node, Scalar) else self._record.read(node, issues)

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [_FILE.json_schema(), self._record.json_schema()]}


_FILE = _File()
EXTENDS = _File()
INCLUDE = ListOf("a file or a list of files", _Inclusion(), or_one=True, most=MAX_FILES)


def assemble(
    root: Node, files: Files | None, given: MappingOf[str, object], issues: Issues
) -> tuple[Node, MappingOf[str, Scalar]]:
    """The whole scenario as one tree, inputs filled in; and the values of its inputs.

    Raises Misread, and BadInput for a value of `given` that does not fit.
    """
    if not isinstance(root, Mapping):
        return root, {}  # its reader says what is wrong
    assembly = _Assembly(files, issues)
    root = assembly.extended(root, "", ())
    values = from_outside(_declared(root, issues), given, issues)
    return assembly.included(root, values, "", ()), values


def _declared(root: Mapping, issues: Issues) -> dict[str, Input]:
    found = root.get("inputs")
    return {} if found is None else DECLARATIONS.read(found[1], issues)


class _Assembly:
    def __init__(self, files: Files | None, issues: Issues) -> None:
        self._files = files
        self._issues = issues
        self._count = 0

    def extended(self, root: Mapping, path: str, within: tuple[str, ...]) -> Mapping:
        found = root.get("extends")
        if found is None:
            return root
        file = EXTENDS.read(found[1], self._issues)
        there, base = self._open(file, path, (*within, path))
        return _merged(self.extended(base, there, (*within, path)), root)

    def included(self, root: Mapping, values: MappingOf[str, Scalar], path: str, within: tuple[str, ...]) -> Mapping:
        """With values for inputs, and what is included in place."""
        head = root.get("inputs")
        body = fill_nodes(root.without("inputs"), dict(values))
        assert isinstance(body, Mapping)
        root = body if head is None else Mapping(root.mark, (head, *body.entries))
        found = root.get("include")
        for inclusion in () if found is None else INCLUDE.read(found[1], self._issues):
            there, fragment = self._open(inclusion.file, path, (*within, path))
            self._check_fragment(fragment)
            declared = _declared(fragment, self._issues)
            filled = from_file(declared, inclusion.given, inclusion.file.mark, self._issues)
            root = self._joined(root, self.included(fragment, filled, there, (*within, path)))
        return root

    def _open(self, file: Word, path: str, within: tuple[str, ...]) -> tuple[str, Mapping]:
        """The path from the scenario's folder, and the tree."""
        if self._files is None:
            message = "other files are found beside the scenario's own file, and this text comes from none"
            raise self._issues.misread(file.mark, message)
        there = posixpath.normpath(posixpath.join(posixpath.dirname(path), file.text))
        if there in within:
            raise self._issues.misread(file.mark, f"{file} would contain itself")
        self._count += 1
        if len(within) > MAX_DEPTH or self._count > MAX_FILES:
            raise self._issues.misread(file.mark, f"a scenario is made of at most {MAX_FILES} files, {MAX_DEPTH} deep")
        try:
            name, text = self._files.read(there)
        except ScenarioUnreadable as error:
            raise self._issues.misread(file.mark, str(error)) from None
        self._issues.add_file(name, text)
        tree = parse(text, self._issues, name)
        if not isinstance(tree, Mapping):
            raise self._issues.misread(tree.mark, f"expected a part of a scenario, got {describe(tree)}")
        return there, tree

    def _check_fragment(self, fragment: Mapping) -> None:
        for key, _ in fragment.entries:
            if key.text not in _FRAGMENT_KEYS:
                self._issues.unknown(Word(key.text, key.mark), "key", _FRAGMENT_KEYS, where=" in an included file")

    def _joined(self, root: Mapping, fragment: Mapping) -> Mapping:
        """What is included comes first, as if it stood above."""
        mine, theirs = root.get("participants"), fragment.get("participants")
        if mine is not None and theirs is not None and isinstance(mine[1], Mapping) and isinstance(theirs[1], Mapping):
            for key, _ in mine[1].entries:
                twin = theirs[1].get(key.text)
                if twin is not None:
                    place = f"{key.mark.file}, line {key.mark.line}" if key.mark.file else f"line {key.mark.line}"
                    raise self._issues.misread(twin[0].mark, f'there is a participant "{key.text}" already ({place})')
        return _merged(fragment.without("version", "description", "inputs", "include"), root)


def _merged(below: Mapping, above: Mapping) -> Mapping:
    """Both, key by key: `above` goes first where there can be only one."""
    entries: list[tuple[Scalar, Node]] = []
    for key, value in below.entries:
        mine = above.get(key.text)
        entries.append((key, value) if mine is None else (mine[0], _both(key.text, value, mine[1])))
    entries += [(key, value) for key, value in above.entries if below.get(key.text) is None]
    return Mapping(above.mark, tuple(entries))


def _both(key: str, below: Node, above: Node) -> Node:
    match key:
        case "room":
            return _keys(below, above)
        case "inputs" | "participants":
            return _named(below, above)
        case "timeline":
            return _joined_lists(below, above)
        case "finally" if isinstance(below, Mapping) and isinstance(above, Mapping):
            return Mapping(above.mark, tuple(_finals(below, above)))
    return above


def _keys(below: Node, above: Node) -> Node:
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return Mapping(
        above.mark, (*(entry for entry in below.entries if above.get(entry[0].text) is None), *above.entries)
    )


def _named(below: Node, above: Node) -> Node:
    """Names in the order of `below`, then those that are new; each with the keys of both."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    entries: list[tuple[Scalar, Node]] = []
    for key, value in below.entries:
        mine = above.get(key.text)
        entries.append((key, value) if mine is None else (mine[0], _keys(value, mine[1])))
    return Mapping(above.mark, (*entries, *(entry for entry in above.entries if below.get(entry[0].text) is None)))


def _joined_lists(below: Node, above: Node) -> Node:
    items = (*_as_list(below), *_as_list(above))
    return Sequence(above.mark, items[: MAX_ITEMS + 1])


def _as_list(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else (node,)


def _finals(below: Mapping, above: Mapping) -> list[tuple[Scalar, Node]]:
    found: list[tuple[Scalar, Node]] = []
    for key, value in below.entries:
        mine = above.get(key.text)
        found.append((key, value) if mine is None else (mine[0], _joined_lists(value, mine[1])))
    return [*found, *(entry for entry in above.entries if below.get(entry[0].text) is None)]
