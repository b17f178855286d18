"""A composition: recordings of one session laid out as one film (rest-and-webhooks.md, sections 2.2, 3 and 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from emulator.rooms.errors import Invalid
from emulator.rooms.room import WEBHOOK_TIMEOUT_RANGE
from emulator.values import value_class

CompositionStatus = Literal["enqueued", "processing", "completed"]

FORMAT = "mp4"
DEFAULT_RESOLUTION = "1280x720"
SIDE_RANGE = (16, 1280)
MAX_PIXELS = 1280 * 720
MAX_REGIONS = 2
EVERYTHING = "*"
"""In `video_sources` and `audio_sources`: all recordings of that kind of the session (R-98, R-100)."""

_REGION_RANGES: Mapping[str, tuple[int | None, int | None]] = {
    "width": (16, None),
    "height": (16, None),
    "x_pos": (None, None),
    "y_pos": (None, None),
    "z_pos": (-99, 99),
    "max_columns": (1, 1000),
    "max_rows": (1, 1000),
}
_REGION_DEFAULTS = {"x_pos": 0, "y_pos": 0, "z_pos": 0}
_RESOLUTION = re.compile(r"([1-9][0-9]{1,3})x([1-9][0-9]{1,3})", re.ASCII)
_MAX_SHOWN = 80

Region = dict[str, Any]


@value_class(frozen=True, slots=True)
class CompositionSettings:
    """What a composition is asked for with. None means: not set, left out of answers.

    `video_layout`: region name -> region, as on the wire.
    """

    format: str | None = FORMAT
    resolution: str | None = DEFAULT_RESOLUTION
    video_layout: dict[str, Region] | None = None
    audio_sources: list[str] | None = None
    webhook_event_url: str | None = None
    webhook_event_failover_url: str | None = None
    webhook_timeout_secs: int | None = None

    def checked(self) -> CompositionSettings:
        """The same with the known fields of regions only.

        Raises Invalid, whose field is a path such as `video_layout/left/width` (R-95, R-96, R-98).
        """
        if self.format is not None and self.format != FORMAT:
            raise _wrong("format", f"{FORMAT!r}", self.format)
        if self.resolution is not None:
            parse_resolution(self.resolution)
        if self.audio_sources is not None and self.audio_sources != [EVERYTHING]:
            raise _wrong("audio_sources", '["*"] or null', self.audio_sources)
        low, high = WEBHOOK_TIMEOUT_RANGE
        if self.webhook_timeout_secs is not None and not low <= self.webhook_timeout_secs <= high:
            raise _wrong("webhook_timeout_secs", f"an integer from {low} to {high}", self.webhook_timeout_secs)
        return self if self.video_layout is None else replace(self, video_layout=_checked_layout(self.video_layout))


@dataclass(slots=True)
class Composition:
    """One that was imported may lack nearly anything: None is left out of answers."""

    id: str
    settings: CompositionSettings
    status: CompositionStatus | None = None
    room_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    """Only of an imported one; one that was made here is the account's own."""
    duration_secs: int | None = None
    size_mb: float | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    started_at: datetime | None = None
    """`started_at` and `ended_at` bound the composed media."""
    ended_at: datetime | None = None
    completed_at: datetime | None = None
    """When the film was ready."""
    download_url: str | None = None
    """Only of an imported one: shown as it came."""
    made_here: bool = False
    """Asked for here, not imported: once completed there is a file of it, or has been."""


def parse_resolution(resolution: Any) -> tuple[int, int]:
    """Width and height in pixels. Raises Invalid (R-95)."""
    low, high = SIDE_RANGE
    found = _RESOLUTION.fullmatch(resolution) if isinstance(resolution, str) else None
    if found is not None:
        width, height = int(found[1]), int(found[2])
        if low <= width <= high and low <= height <= high and width * height <= MAX_PIXELS:
            return width, height
    raise _wrong(
        "resolution", f"WIDTHxHEIGHT, each from {low} to {high}, together at most {MAX_PIXELS} pixels", resolution
    )


def _checked_layout(layout: Any) -> dict[str, Region]:
    """The known fields of each region. Raises Invalid for more than 2 regions and for what no region can be (R-96)."""
    if not isinstance(layout, dict):
        raise _wrong("video_layout", "an object of regions by name", layout)
    if len(layout) > MAX_REGIONS:
        raise Invalid("video_layout", f"video_layout must have at most {MAX_REGIONS} regions, got {len(layout)}.")
    return {name: _checked_region(f"video_layout/{_escaped(name)}", region) for name, region in layout.items()}


def with_defaults(layout: dict[str, Region]) -> dict[str, Region]:
    """Positions that were not given are 0 (section 2.2)."""
    return {name: _in_order(_REGION_DEFAULTS | region) for name, region in layout.items()}


def _in_order(region: Region) -> Region:
    """As regions of a state document stand: a round trip does not move anything."""
    return {name: region[name] for name in (*_REGION_RANGES, "video_sources") if name in region}


def _checked_region(path: str, region: Any) -> Region:
    if not isinstance(region, dict):
        raise _wrong(path, "an object", region)
    known: Region = {}
    for name, (low, high) in _REGION_RANGES.items():
        if name in region:
            known[name] = _checked_integer(f"{path}/{name}", region[name], low, high)
    if "video_sources" in region:
        known["video_sources"] = _checked_sources(f"{path}/video_sources", region["video_sources"])
    return known


def _checked_integer(path: str, value: Any, low: int | None, high: int | None) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and (low is None or value >= low) and (high is None or value <= high):
        return int(value)
    if low is None:
        raise _wrong(path, "an integer", value)
    raise _wrong(path, f"an integer of at least {low}" if high is None else f"an integer from {low} to {high}", value)


def _checked_sources(path: str, sources: Any) -> str | list[str]:
    """`"*"`, or ids. Clients that know a list only spell the word as `["*"]`."""
    if sources in (EVERYTHING, [EVERYTHING]):
        return EVERYTHING
    if not isinstance(sources, list):
        raise _wrong(path, '"*" or a list of UUIDs', sources)
    for index, source in enumerate(sources):
        if not _is_uuid(source):
            raise _wrong(f"{path}/{index}", "a UUID", source)
    return [source.lower() for source in sources]


def _is_uuid(value: Any) -> bool:
    """In the one spelling with hyphens; `UUID` itself also reads others."""
    try:
        return isinstance(value, str) and len(value) == 36 and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _escaped(name: str) -> str:
    """One part of a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def _wrong(path: str, expected: str, value: Any) -> Invalid:
    if isinstance(value, dict | list):
        shown = "an object" if isinstance(value, dict) else "a list"
    elif isinstance(value, int) and value.bit_length() > 256:
        shown = "a huge integer"
    else:
        shown = repr(value[:_MAX_SHOWN] if isinstance(value, str) else value)
    return Invalid(path, f"{path} must be {expected}, got {shown}.")
