"""The whole of a scenario file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.scenario.grammar.assembly import EXTENDS, INCLUDE
from emulator.scenario.grammar.doing import definitions
from emulator.scenario.grammar.inputs import DECLARATIONS
from emulator.scenario.grammar.media import AUDIO, VIDEO
from emulator.scenario.grammar.people import Participants
from emulator.scenario.grammar.timeline import FINALLY, TIMELINE
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


class _Url:
    _text = Text("a URL such as http://127.0.0.1:3000/hooks", r"https?://\S+", "http:// or https://", 1000)

    def read(self, node: Node, issues: Issues) -> str:
        return self._text.read(node, issues).text

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "title": "a URL", "pattern": "^https?://"}


_URL = _Url()
ROOM = Record(
    "the room",
    {
        "unique_name": Field(Text("a unique name", longest=100), about="the scenario's name, if left out"),
        # rest-and-webhooks.md 2.2
        "max_participants": Field(Integer(2, 50), about="how many it takes; 10 if left out"),
        "enable_recording": Field(Flag(), about="whether everybody in it is recorded"),
        "webhook_event_url": Field(_URL, about="where webhooks go; to the scenario's own receiver, if it expects any"),
        "webhook_event_failover_url": Field(_URL, about="where they go when that fails"),
        "webhook_timeout_secs": Field(Integer(0, 30), about="how long a receiver may take to answer"),
    },
    _room,
)

DOCUMENT: Record[dict[str, Any]] = Record(
    "a scenario",
    {
        "version": Field(_Version(), required=True, about="of the grammar: 1"),
        "name": Field(Text("a name"), required=True, about="what people call it"),
        "description": Field(Text("a description", longest=5000), about="what it shows, for people"),
        "seed": Field(Integer(0, 2**63 - 1), about="of all that is drawn: ids, jitter, faults; 0 if left out"),
        "inputs": Field(DECLARATIONS, about="what it can be told from outside; `${name}` in the rest of the file"),
        "extends": Field(EXTENDS, about="a scenario that this one is a variation of"),
        "include": Field(INCLUDE, about="files whose participants, timeline and finally come in"),
        "room": Field(ROOM, about="where it happens; it is made, or changed to be so"),
        "participants": Field(Participants(), required=True, about="who takes part, by name"),
        "timeline": Field(TIMELINE, required=True, about="what happens when"),
        "finally": Field(FINALLY, about="what is done, and must be so, at the end, however that came"),
    },
    lambda mark, **given: given,
)


def json_schema() -> JsonSchema:
    """JSON schema (draft 2020-12) of a scenario file, for editors that complete and check while one writes.

    What `${name}` may stand for is not checked there: such a text is let through everywhere.
    """
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_for_files(strict_schema())}


def strict_schema() -> JsonSchema:
    """The same for a scenario of one file in which everything is filled in."""
    defs = {**definitions(), "video": VIDEO.definition(), "audio": AUDIO.definition()}
    return {"title": "A scenario of the Rooms emulator", **DOCUMENT.json_schema(), "$defs": defs}


_REFERENCE: JsonSchema = {"type": "string", "pattern": r"\$\{[^{}]+\}"}


def _for_files(schema: JsonSchema) -> JsonSchema:
    """A file that extends another needs less of its own; and no scalar of it needs to be there before it is filled."""
    schema = _lenient(schema)
    needs = schema.pop("required")
    schema["required"] = ["version"]
    schema["anyOf"] = [{"required": ["extends"]}, {"required": ["include"]}, {"required": needs}]
    return schema


def _lenient(schema: Any) -> Any:
    """Wherever something else than any text is asked for, `${name}` is fine, too."""
    if isinstance(schema, list):
        return [_lenient(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    read = {
        key: {name: _lenient(value) for name, value in inner.items()}
        if key in ("properties", "$defs")
        else _lenient(inner)
        if key in ("items", "additionalProperties", "anyOf", "oneOf")
        else inner
        for key, inner in schema.items()
    }
    about = {"description": read.pop("description")} if "description" in read else {}
    scalar = (
        "enum" in read or "const" in read or "pattern" in read or read.get("type") in ("integer", "number", "boolean")
    )
    return {"anyOf": [read, _REFERENCE], **about} if scalar else {**read, **about}
