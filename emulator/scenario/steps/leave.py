"""`{alice: leave}` and `{alice: vanish}`"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.cast import Cast
from emulator.scenario.milestones import LEFT, Milestone
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import Step, step


@step("leave")
@dataclass(frozen=True, slots=True)
class Leave(Step):
    """Say goodbye and close; joining again later is fine."""

    def describe(self) -> str:
        return "leave"

    def reaches(self, who: str, cast: Cast) -> tuple[Milestone, ...]:
        return (Milestone(who, LEFT),)

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.client(who).leave()


@step("vanish")
@dataclass(frozen=True, slots=True)
class Vanish(Step):
    """Gone without a word, as when a cable is pulled or a process is killed."""

    def describe(self) -> str:
        return "vanish"

    def reaches(self, who: str, cast: Cast) -> tuple[Milestone, ...]:
        return (Milestone(who, LEFT),)

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.client(who).vanish()
