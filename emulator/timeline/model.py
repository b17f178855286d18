"""The picture: rows with what lasts and what happens on one axis, and the logs it was made from.

Everything is JSON: the page draws it, a scenario's run adds to it, tests read it. Times are seconds from the picture's
beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Tone = Literal["plain", "good", "bad", "warn", "video", "audio", "speech", "off", "pending", "muted"]
"""What kind of thing it is, which is what colours say."""

Json = dict[str, Any]


@dataclass(slots=True)
class Span:
    """Something that lasts. `lane` is where in its row; `end` None: until the picture ends."""

    lane: str
    start: float
    end: float | None
    label: str
    tone: Tone = "plain"
    detail: Json = field(default_factory=dict)


@dataclass(slots=True)
class Point:
    """Something that happens. `wire` is the number of an entry of the wire log that says more."""

    lane: str
    at: float
    label: str
    tone: Tone = "plain"
    detail: Json = field(default_factory=dict)
    wire: int | None = None


@dataclass(slots=True)
class Row:
    """A participant, or the room itself (`kind` is `room` then).

    until   of a room: when it ceased to be; 0 when nothing tells when, or it never was; None: it is there at the end
    """

    id: str
    name: str
    kind: Literal["room", "web", "telephone"]
    room_id: str
    about: str = ""
    until: float | None = None
    spans: list[Span] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)


@dataclass(slots=True)
class Timeline:
    """`began` is the account's time at 0, ISO 8601; `events` and `wire` are the logs' own JSON with `t` added.

    real_origin   what the monotonic clock of the wire log said at 0
    dropped       entries and events that are not kept any more and would belong here
    """

    began: str
    seconds: float
    real_origin: float
    rows: list[Row]
    events: list[Json]
    wire: list[Json]
    problems: list[Json]
    dropped: int = 0

    def as_json(self) -> Json:
        """The document; see `Document` for what others add."""
        return {"version": 1, **asdict(self)}


# What a run adds: the document's further members, all of them optional.


@dataclass(frozen=True, slots=True)
class Check:
    """A step that was taken, or an expectation that was checked; `end` None: never began, `at` is when it was due then.

    `who` names a row by its name or id; what is nobody's stands in the first one.
    `heading` says what went wrong in a sentence; empty: one is made of `who` and `what`.
    """

    who: str
    what: str
    kind: Literal["step", "expect"]
    outcome: Literal["done", "failed", "not run"]
    at: float
    end: float | None
    message: str = ""
    place: str = ""
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """What somebody saw at a moment: a picture as a `data:` URL."""

    who: str
    shows: str
    at: float
    image: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """A course of numbers: (seconds, value) each; None where there is none."""

    who: str
    name: str
    unit: str
    values: Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class Told:
    """What a run knows beside the logs. `facts` are words and what they stand for, e.g. seed and command."""

    title: str
    outcome: Literal["passed", "failed", ""] = ""
    summary: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[Check] = ()
    tiles: Sequence[Tile] = ()
    plots: Sequence[Plot] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """Participant id -> the name it has in the run."""
    script: Literal["Script", "Test"] = "Script"
    """What the checks are those of."""


def told_over(document: Json, told: Told) -> Json:
    """The document of a timeline with what a run knows; the axis is long enough for all of it."""
    rows = [{**row, "name": told.names.get(row["id"], row["name"])} for row in document["rows"]]
    called = {row["id"]: row["name"] for row in rows if row["kind"] != "room"}

    def readable(text: str) -> str:
        """Messages name people as the wire does, by their ids."""
        for participant_id, name in called.items():
            text = text.replace(participant_id, name)
        return text

    ends = [check.end if check.end is not None else check.at for check in told.checks]
    return {
        **document,
        "rows": rows,
        "seconds": max([document["seconds"], *ends]),
        "title": told.title,
        "outcome": told.outcome,
        "summary": readable(told.summary),
        "facts": dict(told.facts),
        "script": told.script,
        "checks": [
            {**asdict(check), **{name: readable(getattr(check, name)) for name in ("what", "message", "heading")}}
            for check in told.checks
        ],
        "tiles": [asdict(tile) for tile in told.tiles],
        "plots": [asdict(plot) for plot in told.plots],
    }
