"""`streams`: what a participant can publish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

import emulator.clients.sources  # noqa: F401 - importing the package fills the registry
from emulator.clients.errors import OptionError, SourceError
from emulator.clients.sources.base import Identity
from emulator.clients.sources.registry import AUDIO_SOURCES, VIDEO_SOURCES, SourceKind, SourceT
from emulator.probes.errors import ProbeError
from emulator.scenario.cast import MediaSpec, StreamSpec
from emulator.scenario.grammar.options import shape
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import STREAM_KEY
from emulator.scenario.reading.nodes import Mapping as MappingNode
from emulator.scenario.reading.nodes import Mark, Node, Scalar, Word, describe
from emulator.scenario.reading.shapes import (
    Choice,
    Field,
    JsonSchema,
    MapOf,
    Record,
)

_SOMEBODY = Identity("00000000-0000-4000-8000-000000000000", "somebody", "self", 0)
RESERVED_KEY = "audiobridge"
"""The SDK keeps this stream key for its mixer leg (signaling.md, vocabulary)."""


class Media(Generic[SourceT]):
    """`true` (the first source), `false`, a source's name, or `{source: ..., options}`."""

    def __init__(self, what: str, sources: Mapping[str, SourceKind[SourceT]]) -> None:
        self._what = what
        self._sources: Mapping[str, SourceKind[SourceT]] = sources
        self._name = Choice(f"{what} source", tuple(sources))
        self._records: dict[str, Record[MediaSpec]] = {name: self._record(kind) for name, kind in sources.items()}
        self._default = next(iter(sources))

    def _record(self, kind: SourceKind[SourceT]) -> Record[MediaSpec]:
        def build(mark: Mark, source: str = kind.word, **given: object) -> MediaSpec:
            return MediaSpec(source, given)

        # The own name again under `source`, so that a published schema can tell the sources apart.
        fields = {"source": Field(Choice(f"{self._what} source", (kind.word,)))}
        fields |= {name: Field(shape(option), name in kind.required) for name, option in kind.options.items()}
        return Record(f"the {self._what} source {kind.word}", fields, build)

    def read(self, node: Node, issues: Issues) -> MediaSpec | None:
        if isinstance(node, Scalar):
            if isinstance(node.value, bool):
                return MediaSpec(self._default) if node.value else None
            if isinstance(node.value, str):
                name = self._name.read(node, issues)
                if self._sources[name].required:
                    needed = self._sources[name].required[0]
                    raise issues.misread(node.mark, f'"{name}" needs a {needed}: {{source: {name}, {needed}: ...}}')
                return MediaSpec(name)
        if not isinstance(node, MappingNode):
            expected = f"expected {self._what} (true, false, a source, or a mapping with a source)"
            raise issues.misread(node.mark, f"{expected}, got {describe(node)}")
        named = next((value for key, value in node.entries if key.text == "source"), None)
        source = self._default if named is None else self._name.read(named, issues)
        spec = self._records[source].read(node, issues)
        self._check(node.mark, spec, issues)
        return spec

    def _check(self, mark: Mark, spec: MediaSpec, issues: Issues) -> None:
        """Whether the source can be made of these options, which only together may be wrong."""
        kind = self._sources[spec.source]
        given = {name: kind.options[name].read(name, value) for name, value in spec.options.items()}
        try:
            kind.build(_SOMEBODY, **given)
        except (SourceError, OptionError, ProbeError) as error:
            raise issues.misread(mark, str(error)) from None

    def json_schema(self) -> JsonSchema:
        """Where `definition` is found: it stands in several places."""
        return {"$ref": f"#/$defs/{self._what}"}

    def definition(self) -> JsonSchema:
        bare = Choice(self._what, tuple(name for name, kind in self._sources.items() if not kind.required))
        return {
            "anyOf": [{"type": "boolean"}, bare.json_schema(), *(each.json_schema() for each in self._records.values())]
        }


VIDEO = Media("video", VIDEO_SOURCES)
AUDIO = Media("audio", AUDIO_SOURCES)


class _Stream:
    """`{video: ..., audio: ...}`; what is not mentioned is not there."""

    _record: Record[dict[str, MediaSpec | None]] = Record(
        "a stream",
        {
            "video": Field(VIDEO, about="the source of its pictures; none if left out"),
            "audio": Field(AUDIO, about="the source of its sound; none if left out"),
        },
        lambda mark, **given: given,
    )

    def read(self, node: Node, issues: Issues) -> StreamSpec:
        given = self._record.read(node, issues)
        if not any(given.values()):
            raise issues.misread(node.mark, "a stream has video, audio or both; this has neither")
        return StreamSpec("", given.get("video"), given.get("audio"))

    def json_schema(self) -> JsonSchema:
        return {**self._record.json_schema(), "minProperties": 1}


class Streams:
    """`{self: {video: test_card, audio: tone}, ...}` by stream key."""

    _map = MapOf("streams by key", STREAM_KEY, _Stream(), most=16)

    def read(self, node: Node, issues: Issues) -> dict[str, StreamSpec]:
        found = self._map.read(node, issues)
        if RESERVED_KEY in found:
            word: Word = found[RESERVED_KEY][0]
            raise issues.misread(word.mark, f'the stream key "{RESERVED_KEY}" is reserved for the mixed audio')
        return {key: StreamSpec(key, spec.video, spec.audio) for key, (_, spec) in found.items()}

    def json_schema(self) -> JsonSchema:
        return self._map.json_schema()
