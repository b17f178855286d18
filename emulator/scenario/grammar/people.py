"""`participants`: who takes part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from emulator.clients.sources.formats import CROWD_LOOP_SECS
from emulator.clients.sources.registry import VIDEO_SOURCES
from emulator.scenario.cast import (
    MODERATOR,
    RESERVED,
    Behaviour,
    Cast,
    Kind,
    MediaSpec,
    Participant,
    Policy,
    Ramp,
    StreamName,
    StreamSpec,
)
from emulator.scenario.grammar.habits import BEHAVIOUR
from emulator.scenario.grammar.media import Streams
from emulator.scenario.grammar.options import Span
from emulator.scenario.reading import durations
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import NEW_PARTICIPANT, STREAM
from emulator.scenario.reading.nodes import Mapping as MappingNode
from emulator.scenario.reading.nodes import Mark, Node, Scalar, Word, describe
from emulator.scenario.reading.shapes import (
    Choice,
    Duration,
    Field,
    Flag,
    Integer,
    Json,
    JsonSchema,
    ListOf,
    MapOf,
    Record,
    Text,
)
from emulator.scenario.variation import VARIATIONS

MAX_PARTICIPANTS = 50
"""As many as a room takes (rest-and-webhooks.md 2.2); each has a tone of its own."""


MEDIA = ("audio", "video")
MIN_TOKEN_SECS, MAX_TOKEN_SECS = 10, 3600
"""rest-and-webhooks.md section 4, "Tokens"."""
_KEY = Text("a key of the context", longest=64)


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


class _Watching:
    """A subscription, or `{to: all, audio: false}` for one without sound, likewise without pictures."""

    _whom = _Subscribe()
    _record: Record[dict[str, Any]] = Record(
        "a subscription",
        {
            "to": Field(_whom, required=True, about="all, none, or a list of streams and participants"),
            "audio": Field(Flag(), about="whether their sound comes along; true if left out"),
            "video": Field(Flag(), about="whether their pictures do; true if left out"),
        },
        lambda mark, **given: given,
    )

    def read(self, node: Node, issues: Issues) -> tuple[Policy | tuple[StreamName, ...], tuple[str, ...]]:
        """Whom, and which media."""
        if not isinstance(node, MappingNode):
            return self._whom.read(node, issues), MEDIA
        given = self._record.read(node, issues)
        media = tuple(medium for medium in MEDIA if given.get(medium, True))
        if not media:
            raise issues.misread(node.mark, "a subscription without audio and without video is none")
        return given["to"], media

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [self._whom.json_schema(), self._record.json_schema()]}


def _ramp(mark: Mark, every: float = 0.0, jitter: tuple[float, float] | float = 0.0) -> Ramp:
    return Ramp(every, jitter if isinstance(jitter, tuple) else (0.0, jitter))


class _Jitter:
    """Up to so long, or `uniform(0s, 300ms)`."""

    _span = Span(0, durations.LONGEST)

    def read(self, node: Node, issues: Issues) -> tuple[float, float]:
        low, high = self._span.read(node, issues)
        return (0.0, high) if low == high else (low, high)

    def json_schema(self) -> JsonSchema:
        return self._span.json_schema()


def _participant(
    mark: Mark,
    kind: Kind = "web",
    context: str | None = None,
    streams: dict[str, StreamSpec] | None = None,
    subscribe: tuple[Policy | tuple[StreamName, ...], tuple[str, ...]] = ("none", MEDIA),
    messages: bool | None = None,
    listens: bool = True,
    token_ttl: float | None = None,
    behaviours: tuple[Behaviour, ...] = (),
    count: int = 0,
    vary: Mapping[str, tuple[Word, str]] | None = None,
    join: Ramp | None = None,
) -> Participant:
    """With a `count` it is a group; its members are named when its own name is known."""
    return Participant(
        name="",
        index=0,
        mark=mark,
        context=context,
        streams=streams or {},
        subscribe=subscribe[0],
        messages=messages,
        listens=listens,
        kind=kind,
        watched=subscribe[1],
        token_ttl=None if token_ttl is None else round(token_ttl),
        behaviours=behaviours,
        vary={key: kind for key, (_, kind) in (vary or {}).items()},
        ramp=join or Ramp(),
        members=("",) * count,
    )


_OF_GROUPS = ("vary", "join")


class _Participant:
    """All keys are optional; `bob:` alone is somebody who only listens."""

    _record = Record(
        "a participant",
        {
            "kind": Field(Choice("kind", ("web", "telephone")), about="a telephone hears and is heard, and no more"),
            "context": Field(_Context(), about="what the others are told; a mapping is sent as JSON text"),
            "streams": Field(Streams(), about="what can be published, by stream key"),
            "subscribe": Field(_Watching(), about="whose streams are watched from the join on; none if left out"),
            "messages": Field(Flag(), about="whether messages are wanted; if left out, when the scenario has any"),
            "listens": Field(
                Flag(), about="false: is not sent the mixed audio, as every browser is; most of what a crowd costs"
            ),
            "token_ttl": Field(
                Duration(positive=True), about="how long client tokens last; if left out, they do not run out"
            ),
            "behaviours": Field(
                ListOf("behaviours", BEHAVIOUR, or_one=True, most=20), about="what is done unasked, from the join on"
            ),
            "count": Field(Integer(1, MAX_PARTICIPANTS), about="how many there are of this kind: a crowd"),
            "vary": Field(
                MapOf("what varies, by key of the context", _KEY, Choice("variation", VARIATIONS), most=20),
                about="of a crowd: what is drawn for each member's context; a username if there is no context",
            ),
            "join": Field(
                Record(
                    "a ramp",
                    {
                        "every": Field(Duration(), about="from one member's join to the next one's"),
                        "jitter": Field(_Jitter(), about="and so much later, drawn for each; `uniform(0s, 300ms)`"),
                    },
                    _ramp,
                ),
                about="of a crowd: how its members come one after the other",
            ),
        },
        _participant,
    )

    def read(self, node: Node, issues: Issues) -> Participant:
        if isinstance(node, Scalar) and node.value is None:
            return Participant("", 0, node.mark)
        read = self._record.read(node, issues)
        assert isinstance(node, MappingNode)
        if not read.members:
            for key, _ in node.entries:
                if key.text in _OF_GROUPS:
                    raise issues.misread(key.mark, f'"{key.text}" is for a crowd; it goes with count')
        if read.vary and not _is_mapping(read.context):
            raise issues.misread(node.mark, "what varies goes into a context that is a mapping, not a text")
        if read.token_ttl is not None and not MIN_TOKEN_SECS <= read.token_ttl <= MAX_TOKEN_SECS:
            limits = f"{MIN_TOKEN_SECS}s to {MAX_TOKEN_SECS}s"
            raise issues.misread(node.mark, f"token_ttl: the service grants {limits}, got {read.token_ttl}s")
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


def _is_mapping(context: str | None) -> bool:
    try:
        return context is None or isinstance(json.loads(context), dict)
    except ValueError:
        return False


class Participants:
    _map = MapOf("participants by name", NEW_PARTICIPANT, _Participant(), most=MAX_PARTICIPANTS)

    def read(self, node: Node, issues: Issues) -> Cast:
        found: dict[str, tuple[Word, Participant]] = self._map.read(node, issues)
        for name in RESERVED.intersection(found):
            what = "stands for the REST API" if name == MODERATOR else "is a word of the grammar"
            raise issues.misread(found[name][0].mark, f'"{name}" {what}, not a name for a participant')
        cast = Cast({name: _named(read, word) for name, (word, read) in found.items()})
        if len(cast) > MAX_PARTICIPANTS:
            raise issues.misread(node.mark, f"a room takes {MAX_PARTICIPANTS}, these are {len(cast)} participants")
        return cast

    def json_schema(self) -> JsonSchema:
        return self._map.json_schema()


def _named(who: Participant, name: Word) -> Participant:
    if not who.members:
        return replace(who, name=name.text, mark=name.mark)
    members = tuple(f"{name}[{number}]" for number in range(len(who.members)))
    streams = {key: replace(stream, video=_cheap(stream.video)) for key, stream in who.streams.items()}
    return replace(who, name=name.text, mark=name.mark, members=members, streams=streams)


def _cheap(video: MediaSpec | None) -> MediaSpec | None:
    """The pictures of one of many: drawn and encoded once, within seconds, unless the scenario wants it otherwise."""
    if video is None or "loop" not in VIDEO_SOURCES[video.source].options:
        return video
    return replace(video, options={"loop": CROWD_LOOP_SECS, **video.options})
