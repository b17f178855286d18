"""Lists as plainly as they can be made: look at every row, sort, cut. The judge of queries and indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from emulator.rooms.index import Index, Order
from emulator.rooms.queries import Page, PageRequest
from emulator.rooms.records import Records

LONG_AGO = datetime.min.replace(tzinfo=UTC)


def listed(rows: Iterable[Any], at: Callable[[Any], datetime | None]) -> list[Any]:
    """Newest first, then by id; what has no time last."""
    by_id = sorted(rows, key=lambda row: row.id)
    return sorted(by_id, key=lambda row: (at(row) is not None, at(row) or LONG_AGO), reverse=True)


def page_of(
    rows: Iterable[Any], matches: Callable[[Any], bool], at: Callable[[Any], datetime | None], page: PageRequest
) -> Page[Any]:
    found = [row for row in listed(rows, at) if matches(row)]
    start = (page.number - 1) * page.size
    return Page(found[start : start + page.size], page.number, page.size, len(found))


def assert_indexed(records: Records) -> None:
    """Every index holds exactly the rows it should, in the order of the lists."""
    indexes = records.indexes
    _assert_holds(indexes.rooms, records.rooms.values(), lambda room: room.created_at)
    for name in ("room_id", "active"):
        _assert_holds(indexes.sessions, records.sessions.values(), lambda session: session.created_at, name)
    for name in ("session_id", "context"):
        _assert_holds(indexes.participants, records.participants.values(), lambda person: person.joined_at, name)
    for name in ("room_id", "session_id", "participant_id", "status", "kind"):
        _assert_holds(indexes.recordings, records.recordings.values(), lambda recording: recording.created_at, name)
    for name in ("session_id", "status"):
        _assert_holds(indexes.compositions, records.compositions.values(), lambda each: each.created_at, name)


def _assert_holds(
    index: Index[Any], rows: Iterable[Any], at: Callable[[Any], datetime | None], name: str | None = None
) -> None:
    rows = listed(rows, at)
    assert _ids(index.all) == [row.id for row in rows]
    if name is None:
        return
    values = {getattr(row, name) for row in rows} - {None, ""}
    for value in values:
        assert _ids(index.having(name, value)) == [row.id for row in rows if getattr(row, name) == value]
    assert not index.having(name, "a value that no row has")


def _ids(order: Order) -> list[str]:
    return list(order.newest(order.all()))
