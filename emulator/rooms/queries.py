"""Questions to an account's records: filters, order, pages. Pure; nothing here changes anything.

Filters are joined by AND; dates compare the UTC date of the field, bounds inclusive; a field that is not set matches no
date filter; the order is newest first, then by id (rest-and-webhooks.md, section 1.4; R-46 to R-58).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Generic, Protocol, TypeVar

from emulator.rooms.composition import Composition, CompositionStatus
from emulator.rooms.index import Identified, Index, Order
from emulator.rooms.participant import Participant
from emulator.rooms.recording import Recording
from emulator.rooms.records import Records
from emulator.rooms.room import Room
from emulator.rooms.session import Session
from emulator.values import value_class

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 250


T = TypeVar("T")
R = TypeVar("R", bound=Identified)
C = TypeVar("C", contravariant=True)


@value_class(frozen=True, slots=True)
class PageRequest:
    """`number` from 1, `size` from 1 to 250."""

    number: int = 1
    size: int = DEFAULT_PAGE_SIZE


@dataclass(slots=True)
class Page(Generic[T]):
    """Not frozen, since every list makes one: that would make it three times as dear."""

    items: list[T]
    number: int
    size: int
    total_results: int

    @property
    def total_pages(self) -> int:
        """R-45: no result, no page."""
        return -(-self.total_results // self.size)


@value_class(frozen=True, slots=True)
class DateFilter:
    """`eq`, `gte`, `lte` of one field; what is None is not asked."""

    eq: date | None = None
    gte: date | None = None
    lte: date | None = None

    def __bool__(self) -> bool:
        return self.eq is not None or self.gte is not None or self.lte is not None

    def days(self) -> tuple[date | None, date | None]:
        """The first and the last day that can match. None: unbounded; the first is None only if nothing is asked."""
        low = max((day for day in (self.eq, self.gte) if day is not None), default=date.min)
        high = min((day for day in (self.eq, self.lte) if day is not None), default=None)
        return (low, high) if self else (None, None)

    def matches(self, at: datetime | None) -> bool:
        if not self:
            return True
        if at is None:
            return False
        day = at.astimezone(UTC).date()
        return (
            (self.eq is None or day == self.eq)
            and (self.gte is None or day >= self.gte)
            and (self.lte is None or day <= self.lte)
        )


ANY_DATE = DateFilter()


@value_class(frozen=True, slots=True)
class RoomFilter:
    unique_name: str | None = None
    created_at: DateFilter = ANY_DATE
    updated_at: DateFilter = ANY_DATE

    def matches(self, room: Room) -> bool:
        return (
            (self.unique_name is None or room.settings.unique_name == self.unique_name)
            and self.created_at.matches(room.created_at)
            and self.updated_at.matches(room.updated_at)
        )


ANY_ROOM = RoomFilter()
"""What is asked most often."""


@value_class(frozen=True, slots=True)
class SessionFilter:
    room_id: str | None = None
    active: bool | None = None
    created_at: DateFilter = ANY_DATE
    updated_at: DateFilter = ANY_DATE
    ended_at: DateFilter = ANY_DATE

    def matches(self, session: Session) -> bool:
        return (
            (self.room_id is None or session.room_id == self.room_id != "")
            and (self.active is None or session.active == self.active)
            and self.created_at.matches(session.created_at)
            and self.updated_at.matches(session.updated_at)
            and self.ended_at.matches(session.ended_at)
        )


@value_class(frozen=True, slots=True)
class ParticipantFilter:
    session_id: str | None = None
    context: str | None = None
    joined_at: DateFilter = ANY_DATE
    updated_at: DateFilter = ANY_DATE
    left_at: DateFilter = ANY_DATE

    def matches(self, participant: Participant) -> bool:
        return (
            (self.session_id is None or participant.session_id == self.session_id != "")
            and (self.context is None or participant.context == self.context)
            and self.joined_at.matches(participant.joined_at)
            and self.updated_at.matches(participant.updated_at)
            and self.left_at.matches(participant.left_at)
        )


@value_class(frozen=True, slots=True)
class RecordingFilter:
    """`duration_secs`: at least so long (R-59)."""

    room_id: str | None = None
    session_id: str | None = None
    participant_id: str | None = None
    status: str | None = None
    kind: str | None = None
    duration_secs: int | None = None
    started_at: DateFilter = ANY_DATE
    ended_at: DateFilter = ANY_DATE

    def matches(self, recording: Recording) -> bool:
        return (
            (self.room_id is None or recording.room_id == self.room_id)
            and (self.session_id is None or recording.session_id == self.session_id)
            and (self.participant_id is None or recording.participant_id == self.participant_id)
            and (self.status is None or recording.status == self.status)
            and (self.kind is None or recording.kind == self.kind)
            and (
                self.duration_secs is None
                or (recording.duration_secs is not None and recording.duration_secs >= self.duration_secs)
            )
            and self.started_at.matches(recording.started_at)
            and self.ended_at.matches(recording.ended_at)
        )


@value_class(frozen=True, slots=True)
class CompositionFilter:
    session_id: str | None = None
    status: CompositionStatus | None = None
    created_at: DateFilter = ANY_DATE

    def matches(self, composition: Composition) -> bool:
        return (
            (self.session_id is None or composition.session_id == self.session_id)
            and (self.status is None or composition.status == self.status)
            and self.created_at.matches(composition.created_at)
        )


class _Filter(Protocol[C]):
    def matches(self, row: C, /) -> bool: ...


def list_rooms(records: Records, wanted: RoomFilter, page: PageRequest) -> Page[Room]:
    if wanted is ANY_ROOM:
        return _of(records.rooms, records.indexes.rooms.all, page)
    if wanted.unique_name is not None:  # at most one room has it
        room_id = records.rooms_by_name.get(wanted.unique_name)
        found = [records.rooms[room_id]] if room_id is not None else []
        return _page([room for room in found if wanted.matches(room)], page)
    asked = _Asked(records.indexes.rooms, {}, wanted.created_at, indexed=not wanted.updated_at)
    return _select(records.rooms, asked, wanted, page)


def list_sessions(records: Records, wanted: SessionFilter, page: PageRequest) -> Page[Session]:
    values: dict[str, object] = {"room_id": wanted.room_id, "active": wanted.active}
    if wanted.room_id and wanted.active is not None:
        values = {"room_and_active": (wanted.room_id, wanted.active)}
    indexed = not wanted.updated_at and not wanted.ended_at
    asked = _Asked(records.indexes.sessions, values, wanted.created_at, indexed=indexed)
    return _select(records.sessions, asked, wanted, page)


def list_participants(records: Records, wanted: ParticipantFilter, page: PageRequest) -> Page[Participant]:
    values = {"session_id": wanted.session_id, "context": wanted.context}
    indexed = not wanted.updated_at and not wanted.left_at
    asked = _Asked(records.indexes.participants, values, wanted.joined_at, indexed=indexed)
    return _select(records.participants, asked, wanted, page)


def list_recordings(records: Records, wanted: RecordingFilter, page: PageRequest) -> Page[Recording]:
    indexed = wanted.duration_secs is None and not wanted.started_at and not wanted.ended_at
    asked = _Asked(records.indexes.recordings, _of_recordings(wanted), ANY_DATE, indexed=indexed)
    return _select(records.recordings, asked, wanted, page)


def all_recordings(records: Records, wanted: RecordingFilter) -> list[Recording]:
    """Every match, for the bulk delete (R-91)."""
    order, places = _Asked(records.indexes.recordings, _of_recordings(wanted), ANY_DATE, indexed=False).where()
    found = (records.recordings[row_id] for row_id in order.newest(places))
    return [recording for recording in found if wanted.matches(recording)]


def _of_recordings(wanted: RecordingFilter) -> dict[str, object]:
    names = ("room_id", "session_id", "participant_id", "status", "kind")
    return {name: getattr(wanted, name) for name in names}


def list_compositions(records: Records, wanted: CompositionFilter, page: PageRequest) -> Page[Composition]:
    values = {"session_id": wanted.session_id, "status": wanted.status}
    asked = _Asked(records.indexes.compositions, values, wanted.created_at, indexed=True)
    return _select(records.compositions, asked, wanted, page)


def sessions_of(records: Records, room: Room) -> Iterator[Session]:
    """A room's sessions, newest first."""
    order = records.indexes.sessions.having("room_id", room.id)
    return (records.sessions[session_id] for session_id in order.newest(order.all()))


