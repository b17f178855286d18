"""What cannot be written has not happened, or, where it has happened all the same, is told once it is written."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from emulator.events import Event, EventLog, Record, StoreError
from emulator.rooms import happenings as h
from emulator.rooms.account import Account
from emulator.rooms.errors import Duplicate
from emulator.store.log import AccountArchive
from tests.rooms.kit import join, make_account, make_room, told
from tests.store.kit import Keeping, Opened


class Full:
    """Stands for a disk that is full while `full` is set; counts what was asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.asked = 0
        write = AccountArchive.write

        def maybe(archive: AccountArchive, records: Sequence[Record]) -> None:
            self.asked += 1
            if self.full:
                raise StoreError("the disk is full")
            write(archive, records)

        monkeypatch.setattr(AccountArchive, "write", maybe)

    @contextmanager
    def here(self) -> Any:
        self.full = True
        yield
        self.full = False


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Full:
    return Full(monkeypatch)


@pytest.fixture
def opened(disk: Full, keeping: Keeping) -> Any:
    with keeping.open() as opened:
        yield opened


@pytest.fixture
def heard(opened: Opened) -> list[Event]:
    heard: list[Event] = []
    opened.account.log.subscribe(lambda record: heard.append(record.event))
    return heard


def test_a_request_that_cannot_be_written_has_not_happened(opened: Opened, disk: Full, heard: list[Event]) -> None:
    account = opened.account
    room = make_room(account, unique_name="lunch")
    join(account, room, "alice")
    before, last, said = copy.deepcopy(account.records), account.log.last_number, list(heard)
    session_id = account.participant("alice").session_id
    requests = [
        lambda: make_room(account, unique_name="standup"),
        lambda: account.update_room(room.id, {"unique_name": "brunch"}),
        lambda: join(account, room, "bob", connection="c2"),
        lambda: join(account, room, "alice", connection="c3"),
        lambda: account.offer_stream(
            "alice", connection="c1", stream_id="s", key="self", audio_enabled=True, video_enabled=True
        ),
        lambda: account.mute(session_id, "all"),
        lambda: account.kick(session_id, "all"),
        lambda: account.end_session(session_id),
        lambda: account.delete_room(room.id),
    ]
    with disk.here():
        for request in requests:
            with pytest.raises(StoreError, match="the disk is full"):
                request()
            assert account.records == before
            assert account.log.last_number == last
            assert heard == said
    for request in (requests[0], requests[1], requests[-1]):
        request()
    numbers = [record.number for record in account.log.since(0)]
    assert numbers == list(range(1, len(numbers) + 1))
    with pytest.raises(Duplicate):
        make_room(account, unique_name="standup")


def test_facts_are_told_when_they_are_written_and_requests_wait_for_them(
    opened: Opened, disk: Full, heard: list[Event], keeping: Keeping
) -> None:
    account = opened.account
    room = make_room(account)
    for person, connection in (("alice", "c1"), ("bob", "c2")):
        join(account, room, person, connection=connection)
    account.offer_stream("bob", connection="c2", stream_id="s", key="k", audio_enabled=True, video_enabled=True)
    said, last = list(heard), account.log.last_number
    with disk.here():
        account.leave("alice", connection="c1", reason="lost")
        account.announce_stream("bob", "s")
        account.tell_talking("bob", stream_id="s", talking=True)
        assert not account.participant("alice").present, "she has gone, whatever the disk says"
        assert heard == said, "but nobody hears of it before it is written"
        assert account.log.since(last) == []
        assert account.log.last_number == last
        assert account.log.behind
        with pytest.raises(StoreError):
            make_room(account)
        opened.accounts.write_pending()
        assert heard == said
        account.unpublish("bob", "s")
    opened.accounts.write_pending()
    assert not account.log.behind
    assert [event.type for event in heard[len(said) :]] == [
        "participant_left",
        "stream_published",
        "stream_unpublished",
    ]
    assert len(account.records.rooms) == 1, "the refused request has left nothing"
    assert keeping.sql("SELECT type FROM events ORDER BY number DESC LIMIT 1") == [("stream_unpublished",)]


def test_the_next_request_writes_what_waited_before_it(opened: Opened, disk: Full, heard: list[Event]) -> None:
    account = opened.account
    room = make_room(account)
    join(account, room, "alice")
    with disk.here():
        account.leave("alice", connection="c1", reason="left")
    make_room(account)
    assert [event.type for event in heard[-3:]] == ["participant_left", "session_ended", "room_created"]


