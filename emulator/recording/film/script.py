"""A film's script: which recording is seen where and when, and which is heard. Pure; it is told the maker as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emulator.recording.film.grid import Box, Grid
from emulator.rooms.composition import DEFAULT_RESOLUTION, EVERYTHING, CompositionSettings, parse_resolution

FPS = 25
LEAST_SECS = 1 / FPS
"""A film of nothing is one black picture."""

REST_OF_THE_FRAME = "all"
"""What the only region is called when no layout was asked for: the whole frame, with everybody in it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A finished recording. Times in seconds of one clock, that of all recordings of the session."""

    id: str
    kind: str
    path: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Appearance:
    """A video in its box from `begin` to `end`, seconds of the film; `offset` of its file is where the film begins.

    A frame of the file at `time` belongs at `time + offset`.
    """

    path: str
    offset: float
    begin: float
    end: float
    box: Box
    z: int


@dataclass(frozen=True, slots=True)
class Voice:
    """A sound whose file's beginning is at `offset` of the film."""

    path: str
    offset: float


@dataclass(frozen=True, slots=True)
class Script:
    width: int
    height: int
    duration: float
    videos: tuple[Appearance, ...]
    voices: tuple[Voice, ...]
    """Nobody: the film has no sound."""
    sound: bool
    fps: int = FPS

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Script:
        """Raises ValueError, KeyError, TypeError for what is none."""
        fields: dict[str, Any] = json.loads(text)
        fields["videos"] = tuple(Appearance(**{**each, "box": Box(**each["box"])}) for each in fields["videos"])
        fields["voices"] = tuple(Voice(**each) for each in fields["voices"])
        return cls(**fields)


def write_script(settings: CompositionSettings, sources: Sequence[Source]) -> Script:
    """The film of these recordings, from the first beginning to the last end of what is in it.

    A region is a grid for as many videos as are there at once; each has a cell of its own from when it begins until it
    ends, which then is the next one's. Who finds none free waits for one. A region's grid has as many columns and rows
    as need be, within its `max_columns` and `max_rows`.
    """
    width, height = (side - side % 2 for side in parse_resolution(settings.resolution or DEFAULT_RESOLUTION))
    layout = settings.video_layout
    if layout is None:
        layout = {REST_OF_THE_FRAME: {"video_sources": EVERYTHING}}
    seen = {name: _wanted(region, sources) for name, region in layout.items()}
    heard = [each for each in sources if each.kind == "audio"] if settings.audio_sources else []
    used = [*(each for region in seen.values() for each in region), *heard]
    began = min((each.began for each in used), default=0.0)
    ended = max((each.ended for each in used), default=0.0)
    videos = [
        appearance
        for name, region in layout.items()
        for appearance in _appearances(region, seen[name], began, (width, height))
    ]
    return Script(
        width,
        height,
        max(LEAST_SECS, ended - began),
        tuple(sorted(videos, key=lambda each: each.z)),  # a later region lies on an earlier one of the same height
        tuple(Voice(each.path, each.began - began) for each in heard),
        sound=bool(settings.audio_sources),
    )


def bounds(script: Script, sources: Sequence[Source]) -> tuple[float, float]:
    """When what is in the film began and ended, on the sources' clock."""
    began = min((each.began for each in sources), default=0.0)
    return began, began + script.duration


def _wanted(region: Mapping[str, Any], sources: Sequence[Source]) -> list[Source]:
    wanted = region.get("video_sources", [])
    found = [each for each in sources if each.kind == "video" and (wanted == EVERYTHING or each.id in wanted)]
    return sorted(found, key=lambda each: (each.began, each.id))


def _appearances(
    region: Mapping[str, Any], seen: Sequence[Source], began: float, frame: tuple[int, int]
) -> list[Appearance]:
    box = Box(
        region.get("x_pos", 0), region.get("y_pos", 0), region.get("width", frame[0]), region.get("height", frame[1])
    )
    grid = Grid.of(_most_at_once(seen), max_columns=region.get("max_columns"), max_rows=region.get("max_rows"))
    free_from = [float("-inf")] * grid.cells
    found = []
    for each in seen:
        # The cell that is free first; among those that are free already, the first in reading order.
        cell = min(range(grid.cells), key=lambda number: (max(free_from[number], each.began), number))
        begin = max(free_from[cell], each.began)
        if begin >= each.ended:
            continue
        free_from[cell] = each.ended
        found.append(
            Appearance(
                each.path,
                each.began - began,
                begin - began,
                each.ended - began,
                grid.box(cell, box),
                region.get("z_pos", 0),
            )
        )
    return found


def _most_at_once(seen: Sequence[Source]) -> int:
    return max((sum(other.began <= each.began < other.ended for other in seen) for each in seen), default=0)
