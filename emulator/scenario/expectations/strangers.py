"""`{bob: {hears_tone: 5}}` and `{bob: {sees_picture: {of: "${browser.participant_id}"}}}`: of who is not of the cast

A browser that joins is known by its participant id, and shows and says what its application gives it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emulator.scenario.cast import Cast
from emulator.scenario.expectations.base import Expectation, expectation
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.names import STREAM_KEY
from emulator.scenario.reading.nodes import Mark, Word
from emulator.scenario.reading.shapes import Field, Integer, Record, Text
from emulator.scenario.scene import Scene

TONES = 64
"""As many as `probes.tones` tells apart; a test compares."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A stream by its publisher's participant id."""

    participant_id: str
    key: str


def _picture(mark: Mark, of: Word, key: Word | None = None) -> Picture:
    return Picture(of.text, "self" if key is None else key.text)


PICTURE: Record[Any] = Record(
    "whose picture",
    {
        "of": Field(Text("a participant id"), required=True, about="the publisher's participant id"),
        "key": Field(STREAM_KEY, about="the stream's key; self if left out"),
    },
    _picture,
)


@expectation("sees_picture", PICTURE)
@dataclass(frozen=True, slots=True)
class SeesPicture(Expectation):
    """A picture of this stream arrives that is not black, whatever it shows."""

    picture: Picture

    def describe(self) -> str:
        return f"sees_picture of {self.picture.participant_id}/{self.picture.key}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        if cast[who].telephone:
            raise issues.misread(self.mark, f"{who} is a telephone: it hears the mix and sees nothing")

    async def verify(self, scene: Scene, who: str) -> None:
        stream = self.picture.participant_id, self.picture.key
        await scene.client(who).sees_picture(stream, within=self.within)


@expectation("hears_tone", Integer(0, TONES - 1))
@dataclass(frozen=True, slots=True)
class HearsTone(Expectation):
    """The chord with this index is in the mixed audio, whoever says it."""

    tone: int

    def describe(self) -> str:
        return f"hears_tone {self.tone}"

    def check(self, who: str, cast: Cast, issues: Issues) -> None:
        """Anybody may say anything."""
        if not cast[who].listens:
            raise issues.misread(self.mark, f"{who} has listens: false, and is not sent the mix")

    async def verify(self, scene: Scene, who: str) -> None:
        await scene.client(who).hears(self.tone, within=self.within)
