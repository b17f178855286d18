"""`{bob: {sees: alice/self, within: 3s}}` and `sees_not`"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.clients.sources.registry import VIDEO_SOURCES
from emulator.scenario.cast import Cast, StreamName
from emulator.scenario.expectations.base import Expectation, expectation
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import STREAM
from emulator.scenario.scene import Scene, all_of


@dataclass(frozen=True, slots=True)
class _Sight(Expectation):
    stream: StreamName

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        spec = cast.find_stream(self.stream, issues)
        whose = self.stream.participant.text
        if whose == who and not cast[who].members:
            raise issues.misread(self.stream.mark, f"{who} is not sent streams of {who}'s own")
        if spec.video is None:
            raise issues.misread(self.stream.mark, f"{whose}/{spec.key} has no video that could be seen")
        if not VIDEO_SOURCES[spec.video.source].tells:
            message = f"{whose}/{spec.key} shows {spec.video.source}, which does not say whose it is; a test_card does"
            raise issues.misread(self.stream.mark, message)


@expectation("sees", STREAM)
class Sees(_Sight):
    """The picture that arrives is this stream's own test card, and it moves."""

    def describe(self) -> str:
        return f"sees {self.stream}"

    async def verify(self, scene: Scene, who: str) -> None:
        client, streams = scene.client(who), scene.stream_ids(self.stream, but=who)
        await all_of(client.sees(stream, within=self.within) for stream in streams)


@expectation("sees_not", STREAM)
class SeesNot(_Sight):
    """No picture of this stream arrives any more."""

    def describe(self) -> str:
        return f"sees_not {self.stream}"

    async def verify(self, scene: Scene, who: str) -> None:
        client, streams = scene.client(who), scene.stream_ids(self.stream, but=who)
        await all_of(client.sees_not(stream, within=self.within) for stream in streams)
