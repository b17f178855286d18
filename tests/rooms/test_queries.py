"""Filters, order and pages, without HTTP: R-42 to R-58."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.rooms import queries
from emulator.rooms.queries import DateFilter, Page, PageRequest, ParticipantFilter, RoomFilter, SessionFilter
from tests.rooms.kit import join, make_account, make_room
from tests.rooms.naive import listed

DAY = date(2026, 9, 17)


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (DateFilter(), True),
        (DateFilter(eq=DAY), True),
        (DateFilter(eq=date(2026, 9, 16)), False),
        (DateFilter(gte=DAY, lte=DAY), True),
        (DateFilter(gte=date(2026, 9, 18)), False),
        (DateFilter(lte=date(2026, 9, 16)), False),
        (DateFilter(eq=DAY, gte=date(2026, 9, 18)), False),
    ],
)
def test_dates_are_inclusive_and_utc(wanted: DateFilter, matches: bool) -> None:
    """R-50: the last microsecond of the day, told in another zone where it is the next day."""
    last = datetime(2026, 9, 17, 23, 59, 59, 999999, tzinfo=UTC)
    assert wanted.matches(last) == matches
    assert wanted.matches(last.astimezone(timezone(timedelta(hours=5)))) == matches


def test_unset_date_matches_only_no_filter() -> None:
    """R-53."""
    assert DateFilter().matches(None)
    assert not DateFilter(gte=date.min).matches(None)


@pytest.mark.parametrize(("total", "size", "pages"), [(0, 20, 0), (1, 20, 1), (20, 20, 1), (21, 20, 2), (5, 1, 5)])
def test_total_pages_are_rounded_up(total: int, size: int, pages: int) -> None:
    """R-45."""
    assert Page([], 1, size, total).total_pages == pages


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 7))
def test_pages_walk_everything_once_newest_first_then_by_id(seed: int, size: int) -> None:
    """R-46: with several records of one instant, too."""
    account, clock = make_account(seed=seed)
    rng = random.Random(seed)
    for _ in range(rng.randrange(20)):
        make_room(account)
        clock.jump(timedelta(seconds=rng.randrange(2)))
    walked = []
    number = 1
    while True:
        page = queries.list_rooms(account.records, RoomFilter(), PageRequest(number, size))
        assert page.total_results == len(account.records.rooms)
        walked += page.items
        if number >= page.total_pages:
            break
        number += 1
    assert walked == listed(account.records.rooms.values(), lambda room: room.created_at)


def test_page_far_past_the_end_is_empty() -> None:
    """R-47."""
    account, _ = make_account()
    make_room(account)
    page = queries.list_rooms(account.records, RoomFilter(), PageRequest(10**30, 250))
    assert (page.items, page.total_results, page.total_pages) == ([], 1, 1)


def test_name_is_found_by_the_index_and_still_checked_against_other_filters() -> None:
    """R-49, R-51."""
    account, _ = make_account()
    room = make_room(account, unique_name="a")
    make_room(account, unique_name="b")

    def found(wanted: RoomFilter) -> list[str]:
        return [room.id for room in queries.list_rooms(account.records, wanted, PageRequest()).items]

    assert found(RoomFilter(unique_name="a")) == [room.id]
    assert found(RoomFilter(unique_name="c")) == []
    assert found(RoomFilter(unique_name="a", created_at=DateFilter(eq=date(1999, 1, 1)))) == []


def test_sessions_of_a_deleted_room_are_still_found() -> None:
    """R-40."""
    account, _ = make_account()
    room = make_room(account)
    session_id = join(account, room).session_id
    join(account, make_room(account))
    account.delete_room(room.id)
    found = queries.list_sessions(account.records, SessionFilter(room_id=room.id), PageRequest())
    assert [session.id for session in found.items] == [session_id]


def test_participant_who_comes_back_is_the_newest() -> None:
    account, clock = make_account()
    room = make_room(account)
    for participant_id, connection in (("alice", "c1"), ("bob", "c1"), ("alice", "c2")):
        session_id = join(account, room, participant_id, connection=connection).session_id
        clock.jump(timedelta(seconds=1))
    for wanted in (ParticipantFilter(), ParticipantFilter(session_id=session_id)):
        found = queries.list_participants(account.records, wanted, PageRequest())
        assert [participant.id for participant in found.items] == ["alice", "bob"]
        assert found.total_results == 2


def test_unknown_session_has_no_participants() -> None:
    account, _ = make_account()
    join(account, make_room(account))
    assert queries.list_participants(account.records, ParticipantFilter(session_id="x"), PageRequest()).items == []