def participants_of(records: Records, session: Session) -> Iterator[Participant]:
    """Everyone who was or is in the session, newest first. Who has gone on to a later session counts there."""
    order = records.indexes.participants.having("session_id", session.id)
    return (records.participants[participant_id] for participant_id in order.newest(order.all()))


class _Asked(Generic[R]):
    """What of a question an index can answer. `values`: by the index's names, None for what is not asked.

    `indexed`: the index knows everything that is asked; else the filter itself looks at each row that is left.
    """

    def __init__(
        self, index: Index[R], values: Mapping[str, Hashable | None], dates: DateFilter, *, indexed: bool
    ) -> None:
        self._index = index
        self._values = {name: value for name, value in values.items() if value is not None}
        self._dates = dates
        self.complete = indexed and len(self._values) <= 1

    def where(self) -> tuple[Order, range]:
        """The shortest of the orders that hold every match, and the places in it that the dates leave."""
        order = self._index.all
        for name, value in self._values.items():
            order = min(order, self._index.having(name, value), key=len)
        return order, order.span(*self._dates.days()) if self._dates else order.all()


def _select(rows: Mapping[str, R], asked: _Asked[R], wanted: _Filter[R], page: PageRequest) -> Page[R]:
    order, places = asked.where()
    if not asked.complete:
        found = (rows[row_id] for row_id in order.newest(places))
        return _page([row for row in found if wanted.matches(row)], page)
    return _of(rows, order, page, places)


def _of(rows: Mapping[str, R], order: Order, page: PageRequest, places: range | None = None) -> Page[R]:
    """A page of what is at these places of the order, or of all of it."""
    places = order.all() if places is None else places
    items = [rows[row_id] for row_id in order.newest(places, _start(page), page.size)]
    return Page(items, page.number, page.size, len(places))


def _page(found: list[T], page: PageRequest) -> Page[T]:
    start = _start(page)
    return Page(found[start : start + page.size], page.number, page.size, len(found))


def _start(page: PageRequest) -> int:
    return (page.number - 1) * page.size
