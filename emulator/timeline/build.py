"""From the logs of an account to the picture: a pure function, event by event and entry by entry."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from emulator.clock import iso_microseconds
from emulator.events import Record
from emulator.timeline.model import Json, Point, Row, Timeline
from emulator.timeline.people import People
from emulator.timeline.troubles import Troubles
from emulator.wirelog import Entry, Mishap, RestCall, SignalingFrame, WebhookAttempt

Axis = Literal["real", "account"]
"""`real`: real seconds, where media is real; `account`: the account's time, for runs that travel through it."""


def build(
    records: Sequence[Record],
    entries: Sequence[Entry] = (),
    *,
    moments: Mapping[int, float] | None = None,
    rooms: Mapping[str, str] | None = None,
    all_rooms: bool = False,
    problems: Iterable[Json] = (),
    axis: Axis = "real",
    now: tuple[datetime, float] | None = None,
    dropped: int = 0,
) -> Timeline:
    """One picture of these events and entries, both in order.

    moments    when events were in real time, by their number, on the clock of the entries (`WireLog.moments`)
    rooms      the rooms that there are at the end: names by id, empty for those without; None: only events tell
    all_rooms  also those of them that nothing happened in
    problems   what signaling refused, as `Problem.as_json` says it; placed by the account's time
    now        the account's time and the real one, where the picture ends; None: with the last thing that happened
    """
    picture = _Picture(records, entries, moments or {}, axis, now)
    people = People(rooms or {})
    troubles = Troubles(people)
    told_events, told_wire = [], []
    for t, thing in picture.in_order():
        if isinstance(thing, Record):
            people.hear(t, thing.event)
            told_events.append({**thing.as_json(), "t": t})
        else:
            told_wire.append({**thing.as_json(), "t": t})
            _place(t, thing, people, troubles)
    told_problems = []
    for problem in problems:
        t = picture.time_of(datetime.fromisoformat(problem["at"]))
        row = people.row(problem["participant_id"]) or people.room(problem["room_id"])
        row.points.append(Point("marks", t, f"{problem['code']} {problem['reason']}", "bad", {"mend": problem["mend"]}))
        told_problems.append({**problem, "t": t})
    if rooms is not None:
        people.compare(rooms, all_rooms=all_rooms)
    end = picture.end
    return Timeline(
        began=iso_microseconds(picture.began),
        seconds=end,
        real_origin=picture.origin,
        rows=_ordered(people.rows()),
        events=told_events,
        wire=told_wire,
        problems=told_problems,
        dropped=dropped,
    )


class _Picture:
    """Which second of the picture a moment is."""

    def __init__(
        self,
        records: Sequence[Record],
        entries: Sequence[Entry],
        moments: Mapping[int, float],
        axis: Axis,
        now: tuple[datetime, float] | None,
    ) -> None:
        self._records, self._entries, self._axis = records, entries, axis
        pairs = [(entry.at, entry.real) for entry in entries]
        pairs += [(record.at, moments[record.number]) for record in records if record.number in moments]
        self._pairs = sorted([*pairs, *([now] if now is not None else [])], key=lambda pair: pair[1])
        starts = [entry.real - (entry.duration if isinstance(entry, RestCall) else 0.0) for entry in entries]
        starts += [real for _, real in self._pairs]
        times = [record.at for record in records] + [at for at, _ in self._pairs]
        self.origin = min(starts, default=0.0)
        self.began = min(times, default=datetime.fromisoformat("1970-01-01T00:00:00+00:00"))
        self._moments = moments
        placed = [t for t, _ in self.in_order()]
        if now is not None:
            placed.append(self._at(*now))
        self.end = max(placed, default=0.0)

    def in_order(self) -> list[tuple[float, Record | Entry]]:
        """Everything with its second; what is at the same one, events first: a reply comes after what it tells of."""
        things: list[tuple[float, int, Record | Entry]] = []
        for record in self._records:
            real = self._moments.get(record.number)
            t = self.time_of(record.at) if real is None else self._at(record.at, real)
            things.append((t, 0, record))
        things += [(self._at(entry.at, entry.real), 1, entry) for entry in self._entries]
        things.sort(key=lambda thing: thing[:2])
        return [(t, thing) for t, _, thing in things]

    def _at(self, at: datetime, real: float) -> float:
        return round(real - self.origin if self._axis == "real" else (at - self.began).total_seconds(), 6)

    def time_of(self, at: datetime) -> float:
        """Of something that only the account's time is known of: as far behind the last known moment as it was then."""
        if self._axis == "account" or not self._pairs:
            return round((at - self.began).total_seconds(), 6)
        before = [pair for pair in self._pairs if pair[0] <= at]
        known, real = before[-1] if before else self._pairs[0]
        following = next((later for _, later in self._pairs if later > real), None)
        guess = real + max(0.0, (at - known).total_seconds())
        return round((guess if following is None else min(guess, following)) - self.origin, 6)


