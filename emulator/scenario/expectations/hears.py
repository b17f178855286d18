"""`{bob: {hears: alice, within: 3s}}` and `hears_not`: whose tone is in the mixed audio."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.clients.sources.registry import AUDIO_SOURCES
from emulator.scenario.cast import Cast
from emulator.scenario.expectations.base import Expectation, expectation
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import PARTICIPANT
from emulator.scenario.reading.nodes import Word
from emulator.scenario.scene import Scene, all_of


@dataclass(frozen=True, slots=True)
class _Hearing(Expectation):
    participant: Word

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        other = cast.find(self.participant, issues)
        if other.name == who and not other.members:
            raise issues.misread(self.participant.mark, f"{who} is never in the mix that {who} is sent")
        if not cast[who].listens:
            raise issues.misread(self.participant.mark, f"{who} has listens: false, and is not sent the mix")
        if not any(stream.audio and AUDIO_SOURCES[stream.audio.source].tells for stream in other.streams.values()):
            message = f"{other.name} declares no stream with a tone or speech, which is what a voice is told by"
            raise issues.misread(self.participant.mark, message)

    def tones(self, scene: Scene, who: str) -> list[int]:
        """Of all who are meant, but oneself."""
        others = (name for name in scene.cast.members(self.participant.text) if name != who)
        return [scene.cast[name].index for name in others]


@expectation("hears", PARTICIPANT)
class Hears(_Hearing):
    """This participant's own tone is in the mixed audio that arrives."""

    def describe(self) -> str:
        return f"hears {self.participant}"

    async def verify(self, scene: Scene, who: str) -> None:
        client, tones = scene.client(who), self.tones(scene, who)
        await all_of(client.hears(tone, within=self.within) for tone in tones)


@expectation("hears_not", PARTICIPANT)
class HearsNot(_Hearing):
    """The tone is no longer in it."""

    def describe(self) -> str:
        return f"hears_not {self.participant}"

    async def verify(self, scene: Scene, who: str) -> None:
        client, tones = scene.client(who), self.tones(scene, who)
        await all_of(client.hears_not(tone, within=self.within) for tone in tones)