def test_moments_do_not_pile_up_while_the_disk_is_full(opened: Opened, disk: Full, heard: list[Event]) -> None:
    account = opened.account
    join(account, make_room(account), "alice")
    account.tell_talking("alice", stream_id=None, talking=True)
    with disk.here():
        account.announce_stream("alice", "none")
        for number in range(100):
            account.tell_talking("alice", stream_id=None, talking=number % 2 == 0)
        account.leave("alice", connection="c1", reason="left")
    make_room(account)
    assert [type(event) for event in heard[-3:]] == [h.ParticipantLeft, h.SessionEnded, h.RoomCreated]
    assert heard == [record.event for record in account.log.since(0)], "what was dropped is nowhere"


def test_a_failed_write_in_a_subscriber_undoes_only_that(opened: Opened, disk: Full) -> None:
    account = opened.account
    refused: list[StoreError] = []

    def follow(record: Record) -> None:
        if isinstance(record.event, h.RoomCreated) and not refused:
            with disk.here():
                try:
                    account.update_room(record.event.room_id, {"max_participants": 3})
                except StoreError as error:
                    refused.append(error)

    account.log.subscribe(follow)
    room = make_room(account)
    assert refused
    assert account.room(room.id).settings.max_participants == 10
    assert told(account) == ["room_created"]


def test_state_that_cannot_be_set_back_accepts_nothing_more(
    opened: Opened, disk: Full, heard: list[Event], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk can be neither written nor read: a restart is all that helps, and what is written is untouched."""
    account = opened.account
    room = make_room(account)
    join(account, room, "alice")
    said = list(heard)

    def broken(*_: object) -> None:
        raise StoreError("the disk is gone")

    with disk.here():
        monkeypatch.setattr(AccountArchive, "replay", broken)
        with pytest.raises(StoreError, match="full"):
            make_room(account)
    for _ in range(2):
        with pytest.raises(StoreError, match="gone"):
            make_room(account)
    with caplog.at_level(logging.WARNING):
        account.leave("alice", connection="c1", reason="left")
    assert "2 events wait for the store: the disk is gone" in caplog.text
    opened.accounts.write_pending()
    assert heard == said


def test_a_refused_command_costs_no_write(opened: Opened, disk: Full) -> None:
    make_room(opened.account, unique_name="lunch")
    asked = disk.asked
    with pytest.raises(Duplicate):
        make_room(opened.account, unique_name="lunch")
    assert disk.asked == asked


class Picky:
    """A keeper that writes nothing of one type."""

    def __init__(self) -> None:
        self.written: list[list[int]] = []

    def write(self, records: Sequence[Record]) -> None:
        if any(isinstance(record.event, h.RoomDeleted) for record in records):
            raise StoreError("no")
        self.written.append([record.number for record in records])


def test_all_records_of_the_outermost_command_are_written_together() -> None:
    account, _ = make_account()
    keeper = Picky()
    account.log.keep(keeper)
    room = make_room(account)
    join(account, room)
    with account.log.command():
        make_room(account)
        make_room(account)
    assert keeper.written == [[1], [2, 3], [4, 5]]
    account.log.keep(None)
    make_room(account)
    assert len(keeper.written) == 3


def test_a_log_whose_command_is_taken_back_gives_its_numbers_anew() -> None:
    """Also when the bound of what is kept in memory has been reached."""
    _, clock = make_account()
    log = EventLog(clock, horizon=3)
    undone: list[int] = []
    log.keep(Picky(), lambda: undone.append(log.last_number))
    for number in range(3):
        with log.command():
            log.append(h.SessionStarted(f"room-{number}", "s"))

    def delete_five() -> None:
        with log.command():
            for number in range(5):
                log.append(h.RoomDeleted(f"room-{number}"))

    with pytest.raises(StoreError):
        delete_five()
    assert undone == [3]
    with log.command():
        log.append(h.SessionStarted("room", "s"))
    assert [record.number for record in log.since(3)] == [4]
    assert isinstance(log.since(3)[0].event, h.SessionStarted)


def test_the_store_is_told_of_by_account(opened: Opened, disk: Full) -> None:
    """One account behind does not hold up another: each has its own log."""
    other: Account = opened.accounts.add("other")
    join(opened.account, make_room(opened.account), "alice")
    with disk.here():
        opened.account.leave("alice", connection="c1", reason="left")
    make_room(other)
    assert opened.account.log.behind
    assert not other.log.behind
