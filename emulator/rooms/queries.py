"""Questions to an account's records: filters, order, pages. Pure; nothing here changes anything.

Filters are joined by AND; dates compare the UTC date of the field, bounds inclusive; a field that is not set matches no
date filter; the order is newest first, then by id (rest-and-webhooks.md, section 1.4; R-46 to R-58).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Reversible
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby, islice
from typing import Generic, Protocol, TypeVar

from emulator.rooms.participant import Participant
from emulator.rooms.records import Records
from emulator.rooms.room import Room
from emulator.rooms.session import Session

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 250


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T")
I = TypeVar("I", bound=_Identified)  # noqa: E741 - "identified", beside T


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`number` from 1, `size` from 1 to 250."""

    number: int = 1
    size: int = DEFAULT_PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    number: int
    size: int
    total_results: int

    @property
    def total_pages(self) -> int:
        """R-45: no result, no page."""
        return -(-self.total_results // self.size)


@dataclass(frozen=True, slots=True)
class DateFilter:
    """`eq`, `gte`, `lte` of one field; what is None is not asked."""

    eq: date | None = None
    gte: date | None = None
    lte: date | None = None

    def __bool__(self) -> bool:
        return self.eq is not None or self.gte is not None or self.lte is not None

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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class SessionFilter:
    room_id: str | None = None
    active: bool | None = None
    created_at: DateFilter = ANY_DATE
    updated_at: DateFilter = ANY_DATE
    ended_at: DateFilter = ANY_DATE

    def matches(self, session: Session) -> bool:
        return (
            (self.room_id is None or session.room_id == self.room_id)
            and (self.active is None or session.active == self.active)
            and self.created_at.matches(session.created_at)
            and self.updated_at.matches(session.updated_at)
            and self.ended_at.matches(session.ended_at)
        )


@dataclass(frozen=True, slots=True)
class ParticipantFilter:
    session_id: str | None = None
    context: str | None = None
    joined_at: DateFilter = ANY_DATE
    updated_at: DateFilter = ANY_DATE
    left_at: DateFilter = ANY_DATE

    def matches(self, participant: Participant) -> bool:
        return (
            (self.session_id is None or participant.session_id == self.session_id)
            and (self.context is None or participant.context == self.context)
            and self.joined_at.matches(participant.joined_at)
            and self.updated_at.matches(participant.updated_at)
            and self.left_at.matches(participant.left_at)
        )


def list_rooms(records: Records, wanted: RoomFilter, page: PageRequest) -> Page[Room]:
    rooms = newest_first(records.rooms.values(), lambda room: room.created_at)
    if wanted == RoomFilter():
        return _cut(rooms, page, total=len(records.rooms))
    if wanted.unique_name is not None:  # the name index: at most one room has it
        room_id = records.rooms_by_name.get(wanted.unique_name)
        rooms = iter(() if room_id is None else (records.rooms[room_id],))
    return _select(rooms, wanted.matches, page)


def list_sessions(records: Records, wanted: SessionFilter, page: PageRequest) -> Page[Session]:
    sessions = newest_first(records.sessions.values(), lambda session: session.created_at)
    if wanted == SessionFilter():
        return _cut(sessions, page, total=len(records.sessions))
    if wanted.room_id is not None and wanted.room_id in records.rooms:  # a deleted room's sessions are searched for
        sessions = sessions_of(records, records.rooms[wanted.room_id])
    return _select(sessions, wanted.matches, page)


def list_participants(records: Records, wanted: ParticipantFilter, page: PageRequest) -> Page[Participant]:
    participants = newest_first(records.participants.values(), lambda participant: participant.joined_at)
    if wanted == ParticipantFilter():
        return _cut(participants, page, total=len(records.participants))
    if wanted.session_id is not None:
        session = records.sessions.get(wanted.session_id)
        participants = iter(()) if session is None else participants_of(records, session)
    return _select(participants, wanted.matches, page)


def sessions_of(records: Records, room: Room) -> Iterator[Session]:
    """A room's sessions, newest first."""
    return newest_first(
        [records.sessions[session_id] for session_id in room.session_ids], lambda session: session.created_at
    )


def participants_of(records: Records, session: Session) -> Iterator[Participant]:
    """Everyone who was or is in the session, newest first. Who has gone on to a later session counts there."""
    known = (records.participants[participant_id] for participant_id in session.participant_ids)
    by_id = sorted((p for p in known if p.session_id == session.id), key=lambda participant: participant.id)
    return iter(sorted(by_id, key=lambda participant: participant.joined_at, reverse=True))  # stable: ties stay by id


def newest_first(items: Reversible[I], created_at: Callable[[I], datetime]) -> Iterator[I]:
    """Items that stand in order of creation, backwards; what was created at one instant is ordered by id.

    Lazy: a page of many records costs about that page, not a sort of all of them.
    """
    for _, group in groupby(reversed(items), key=created_at):
        together = list(group)
        if len(together) > 1:
            together.sort(key=lambda item: item.id)
        yield from together


def _cut(items: Iterator[T], page: PageRequest, *, total: int) -> Page[T]:
    start = (page.number - 1) * page.size
    found = list(islice(items, start, start + page.size)) if start < total else []
    return Page(found, page.number, page.size, total)


def _select(items: Iterable[T], matches: Callable[[T], bool], page: PageRequest) -> Page[T]:
    found = [item for item in items if matches(item)]
    return _cut(iter(found), page, total=len(found))
