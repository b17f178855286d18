"""`{alice: {replace: {stream: self, video: screen}}}`: another source, as with `updateStream` and another track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emulator.scenario.cast import Cast, MediaSpec, StreamSpec
from emulator.scenario.grammar.media import AUDIO, VIDEO
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import STREAM_KEY
from emulator.scenario.reading.nodes import Mark, Node, Word
from emulator.scenario.reading.shapes import Field, JsonSchema, Record
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import Step, step


@dataclass(frozen=True, slots=True)
class Replacement:
    key: Word
    video: MediaSpec | None
    audio: MediaSpec | None


def _replacement(mark: Mark, stream: Word, video: MediaSpec | None = None, audio: MediaSpec | None = None) -> Any:
    return Replacement(stream, video, audio)


class _Replacement:
    _record: Record[Replacement] = Record(
        "a replacement",
        {
            "stream": Field(STREAM_KEY, required=True, about="the key of the published stream"),
            "video": Field(VIDEO, about="the source that is sent from now on; the codec stays"),
            "audio": Field(AUDIO, about="likewise"),
        },
        _replacement,
    )

    def read(self, node: Node, issues: Issues) -> Replacement:
        read = self._record.read(node, issues)
        if read.video is None and read.audio is None:
            raise issues.misread(node.mark, "replace needs another video source, another audio source, or both")
        return read

    def json_schema(self) -> JsonSchema:
        return {**self._record.json_schema(), "anyOf": [{"required": ["video"]}, {"required": ["audio"]}]}


@step("replace", _Replacement())
@dataclass(frozen=True, slots=True)
class Replace(Step):
    """Send something else under a key from now on; what is replaced is on afterwards."""

    by: Replacement

    def describe(self) -> str:
        sources = (f"{medium} {spec.source}" for medium, spec in self._media() if spec is not None)
        return f"replace {self.by.key} by {', '.join(sources)}"

    def _media(self) -> tuple[tuple[str, MediaSpec | None], ...]:
        return ("video", self.by.video), ("audio", self.by.audio)

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        spec = cast.find_key(who, self.by.key, issues)
        if cast[who].telephone and self.by.video is not None:
            raise issues.misread(self.mark, f"{who} is a telephone: it has no video")
        before = (spec.video.options if spec.video else {}).get("codec", "VP8")
        after = (self.by.video.options if self.by.video else {}).get("codec", before)
        if before != after:
            raise issues.misread(
                self.by.key.mark, f"{who}/{self.by.key} is sent as {before}; {after} can not replace it"
            )

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.client(who).replace(StreamSpec(self.by.key.text, self.by.video, self.by.audio))
