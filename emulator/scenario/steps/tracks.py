"""`{alice: {stop_video: self}}`, and likewise `start_video`, `stop_audio`, `start_audio`"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from emulator.scenario.cast import Cast
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import STREAM_KEY
from emulator.scenario.reading.nodes import Word
from emulator.scenario.scene import Scene
from emulator.scenario.steps.base import Step, step

Medium = Literal["audio", "video"]


@dataclass(frozen=True, slots=True)
class _SetTrack(Step):
    """Switch one medium of a published stream off or on, as a camera or microphone button does."""

    key: Word
    medium: ClassVar[Medium]
    enabled: ClassVar[bool]

    @property
    def word(self) -> str:
        return f"{'start' if self.enabled else 'stop'}_{self.medium}"

    def describe(self) -> str:
        return f"{self.word} {self.key}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        spec = cast.find_key(who, self.key, issues)
        if (spec.video if self.medium == "video" else spec.audio) is None:
            raise issues.misread(self.key.mark, f'{self.word}: the stream "{self.key}" of {who} has no {self.medium}')

    async def perform(self, scene: Scene, who: str) -> None:
        await scene.client(who).set_track(self.key.text, self.medium, enabled=self.enabled)


@step("stop_video", STREAM_KEY)
class StopVideo(_SetTrack):
    """Switch the camera of a published stream off: it is announced, and no pictures are sent."""

    medium, enabled = "video", False


@step("start_video", STREAM_KEY)
class StartVideo(_SetTrack):
    """Switch the camera on again."""

    medium, enabled = "video", True


@step("stop_audio", STREAM_KEY)
class StopAudio(_SetTrack):
    """Switch the microphone of a published stream off."""

    medium, enabled = "audio", False


@step("start_audio", STREAM_KEY)
class StartAudio(_SetTrack):
    """Switch the microphone on again."""

    medium, enabled = "audio", True
