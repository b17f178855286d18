"""`{bob: {subscribe: alice/self}}`, with `{to: alice/self, audio: false}` for a part of it, and `unsubscribe`"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emulator.clients.sources.formats import LAYERS
from emulator.scenario.cast import Cast, StreamName
from emulator.scenario.milestones import SUBSCRIBED, Milestone
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import STREAM
from emulator.scenario.reading.nodes import Mapping, Mark, Node
from emulator.scenario.reading.shapes import Field, Flag, Integer, JsonSchema, Record
from emulator.scenario.scene import Scene, all_of
from emulator.scenario.steps.base import Step, step


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stream, or the streams of a crowd, and which media of it."""

    stream: StreamName
    audio: bool = True
    video: bool = True
    substream: int | None = None


def _wanted(mark: Mark, to: StreamName, audio: bool = True, video: bool = True, substream: int | None = None) -> Wanted:
    return Wanted(to, audio, video, substream)


class _Wanted:
    """A bare stream, or a mapping."""

    _record: Record[Any] = Record(
        "a subscription",
        {
            "to": Field(STREAM, required=True, about="which stream; of a crowd, each member's"),
            "audio": Field(Flag(), about="true if left out"),
            "video": Field(Flag(), about="true if left out"),
            "substream": Field(
                Integer(0, len(LAYERS) - 1),
                about="of a simulcast: the best layer that is wanted, 0 the smallest, 2 the best, as in Janus",
            ),
        },
        _wanted,
    )

    def read(self, node: Node, issues: Issues) -> Wanted:
        if not isinstance(node, Mapping):
            return Wanted(STREAM.read(node, issues))
        wanted: Wanted = self._record.read(node, issues)
        if not wanted.audio and not wanted.video:
            raise issues.misread(node.mark, "a subscription without audio and without video is none")
        return wanted

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [STREAM.json_schema(), self._record.json_schema()]}


@step("subscribe", _Wanted())
@dataclass(frozen=True, slots=True)
class Subscribe(Step):
    """Watch a stream, or only hear or only see it; again for the same stream, to change that.

    `subscribe: all` at the participant needs no such step.
    """

    wanted: Wanted

    @property
    def stream(self) -> StreamName:
        return self.wanted.stream

    def describe(self) -> str:
        only = "" if self.wanted.audio and self.wanted.video else (" audio" if self.wanted.audio else " video")
        layer = "" if self.wanted.substream is None else f" substream {self.wanted.substream}"
        return f"subscribe {self.stream}{only and ' only' + only}{layer}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        cast.find_stream(self.stream, issues)
        if cast[who].telephone:
            raise issues.misread(self.stream.mark, f"{who} is a telephone: it hears the mix and can not subscribe")

    def reaches(self, who: str, cast: Cast) -> tuple[Milestone, ...]:
        return (Milestone(who, SUBSCRIBED),)

    async def perform(self, scene: Scene, who: str) -> None:
        client, wanted = scene.client(who), self.wanted
        await all_of(
            client.subscribe(stream, audio=wanted.audio, video=wanted.video, substream=wanted.substream)
            for stream in scene.stream_ids(self.stream, but=who)
        )


@step("unsubscribe", STREAM)
@dataclass(frozen=True, slots=True)
class Unsubscribe(Step):
    """Watch a stream no more."""

    stream: StreamName

    def describe(self) -> str:
        return f"unsubscribe {self.stream}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        cast.find_stream(self.stream, issues)

    async def perform(self, scene: Scene, who: str) -> None:
        client = scene.client(who)
        await all_of(client.unsubscribe(stream) for stream in scene.stream_ids(self.stream, but=who))
