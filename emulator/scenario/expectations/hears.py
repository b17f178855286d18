"""`{bob: {hears: alice, within: 3s}}` and `hears_not`: whose tone is in the mixed audio."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.cast import Cast
from emulator.scenario.expectations.base import Expectation, expectation
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import PARTICIPANT
from emulator.scenario.reading.nodes import Word
from emulator.scenario.scene import Scene

AUDIBLE = ("tone", "speech")


@dataclass(frozen=True, slots=True)
class _Hearing(Expectation):
    participant: Word

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        other = cast.find(self.participant, issues)
        if other.name == who:
            raise issues.misread(self.participant.mark, f"{who} is never in the mix that {who} is sent")
        if not any(stream.audio and stream.audio.source in AUDIBLE for stream in other.streams.values()):
            message = f"{other.name} declares no stream with a tone or speech, which is what a voice is told by"
            raise issues.misread(self.participant.mark, message)

    def tone(self, scene: Scene) -> int:
        return scene.cast[self.participant.text].index


@expectation("hears", PARTICIPANT)
class Hears(_Hearing):
    def describe(self) -> str:
        return f"hears {self.participant}"

    async def verify(self, scene: Scene, who: str) -> None:
        await scene.client(who).hears(self.tone(scene), within=self.within)


@expectation("hears_not", PARTICIPANT)
class HearsNot(_Hearing):
    def describe(self) -> str:
        return f"hears_not {self.participant}"

    async def verify(self, scene: Scene, who: str) -> None:
        await scene.client(who).hears_not(self.tone(scene), within=self.within)
