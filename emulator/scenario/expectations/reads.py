"""`{bob: {reads: hello, within: 3s}}`, `{bob: {reads: {text: hello, from: alice}}}` and `reads_not`"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.cast import Cast
from emulator.scenario.expectations.base import Expectation, expectation
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.messages import INCOMING, Incoming
from emulator.scenario.scene import Scene


@dataclass(frozen=True, slots=True)
class _Reading(Expectation):
    message: Incoming

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        if not cast[who].takes_messages:
            raise issues.misread(self.mark, f"{who} has messages: false")
        if self.message.sender is not None:
            sender = cast.find(self.message.sender, issues)
            if sender.members:
                message = f"a message is from one person; which of {sender.name}? {sender.members[0]}, for example"
                raise issues.misread(self.message.sender.mark, message)

    def sender(self, scene: Scene) -> str | None:
        name = self.message.sender
        return None if name is None else scene.actors[name.text].id

    def _describe(self, word: str) -> str:
        sender = self.message.sender
        return f"{word} {self.message.text!r:.60}{'' if sender is None else f' from {sender}'}"


@expectation("reads", INCOMING)
class Reads(_Reading):
    """The message comes, or has come since the join."""

    def describe(self) -> str:
        return self._describe("reads")

    async def verify(self, scene: Scene, who: str) -> None:
        await scene.client(who).reads(self.message.text, self.sender(scene), within=self.within)


@expectation("reads_not", INCOMING)
class ReadsNot(_Reading):
    """The message has not come, and does not come within the next second."""

    def describe(self) -> str:
        return self._describe("reads_not")

    async def verify(self, scene: Scene, who: str) -> None:
        await scene.client(who).reads_not(self.message.text, self.sender(scene))
