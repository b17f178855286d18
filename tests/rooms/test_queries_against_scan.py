"""Every list that an index answers is the list that a look at every row gives: R-46 to R-59, at any state."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.rooms import queries
from emulator.rooms.composition import Composition, CompositionSettings
from emulator.rooms.happenings import ParticipantKind
from emulator.rooms.participant import Participant
from emulator.rooms.queries import DateFilter, PageRequest
from emulator.rooms.recording import Recording
from emulator.rooms.records import Records
from emulator.rooms.room import Room, RoomSettings
from emulator.rooms.session import Session
from tests.rooms.naive import assert_indexed, page_of

MIDNIGHT = datetime(2026, 9, 17, tzinfo=UTC)
IDS = [f"id-{number}" for number in range(3)] + ["", "ünïcode", "id", "\udc80"]


class Draw:
    """Random rows: few days, many equal instants, much that is not set."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._number = 0

    def id(self) -> str:
        self._number += 1
        return (
            f"{self._rng.choice(['', 'a', 'ab', 'ä', chr(0x10FFFF), chr(0)])}{self._rng.randrange(10)}-{self._number}"
        )

    def one(self, *values: Any) -> Any:
        return self._rng.choice(values)

    def time(self) -> datetime | None:
        if self._rng.randrange(5) == 0:
            return None
        micro = timedelta(microseconds=1)
        return MIDNIGHT + self._rng.randrange(-2, 3) * timedelta(days=1) + self._rng.choice([-micro, 0 * micro, micro])

    def dates(self) -> DateFilter:
        def day() -> date | None:
            if self._rng.randrange(2):
                return None
            return self._rng.choice([date.min, date.max, *(date(2026, 9, 15 + number) for number in range(5))])

        return DateFilter(day(), day(), day()) if self._rng.randrange(2) else DateFilter()

    def page(self) -> PageRequest:
        return PageRequest(self._rng.choice([1, 1, 2, 3, 10**30]), self._rng.choice([1, 2, 20, 250]))

    def records(self) -> Records:
        rng = self._rng
        records = Records(
            rooms=_by_id(self._room() for _ in range(rng.randrange(25))),
            sessions=_by_id(self._session() for _ in range(rng.randrange(25))),
            participants=_by_id(self._participant() for _ in range(rng.randrange(25))),
            recordings=_by_id(self._recording() for _ in range(rng.randrange(25))),
            compositions=_by_id(self._composition() for _ in range(rng.randrange(25))),
        )
        for number, room in enumerate(records.rooms.values()):
            if number % 3 == 0:
                room.settings = RoomSettings(unique_name=f"name-{number}")
                records.rooms_by_name[f"name-{number}"] = room.id
        return records

    def _room(self) -> Room:
        return Room(self.id(), RoomSettings(), self.time(), self.time())

    def _session(self) -> Session:
        active = self.one(True, False)
        return Session(self.id(), self.one(*IDS), self.time(), self.time(), self.time(), active=active)

    def _participant(self) -> Participant:
        kind: ParticipantKind = "web"
        context = self.one(None, "", "Alice", "Bob")
        times = (self.time(), self.time(), self.time())
        return Participant(self.id(), self.one(*IDS), "", context, kind, "c1", *times)

    def _recording(self) -> Recording:
        return Recording(
            self.id(),
            kind=self.one(None, "audio", "video"),
            status=self.one(None, "processing", "completed"),
            room_id=self.one(None, *IDS),
            session_id=self.one(None, *IDS),
            participant_id=self.one(None, *IDS),
            duration_secs=self.one(None, 0, 5, 9),
            created_at=self.time(),
            started_at=self.time(),
            ended_at=self.time(),
        )

    def _composition(self) -> Composition:
        status = self.one(None, "enqueued", "processing", "completed")
        session_id = self.one(None, *IDS)
        return Composition(
            self.id(), CompositionSettings(), status=status, session_id=session_id, created_at=self.time()
        )


def _by_id(rows: Any) -> dict[str, Any]:
    made = list(rows)
    return {row.id: row for row in made}


def _room_filter(draw: Draw) -> queries.RoomFilter:
    return queries.RoomFilter(draw.one(None, None, "name-0", "name-3", "no such"), draw.dates(), draw.dates())


def _session_filter(draw: Draw) -> queries.SessionFilter:
    active = draw.one(None, True, False)
    return queries.SessionFilter(draw.one(None, *IDS), active, draw.dates(), draw.dates(), draw.dates())


def _participant_filter(draw: Draw) -> queries.ParticipantFilter:
    context = draw.one(None, "", "Alice", "nobody")
    return queries.ParticipantFilter(draw.one(None, *IDS), context, draw.dates(), draw.dates(), draw.dates())


def _recording_filter(draw: Draw) -> queries.RecordingFilter:
    return queries.RecordingFilter(
        room_id=draw.one(None, None, *IDS),
        session_id=draw.one(None, None, *IDS),
        participant_id=draw.one(None, None, *IDS),
        status=draw.one(None, "processing", "completed", "odd"),
        kind=draw.one(None, None, "audio", "video"),
        duration_secs=draw.one(None, None, 0, 1, 5, 10),
        started_at=draw.dates(),
        ended_at=draw.dates(),
    )


def _composition_filter(draw: Draw) -> queries.CompositionFilter:
    return queries.CompositionFilter(draw.one(None, *IDS), draw.one(None, "enqueued", "completed"), draw.dates())


LISTS: Mapping[str, tuple[Callable[[Draw], Any], Callable[..., Any], str]] = {
    "rooms": (_room_filter, queries.list_rooms, "created_at"),
    "sessions": (_session_filter, queries.list_sessions, "created_at"),
    "participants": (_participant_filter, queries.list_participants, "joined_at"),
    "recordings": (_recording_filter, queries.list_recordings, "created_at"),
    "compositions": (_composition_filter, queries.list_compositions, "created_at"),
}


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32))
def test_every_list_is_what_a_look_at_every_row_gives(seed: int) -> None:
    draw = Draw(seed)
    records = draw.records()
    assert_indexed(records)
    for _ in range(8):
        for kind, (make_filter, ask, at) in LISTS.items():
            wanted, page = make_filter(draw), draw.page()
            rows = getattr(records, kind).values()
            expected = page_of(rows, wanted.matches, attrgetter(at), page)
            assert ask(records, wanted, page) == expected, (kind, wanted, page)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32))
def test_bulk_delete_finds_exactly_the_matches(seed: int) -> None:
    """R-91."""
    draw = Draw(seed)
    records = draw.records()
    wanted = _recording_filter(draw)
    found = {recording.id for recording in queries.all_recordings(records, wanted)}
    assert found == {recording.id for recording in records.recordings.values() if wanted.matches(recording)}


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32))
def test_rows_filed_anew_and_dropped_in_any_order_leave_the_indexes_right(seed: int) -> None:
    draw = Draw(seed)
    records = draw.records()
    for session in list(records.sessions.values()):
        session.active, session.created_at = draw.one(True, False), draw.time()
        records.indexes.sessions.put(session)
        if draw.one(True, False):
            del records.sessions[session.id]
            records.indexes.sessions.drop(session.id)
    assert_indexed(records)
