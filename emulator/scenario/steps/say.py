"""`{alice: {say: hello}}` and `{alice: {say: {text: psst, to: bob}}}`"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.cast import Cast
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.messages import OUTGOING, Outgoing
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import Step, step


@step("say", OUTGOING)
@dataclass(frozen=True, slots=True)
class Say(Step):
    """Send a message: to everyone who takes messages, oneself included, or to some."""

    message: Outgoing

    def describe(self) -> str:
        to = f" to {', '.join(map(str, self.message.to))}" if self.message.to else ""
        return f"say {self.message.text!r:.60}{to}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        if not cast[who].takes_messages:
            raise issues.misread(self.mark, f"{who} has messages: false")
        for name in self.message.to:
            if not cast.find(name, issues).takes_messages:
                raise issues.misread(name.mark, f"{name} has messages: false")

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.client(who).say(self.message.text, scene.ids(name.text for name in self.message.to))
