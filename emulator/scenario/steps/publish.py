"""`{alice: {publish: self}}` and `{alice: {unpublish: self}}`"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.cast import Cast
from emulator.scenario.milestones import PUBLISHED, UNPUBLISHED, Milestone
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import STREAM_KEY
from emulator.scenario.reading.nodes import Word
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import Step, step


@step("publish", STREAM_KEY)
@dataclass(frozen=True, slots=True)
class Publish(Step):
    """Send a stream as the participant declares it under `streams`."""

    key: Word

    def describe(self) -> str:
        return f"publish {self.key}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        cast.find_key(who, self.key, issues)

    def reaches(self, who: str, cast: Cast) -> tuple[Milestone, ...]:
        return (Milestone(who, PUBLISHED, self.key.text),)

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.client(who).publish(scene.cast[who].streams[self.key.text])


@step("unpublish", STREAM_KEY)
@dataclass(frozen=True, slots=True)
class Unpublish(Step):
    """Stop sending a stream; it is gone for everyone."""

    key: Word

    def describe(self) -> str:
        return f"unpublish {self.key}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        cast.find_key(who, self.key, issues)

    def reaches(self, who: str, cast: Cast) -> tuple[Milestone, ...]:
        return (Milestone(who, UNPUBLISHED, self.key.text),)

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.client(who).unpublish(self.key.text)
