"""The whole of a scenario file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.scenario.grammar.people import Participants
from emulator.scenario.grammar.timeline import TIMELINE
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Mark, Node, Scalar, describe
from emulator.scenario.reading.shapes import Field, Flag, Integer, JsonSchema, Record, Text

VERSION = 1


class _Version:
    def read(self, node: Node, issues: Issues) -> int:
        if isinstance(node, Scalar) and node.value == VERSION and node.value is not True:
            return VERSION
        raise issues.misread(node.mark, f"expected version {VERSION}, the only one there is, got {describe(node)}")

    def json_schema(self) -> JsonSchema:
        return {"const": VERSION}


def _room(mark: Mark, unique_name: Any = None, **settings: object) -> Mapping[str, object]:
    return {**({} if unique_name is None else {"unique_name": unique_name.text}), **settings}


ROOM = Record(
    "the room",
    {
        "unique_name": Field(Text("a unique name", longest=100)),
        "max_participants": Field(Integer(2, 50)),  # rest-and-webhooks.md 2.2
        "enable_recording": Field(Flag()),
    },
    _room,
)

DOCUMENT: Record[dict[str, Any]] = Record(
    "a scenario",
    {
        "version": Field(_Version(), required=True),
        "name": Field(Text("a name"), required=True),
        "description": Field(Text("a description", longest=5000)),
        "seed": Field(Integer(0, 2**63 - 1)),
        "room": Field(ROOM),
        "participants": Field(Participants(), required=True),
        "timeline": Field(TIMELINE, required=True),
    },
    lambda mark, **given: given,
    later=("inputs", "finally"),
)


def json_schema() -> JsonSchema:
    """JSON schema (draft 2020-12) of a scenario file, for editors that complete and check while one writes."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **DOCUMENT.json_schema()}
