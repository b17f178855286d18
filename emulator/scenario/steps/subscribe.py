"""`{bob: {subscribe: alice/self}}` and `{bob: {unsubscribe: alice/self}}`"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.cast import Cast, StreamName
from emulator.scenario.milestones import SUBSCRIBED, Milestone
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import STREAM
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import Step, step


@step("subscribe", STREAM)
@dataclass(frozen=True, slots=True)
class Subscribe(Step):
    """Watch one stream. `subscribe: all` at the participant needs no such step."""

    stream: StreamName

    def describe(self) -> str:
        return f"subscribe {self.stream}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        cast.find_stream(self.stream, issues)
        if cast[who].telephone:
            raise issues.misread(self.stream.mark, f"{who} is a telephone: it hears the mix and can not subscribe")

    def reaches(self, who: str, cast: Cast) -> tuple[Milestone, ...]:
        return (Milestone(who, SUBSCRIBED),)

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.client(who).subscribe(scene.stream_id(self.stream), audio=True, video=True)


@step("unsubscribe", STREAM)
@dataclass(frozen=True, slots=True)
class Unsubscribe(Step):
    stream: StreamName

    def describe(self) -> str:
        return f"unsubscribe {self.stream}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        cast.find_stream(self.stream, issues)

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.client(who).unsubscribe(scene.stream_id(self.stream))