def _place(t: float, entry: Entry, people: People, troubles: Troubles) -> None:
    match entry:
        case RestCall(surface="admin"):
            troubles.admin_call(t, entry)
        case RestCall() if entry.method != "GET" or entry.status is None or entry.status >= 400:
            _place_call(t, entry, people)
        case WebhookAttempt():
            tone: Any = "good" if entry.status is not None and entry.status < 300 else "bad"
            said = entry.error or str(entry.status)
            label = f"{entry.event_type.removeprefix('video.room.')}: {said}"
            people.room(entry.room_id).points.append(Point("webhooks", t, label, tone, {}, entry.number))
        case Mishap():
            troubles.mishap(t, entry)
        case SignalingFrame(close=int() as code) if code not in (1000, 1005):
            row = people.row(entry.line.participant_id) or people.room(entry.line.room_id)
            whose = "the client" if entry.direction == "in" else "the emulator"
            label = "connection lost" if code == 1006 else f"closed by {whose} with {code}"
            row.points.append(Point("marks", t, label, "warn", {}, entry.number))
        case SignalingFrame(channel="data", direction="in"):
            _place_message(t, entry, people)


def _place_call(t: float, call: RestCall, people: People) -> None:
    path = call.path.removeprefix("/v2")
    pieces = path.strip("/").split("/")
    action = pieces[-1] if "actions" in pieces else ""
    label = f"{call.method} {action or '/' + pieces[0]}"
    failed = call.status is None or call.status >= 400
    if pieces == ["rooms"] and not failed:
        return  # the event tells of it, in its own row
    if failed:
        label += ": no answer" if call.status is None else f": {call.status}"
    room = people.room_of_session(pieces[1]) if pieces[0] == "room_sessions" and len(pieces) > 1 else None
    if pieces[0] == "rooms" and len(pieces) > 1:
        room = pieces[1].lower()
    people.room(room).points.append(Point("calls", t, label, "bad" if failed else "plain", {}, call.number))


def _place_message(t: float, frame: SignalingFrame, people: People) -> None:
    try:
        said = json.loads(frame.text)
    except ValueError:
        return  # cut short, or what a hostile client sends: the wire log has it
    row = people.row(frame.line.participant_id)
    if row is not None and isinstance(said, dict) and said.get("textroom") == "message":
        text = said.get("text")
        try:  # the SDK wraps what an app says into JSON of its own
            inner = json.loads(text) if isinstance(text, str) else None
            text = inner.get("payload", text) if isinstance(inner, dict) else text
        except ValueError:
            text = said.get("text")
        row.points.append(Point("marks", t, f"says {text!r:.80}", "speech", {}, frame.number))


def _ordered(rows: Iterable[Row]) -> list[Row]:
    """Each room, then those who were in it, in the order of their coming."""
    rooms: list[Row] = []
    inside: dict[str, list[Row]] = {}
    for row in rows:
        if row.kind == "room":
            rooms.append(row)
        else:
            inside.setdefault(row.room_id, []).append(row)
    found: list[Row] = []
    for room in rooms:
        people = inside.get(room.room_id, [])
        if room.room_id or people or room.spans or room.points:
            found += [room, *people]
    return found
