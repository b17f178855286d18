"""`participants`: who takes part."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from emulator.scenario.cast import MODERATOR, Cast, Kind, Participant, Policy, StreamName, StreamSpec
from emulator.scenario.grammar.media import Streams
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import PARTICIPANT, STREAM
from emulator.scenario.reading.nodes import Mapping as MappingNode
from emulator.scenario.reading.nodes import Mark, Node, Scalar, Word, describe
from emulator.scenario.reading.shapes import Choice, Field, Flag, Json, JsonSchema, ListOf, MapOf, Record

MAX_PARTICIPANTS = 50
"""As many as a room takes (rest-and-webhooks.md 2.2); each has a tone of its own."""


class _Context:
    """A text is sent as it is, a mapping as JSON text."""

    def read(self, node: Node, issues: Issues) -> str:
        if isinstance(node, MappingNode):
            return json.dumps(Json().read(node, issues), ensure_ascii=False, separators=(",", ":"))
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        raise issues.misread(node.mark, f"expected a context (a mapping or a text), got {describe(node)}")

    def json_schema(self) -> JsonSchema:
        return {"type": ["object", "string"]}


class _Subscribe:
    """`all`, `none`, or a list of streams and participants."""

    _words = Choice("subscription", ("all", "none"))
    _list = ListOf("all, none, or a list of streams", STREAM)

    def read(self, node: Node, issues: Issues) -> Policy | tuple[StreamName, ...]:
        if not isinstance(node, Scalar):
            return self._list.read(node, issues)
        return "all" if self._words.read(node, issues) == "all" else "none"

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [self._words.json_schema(), self._list.json_schema()]}


def _participant(
    mark: Mark,
    kind: Kind = "web",
    context: str | None = None,
    streams: dict[str, StreamSpec] | None = None,
    subscribe: Policy | tuple[StreamName, ...] = "none",
    messages: bool | None = None,
) -> Participant:
    return Participant("", 0, mark, context, streams or {}, subscribe, messages, kind)


class _Participant:
    """All keys are optional; `bob:` alone is somebody who only listens."""

    _record = Record(
        "a participant",
        {
            "kind": Field(Choice("kind", ("web", "telephone"))),
            "context": Field(_Context()),
            "streams": Field(Streams()),
            "subscribe": Field(_Subscribe()),
            "messages": Field(Flag()),
        },
        _participant,
        later=("count", "join", "behaviour"),
    )

    def read(self, node: Node, issues: Issues) -> Participant:
        if isinstance(node, Scalar) and node.value is None:
            return Participant("", 0, node.mark)
        read = self._record.read(node, issues)
        if not read.telephone:
            return read
        for stream in read.streams.values():
            if stream.video is not None:
                raise issues.misread(node.mark, f'a telephone has audio only, and the stream "{stream.key}" has video')
        if read.subscribe != "none" or read.messages:
            raise issues.misread(node.mark, "a telephone hears the mix: it can not subscribe, and has no messages")
        return replace(read, messages=False)

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [self._record.json_schema(), {"type": "null"}]}


class Participants:
    _map = MapOf("participants by name", PARTICIPANT, _Participant(), most=MAX_PARTICIPANTS)

    def read(self, node: Node, issues: Issues) -> Cast:
        found: dict[str, tuple[Word, Any]] = self._map.read(node, issues)
        if MODERATOR in found:
            raise issues.misread(
                found[MODERATOR][0].mark, f'"{MODERATOR}" stands for the REST API, not for a participant'
            )
        people = {
            name: replace(read, name=name, index=index, mark=word.mark)
            for index, (name, (word, read)) in enumerate(found.items())
        }
        return Cast(people)

    def json_schema(self) -> JsonSchema:
        return self._map.json_schema()
