"""`freeze`: a test card that stands still after a while, as a picture does when the camera hangs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.clients.options import Seconds
from emulator.clients.sources.base import Identity
from emulator.clients.sources.formats import FORMAT, video_format
from emulator.clients.sources.registry import video
from emulator.clients.sources.test_card import DEFAULT_FORMAT, TestCardSource

if TYPE_CHECKING:
    import av

AFTER_SECS = 3.0


@dataclass(frozen=True, slots=True)
class FreezeSource(TestCardSource):
    """Pictures go on coming, and from number `last` on all show what that one shows, its frame number included."""

    last: int = 0

    def painter(self) -> Callable[[int], av.VideoFrame]:
        # Not super(): a dataclass with slots is made anew, and its methods would look for the class it was before.
        draw = TestCardSource.painter(self)

        def paint(number: int) -> av.VideoFrame:
            picture = draw(min(number, self.last))
            picture.pts = round(number * 90_000 / self.format.fps)
            return picture

        return paint


@video("freeze", {**FORMAT, "after": Seconds(0, 3600)}, tells=True)
def make(identity: Identity, *, after: float = AFTER_SECS, **form: Any) -> FreezeSource:
    made = video_format(DEFAULT_FORMAT, **form)
    return FreezeSource(identity, made, last=round(after * made.fps))
