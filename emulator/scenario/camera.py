"""What participants get, as a report shows it: last pictures of what they watch, rates and levels in their course.

Only a run that writes a report has a camera: to look at pictures means to decode them.
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from emulator.scenario.report import Outcome, StepResult
from emulator.scenario.scene import Scene
from emulator.scenario.stage_client import StreamId
from emulator.timeline.model import Plot, Tile

if TYPE_CHECKING:
    import av

INTERVAL_SECS = 0.5
MAX_WATCHED = 16
"""Pairs of participant and stream; more would cost a crowd more than the meeting itself."""
MAX_FAILURE_TILES = 24
MAX_VALUES = 2_000
"""Of one course; a longer run keeps the last of them."""
TILE_WIDTH = 320
FLOOR_DBFS = -90.0
"""What is less loud than that is silence."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What has come of a stream so far. `picture` is the newest, None before the first."""

    frames: int
    octets: int
    picture: av.VideoFrame | None


@runtime_checkable
class Watching(Protocol):
    """A client whose reception can be looked at."""

    @property
    def connected(self) -> bool: ...

    def watched(self) -> Mapping[StreamId, Watched]: ...

    def level(self, seconds: float) -> float | None:
        """Loudness of the mixed audio of the last so many seconds in dBFS; None without any."""
        ...


@dataclass(slots=True)
class _Seen:
    frames: int = 0
    octets: int = 0
    picture: av.VideoFrame | None = None
    at: float = 0.0


@dataclass(slots=True)
class _Course:
    unit: str
    values: list[tuple[float, float | None]] = field(default_factory=list)

    def add(self, at: float, value: float | None) -> None:
        if len(self.values) >= MAX_VALUES:
            del self.values[: MAX_VALUES // 4]
        self.values.append((round(at, 3), value))


class Camera:
    """Looks at a scene now and then. `now` gives seconds since the run began."""

    def __init__(self, scene: Scene, now: Callable[[], float]) -> None:
        self._scene = scene
        self._now = now
        self._seen: dict[tuple[str, StreamId], _Seen] = {}
        self._courses: dict[tuple[str, str], _Course] = {}
        self._failures: list[Tile] = []
        self._last = now()
        self.names: dict[str, str] = {}
        """Names by participant id, also by ids of somebody who came back as another person."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(INTERVAL_SECS)

    def look(self) -> None:
        self.names.update((actor.id, name) for name, actor in self._scene.actors.items())
        now = self._now()
        passed, self._last = now - self._last, now
        for name, client in self._watching():
            level = client.level(INTERVAL_SECS)
            self._course(name, "loudness heard", "dBFS").add(now, None if level is None else max(FLOOR_DBFS, level))
            for stream, watched in client.watched().items():
                seen = self._seen.get((name, stream))
                if seen is None:
                    if len(self._seen) >= MAX_WATCHED:
                        continue
                    seen = self._seen[name, stream] = _Seen(watched.frames, watched.octets)
                shown = self.named(stream)
                if passed > 0 and watched.frames >= seen.frames:  # else it is another subscription, which began anew
                    self._course(name, f"{shown}, pictures", "/s").add(now, (watched.frames - seen.frames) / passed)
                    kilobits = (watched.octets - seen.octets) * 8 / 1000 / passed
                    self._course(name, f"{shown}, video", "kbit/s").add(now, kilobits)
                seen.frames, seen.octets = watched.frames, watched.octets
                if watched.picture is not None:
                    seen.picture, seen.at = watched.picture, now

    def failed(self, result: StepResult) -> None:
        """Keep what somebody sees at this moment, when an expectation of theirs has failed."""
        if result.outcome is not Outcome.FAILED:
            return
        for name, client in self._watching():
            if name != result.who:
                continue
            for stream, watched in client.watched().items():
                if watched.picture is not None and len(self._failures) < MAX_FAILURE_TILES:
                    image = _data_url(watched.picture)
                    self._failures.append(Tile(name, self.named(stream), self._now(), image, "as it failed"))

    def named(self, stream: StreamId) -> str:
        who = self.names.get(stream[0])
        return f"{who or stream[0][:8]}/{stream[1]}"

    def tiles(self, offset: float) -> list[Tile]:
        """Everything, with `offset` seconds added."""
        last = [
            Tile(name, self.named(stream), seen.at, _data_url(seen.picture))
            for (name, stream), seen in self._seen.items()
            if seen.picture is not None
        ]
        return [Tile(t.who, t.shows, t.at + offset, t.image, t.note) for t in [*self._failures, *last]]

    def plots(self, offset: float) -> list[Plot]:
        return [
            Plot(who, name, course.unit, [(at + offset, value) for at, value in course.values])
            for (who, name), course in self._courses.items()
            if len(course.values) > 1
        ]

    def _watching(self) -> list[tuple[str, Watching]]:
        found = []
        for name, actor in tuple(self._scene.actors.items())[:MAX_WATCHED]:
            client: object = actor.client
            if isinstance(client, Watching) and client.connected:
                found.append((name, client))
        return found

    def _course(self, who: str, name: str, unit: str) -> _Course:
        return self._courses.setdefault((who, name), _Course(unit))


def _data_url(picture: av.VideoFrame) -> str:
    height = max(2, round(picture.height * TILE_WIDTH / picture.width / 2) * 2)
    image = picture.reformat(width=TILE_WIDTH, height=height, format="rgb24").to_image()  # type: ignore[no-untyped-call]  # PyAV's
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
