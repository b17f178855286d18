"""`{alice: {freeze: media}}`, `{alice: {freeze: signaling}}`, `{alice: {freeze: all}}` and `{alice: thaw}`"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.reading.shapes import Choice
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import Step, step


@step("freeze", Choice("what to freeze", ("all", "media", "signaling")))
@dataclass(frozen=True, slots=True)
class Freeze(Step):
    """Hang, as a page does: nothing is sent any more, nothing is closed, and nobody is told."""

    what: str

    def describe(self) -> str:
        return f"freeze {self.what}"

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.client(who).freeze(media=self.what != "signaling", signaling=self.what != "media")


@step("thaw")
@dataclass(frozen=True, slots=True)
class Thaw(Step):
    """Go on after a freeze."""

    def describe(self) -> str:
        return "thaw"

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.client(who).thaw()
