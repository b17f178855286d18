"""`{alice: join}` and `{alice: rejoin}`"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.cast import Cast
from emulator.scenario.milestones import JOINED, Milestone
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import Step, step


@step("join")
@dataclass(frozen=True, slots=True)
class Join(Step):
    """Come into the room; what the participant declares under `subscribe` is watched from now on."""

    def describe(self) -> str:
        return "join"

    def reaches(self, who: str, cast: Cast) -> tuple[Milestone, ...]:
        return (Milestone(who, JOINED),)

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.join(who)


@step("rejoin")
@dataclass(frozen=True, slots=True)
class Rejoin(Step):
    """Come in once more as somebody new: another participant id, the same name. Who is in the room leaves first."""

    def describe(self) -> str:
        return "rejoin"

    def reaches(self, who: str, cast: Cast) -> tuple[Milestone, ...]:
        return (Milestone(who, JOINED),)

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.rejoin(who)
