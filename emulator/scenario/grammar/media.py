"""`streams`: what a participant can publish."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.scenario.cast import MediaSpec, StreamSpec
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import STREAM_KEY
from emulator.scenario.reading.nodes import Mapping as MappingNode
from emulator.scenario.reading.nodes import Mark, Node, Scalar, Word, describe
from emulator.scenario.reading.shapes import (
    Choice,
    Duration,
    Field,
    Integer,
    JsonSchema,
    MapOf,
    Number,
    Record,
    Shape,
)

RESERVED_KEY = "audiobridge"
"""The SDK keeps this stream key for its mixer leg (signaling.md, vocabulary)."""


class _Size:
    """`640x360`: even numbers of pixels, each from 120x68 to 4096 (what a test card can be)."""

    def read(self, node: Node, issues: Issues) -> str:
        text = node.text if isinstance(node, Scalar) else ""
        width, _, height = text.partition("x")
        if width.isdecimal() and height.isdecimal() and len(text) <= 9:
            w, h = int(width), int(height)
            if 120 <= w <= 4096 and 68 <= h <= 4096 and not w % 2 and not h % 2:
                return f"{w}x{h}"
        expected = "expected a size such as 640x360 (even numbers, from 120x68 to 4096x4096)"
        raise issues.misread(node.mark, f"{expected}, got {describe(node)}")

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": "^[0-9]{2,4}x[0-9]{2,4}$"}


class _Bitrate:
    """Bits per second: `300k`, `1.5M`, or a plain number."""

    _UNITS: Mapping[str, int] = {"k": 1000, "M": 1_000_000}

    def read(self, node: Node, issues: Issues) -> float:
        text = node.text if isinstance(node, Scalar) else ""
        number, unit = (text[:-1], self._UNITS[text[-1]]) if text[-1:] in self._UNITS else (text, 1)
        if len(number) <= 10 and number.replace(".", "", 1).isdecimal():
            bits = float(number) * unit
            if 20_000 <= bits <= 20_000_000:
                return bits
        raise issues.misread(node.mark, f"expected a bitrate such as 300k, from 20k to 20M, got {describe(node)}")

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [{"type": "string", "pattern": "^[0-9.]+[kM]?$"}, {"type": "number"}]}


_CODEC = Choice("a video codec", ("VP8", "H264"))
_LOUDNESS = Number(0, 1)

VIDEO: Mapping[str, Mapping[str, Shape[object]]] = {
    "test_card": {"size": _Size(), "fps": Integer(1, 60), "bitrate": _Bitrate(), "codec": _CODEC},
    "black": {"codec": _CODEC},
}
AUDIO: Mapping[str, Mapping[str, Shape[object]]] = {
    "tone": {"amplitude": _LOUDNESS},
    "speech": {"talk": Duration(positive=True), "pause": Duration(), "amplitude": _LOUDNESS},
    "silence": {},
}


class Media:
    """`true` (the first source), `false`, a source's name, or `{source: ..., options}`."""

    def __init__(self, what: str, sources: Mapping[str, Mapping[str, Shape[object]]]) -> None:
        self._what = what
        self._name = Choice(f"{what} source", tuple(sources))
        self._records = {name: self._record(name, options) for name, options in sources.items()}
        self._default = next(iter(sources))

    def _record(self, name: str, options: Mapping[str, Shape[object]]) -> Record[MediaSpec]:
        def build(mark: Mark, source: str = name, **given: object) -> MediaSpec:
            return MediaSpec(source, given)

        # The own name again under `source`, so that a published schema can tell the sources apart.
        fields = {"source": Field(Choice(f"{self._what} source", (name,)))}
        fields |= {option: Field(shape) for option, shape in options.items()}
        return Record(f"the {self._what} source {name}", fields, build)

    def read(self, node: Node, issues: Issues) -> MediaSpec | None:
        if isinstance(node, Scalar):
            if isinstance(node.value, bool):
                return MediaSpec(self._default) if node.value else None
            if isinstance(node.value, str):
                return MediaSpec(self._name.read(node, issues))
        if not isinstance(node, MappingNode):
            expected = f"expected {self._what} (true, false, a source, or a mapping with a source)"
            raise issues.misread(node.mark, f"{expected}, got {describe(node)}")
        named = next((value for key, value in node.entries if key.text == "source"), None)
        source = self._default if named is None else self._name.read(named, issues)
        return self._records[source].read(node, issues)

    def json_schema(self) -> JsonSchema:
        records = [record.json_schema() for record in self._records.values()]
        return {"anyOf": [{"type": "boolean"}, self._name.json_schema(), *records]}


class _Stream:
    """`{video: ..., audio: ...}`; what is not mentioned is not there."""

    _record: Record[dict[str, MediaSpec | None]] = Record(
        "a stream",
        {"video": Field(Media("video", VIDEO)), "audio": Field(Media("audio", AUDIO))},
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
