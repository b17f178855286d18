"""`{note: now it gets worse}` and `{wait: 2s}`"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.reading.durations import written
from emulator.scenario.reading.nodes import Word
from emulator.scenario.reading.shapes import Duration, Text
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import STAGE_STEPS, Step, step


@step("note", Text("a note (a text)", longest=1000), kinds=STAGE_STEPS)
@dataclass(frozen=True, slots=True)
class Note(Step):
    """Say something to whoever reads the run."""

    text: Word

    def describe(self) -> str:
        return f"note {self.text}"

    async def perform(self, scene: Scene, who: str) -> None:
        """Being told as a step is all there is to it."""


@step("wait", Duration(positive=True), kinds=STAGE_STEPS)
@dataclass(frozen=True, slots=True)
class Wait(Step):
    """Let so much time pass before what follows in the list."""

    seconds: float

    def describe(self) -> str:
        return f"wait {written(self.seconds)}"

    def patience(self) -> float:
        return self.seconds + 60

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.pace.sleep(self.seconds)
