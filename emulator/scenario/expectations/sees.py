"""`{bob: {sees: alice/self, within: 3s}}` and `sees_not`"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.scenario.cast import Cast, StreamName
from emulator.scenario.expectations.base import Expectation, expectation
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import STREAM
from emulator.scenario.scene import Scene


@dataclass(frozen=True, slots=True)
class _Sight(Expectation):
    stream: StreamName

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        spec = cast.find_stream(self.stream, issues)
        whose = self.stream.participant.text
        if whose == who:
            raise issues.misread(self.stream.mark, f"{who} is not sent streams of {who}'s own")
        if spec.video is None:
            raise issues.misread(self.stream.mark, f"{whose}/{spec.key} has no video that could be seen")


@expectation("sees", STREAM)
class Sees(_Sight):
    """The picture that arrives is this stream's own test card, and it moves."""

    def describe(self) -> str:
        return f"sees {self.stream}"

    async def verify(self, scene: Scene, who: str) -> None:
        await scene.client(who).sees(scene.stream_id(self.stream), within=self.within)


@expectation("sees_not", STREAM)
class SeesNot(_Sight):
    """No picture of this stream arrives any more."""

    def describe(self) -> str:
        return f"sees_not {self.stream}"

    async def verify(self, scene: Scene, who: str) -> None:
        await scene.client(who).sees_not(scene.stream_id(self.stream), within=self.within)
