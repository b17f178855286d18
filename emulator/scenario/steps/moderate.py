"""`{moderator: {mute: [alice]}}`, likewise `unmute` and `kick`, and `{moderator: end_session}`: over REST."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from emulator.scenario.cast import Cast
from emulator.scenario.errors import StepFailed
from emulator.scenario.milestones import LEFT, Milestone
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import SOMEBODY
from emulator.scenario.reading.nodes import Word, listing
from emulator.scenario.reading.shapes import ListOf, read_all
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import MODERATOR_STEPS, Step, step

NAMES = ListOf("a list of participants", SOMEBODY, or_one=True)


async def _act(scene: Scene, action: str, body: dict[str, object]) -> None:
    session = await scene.rest.active_session(scene.room_id)
    if session is None:
        raise StepFailed(f"{action}: no session is going on in the room")
    await scene.rest.act(session, action, body)


@dataclass(frozen=True, slots=True)
class _Moderate(Step):
    names: tuple[Word, ...]
    action: ClassVar[str]

    def describe(self) -> str:
        return f"{self.action} {listing(name.text for name in self.names)}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        read_all(partial(cast.find, name, issues) for name in self.names if "${" not in name.text)

    async def perform(self, scene: Scene, who: str) -> None:
        await _act(scene, self.action, {"participants": scene.ids(name.text for name in self.names)})


@step("mute", NAMES, kinds=MODERATOR_STEPS)
class Mute(_Moderate):
    """Nobody hears them any more."""

    action = "mute"


@step("unmute", NAMES, kinds=MODERATOR_STEPS)
class Unmute(_Moderate):
    """They are heard again."""

    action = "unmute"


@step("kick", NAMES, kinds=MODERATOR_STEPS)
class Kick(_Moderate):
    """They are thrown out."""

    action = "kick"

    def reaches(self, who: str, cast: Cast) -> tuple[Milestone, ...]:
        return tuple(Milestone(name.text, LEFT) for name in self.names)


@step("end_session", kinds=MODERATOR_STEPS)
@dataclass(frozen=True, slots=True)
class EndSession(Step):
    """Everybody is thrown out."""

    def describe(self) -> str:
        return "end_session"

    def reaches(self, who: str, cast: Cast) -> tuple[Milestone, ...]:
        return tuple(Milestone(name, LEFT) for name in cast.names())

    async def perform(self, scene: Scene, who: str) -> None:
        await _act(scene, "end", {})
