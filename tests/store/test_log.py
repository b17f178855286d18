"""The event log on disk: what is written is all there, exactly once, or there is a clear word for why not."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from emulator.events import HorizonError, StoreError
from emulator.rooms.records import Records
from emulator.rooms.room import RoomSettings
from emulator.store import log as store_log
from emulator.store.errors import Damaged, Unusable
from tests.rooms.kit import join, make_room
from tests.store.kit import KEY, Keeping


def test_what_was_told_is_told_again_after_a_restart(keeping: Keeping) -> None:
    with keeping.open() as opened:
        account = opened.account
        room = make_room(account, unique_name="lunch", webhook_event_url="https://example.com")
        account.update_room(room.id, {"unique_name": None, "max_participants": 3})
        other = make_room(account)
        account.delete_room(other.id)
        before, told, account_id = account.records, account.log.since(0), account.id
    with keeping.open() as opened:
        account = opened.account
        assert account.id == account_id
        assert account.records == before
        assert account.log.since(0) == told
        room = make_room(account)
        assert account.log.last_number == told[-1].number + 1
    with keeping.open() as opened:
        assert opened.account.room(room.id) == room


def test_an_account_without_events_leaves_no_trace(keeping: Keeping) -> None:
    """Keys cost nothing until something is made with them."""
    with keeping.open() as opened:
        for number in range(5):
            opened.accounts.by_key(f"key-{number}")
        make_room(opened.account)
    assert keeping.sql("SELECT key FROM accounts") == [(KEY,)]


def test_one_command_is_one_transaction(keeping: Keeping) -> None:
    """Half of it written: none of it is there."""
    with keeping.open() as opened:
        account = opened.account
        room = make_room(account)
        join(account, room, "alice")
        join(account, room, "bob", connection="c2")
        before = keeping.sql("SELECT count(*) FROM events")
        keeping.sql(
            "CREATE TRIGGER full BEFORE INSERT ON events WHEN NEW.type = 'session_ended' "
            "BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
        )
        with pytest.raises(StoreError, match="disk is full"):
            account.end_session(room.active_session_id or "")
        assert keeping.sql("SELECT count(*) FROM events") == before


def test_moments_are_not_written_and_their_numbers_are_not_given_out_again(keeping: Keeping) -> None:
    with keeping.open() as opened:
        account = opened.account
        join(account, make_room(account), "alice")
        kept = account.log.last_number
        for talking in (True, False):
            account.tell_talking("alice", stream_id=None, talking=talking)
        heard = account.log.last_number
        assert heard == kept + 2
    assert keeping.sql("SELECT max(number) FROM events") == [(kept,)]
    with keeping.open() as opened:
        numbers = [record.number for record in opened.account.log.since(kept)]
        assert numbers[0] > heard
    assert keeping.sql("SELECT count(*) FROM events WHERE type = 'talking_changed'") == [(0,)]


def test_moments_cost_a_write_only_now_and_then(keeping: Keeping) -> None:
    with keeping.open() as opened:
        account = opened.account
        join(account, make_room(account), "alice")
        for number in range(500):
            account.tell_talking("alice", stream_id=None, talking=number % 2 == 0)
        (given_out,) = keeping.sql("SELECT given_out FROM accounts")[0]
        assert given_out == 4 + store_log.NUMBERS_AHEAD  # after the first of them, number 4


# -- what cannot be read -----------------------------------------------------------------------------------------------


def one_room(keeping: Keeping) -> None:
    with keeping.open() as opened:
        make_room(opened.account, unique_name="first")
        make_room(opened.account, unique_name="second")


def opening_fails(keeping: Keeping) -> str:
    with pytest.raises(StoreError) as refusal, keeping.open():
        pass
    assert str(keeping.file) in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("type = 'room_painted'", "its type 'room_painted' is not known to this version"),
        ("payload = '{'", "Expecting property name"),
        ("payload = '[]'", "payload: expected an object"),
        ('payload = \'{"room_id": 7, "settings": {}}\'', "payload/room_id: expected a string, got 7"),
        ('payload = \'{"room_id": "x"}\'', "payload/settings: is missing"),
        ('payload = \'{"room_id": "x", "settings": {"colour": 1}}\'', "does not fit what came before"),
        ("type = 'room_deleted', payload = '{\"room_id\": \"never\"}'", "does not fit what came before"),
        ("payload = x'80'", "codec can't decode"),
        ("at = 'noon'", "at: expected a time in UTC"),
        ("at = 7", "at: expected a time in UTC"),
    ],
)
def test_a_damaged_event_is_named_with_file_account_and_number(keeping: Keeping, damage: str, complaint: str) -> None:
    one_room(keeping)
    keeping.sql(f"UPDATE events SET {damage} WHERE number = 2")
    (account_id,) = keeping.sql("SELECT id FROM accounts")[0]
    text = opening_fails(keeping)
    assert f"account {account_id}, event 2 cannot be used" in text
    assert complaint in text
    assert "move it away to begin anew" in text


def test_a_missing_event_is_noticed_where_the_next_one_does_not_fit(keeping: Keeping) -> None:
    with keeping.open() as opened:
        join(opened.account, make_room(opened.account))
    keeping.sql("DELETE FROM events WHERE type = 'session_started'")
    assert "event 3 cannot be used: it does not fit what came before" in opening_fails(keeping)


@pytest.mark.parametrize("content", [b"garbage " * 1000, b"SQLite format 3\0" + bytes(8000)])
def test_a_file_that_is_no_database_is_refused_with_a_clear_word(keeping: Keeping, content: bytes) -> None:
    keeping.path.mkdir()
    keeping.file.write_bytes(content)
    assert "cannot be" in opening_fails(keeping)


def test_a_torn_database_is_refused_with_a_clear_word(keeping: Keeping) -> None:
    one_room(keeping)
    whole = keeping.file.read_bytes()
    for torn in (whole[: len(whole) // 2], whole[:5000], whole[:4096] + bytes(len(whole) - 4096)):
        keeping.file.write_bytes(torn)
        opening_fails(keeping)


def test_an_empty_file_is_a_new_database(keeping: Keeping) -> None:
    """What a start leaves that was killed before it had written anything."""
    keeping.path.mkdir()
    keeping.file.touch()
    one_room(keeping)


def test_the_database_of_another_program_is_left_alone(keeping: Keeping) -> None:
    keeping.path.mkdir()
    keeping.sql("CREATE TABLE recipes (name TEXT)")
    before = keeping.file.read_bytes()
    assert "is a database of another program" in opening_fails(keeping)
    assert keeping.file.read_bytes() == before


def test_a_database_of_another_format_is_left_alone(keeping: Keeping) -> None:
    one_room(keeping)
    keeping.sql("PRAGMA user_version = 99")
    assert "has the format 99, this version of the emulator reads 1" in opening_fails(keeping)


def test_a_database_that_another_process_holds_is_refused_with_a_clear_word(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.store.database.BUSY_SECS", 0.01)
    one_room(keeping)
    holder = sqlite3.connect(keeping.file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert "database is locked" in opening_fails(keeping)
    holder.close()
    with keeping.open() as opened:
        assert len(opened.account.records.rooms) == 2


def test_a_database_that_is_a_directory_is_refused(keeping: Keeping) -> None:
    keeping.file.mkdir(parents=True)
    with pytest.raises(Unusable, match="cannot be opened: Is a directory"), keeping.open():
        pass


def test_a_wrong_seed_is_damage(keeping: Keeping) -> None:
    one_room(keeping)
    keeping.sql("UPDATE accounts SET seed = 'seven'")
    with pytest.raises(Damaged, match="'seven' for a seed"), keeping.open():
        pass


# -- snapshots ---------------------------------------------------------------------------------------------------------


def test_very_many_events_are_replaced_by_a_snapshot_at_a_start(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.store.log.COMPACT_ABOVE", 10)
    with keeping.open() as opened:
        account = opened.account
        rooms = [make_room(account, unique_name=f"room {number}") for number in range(4)]
        for room in rooms[:2]:
            for person in ("alice", "bob", "alice"):
                join(account, room, f"{person} in {room.id}", connection="12")
        assert account.log.last_number > 10
    with keeping.open() as opened:  # ends the sessions, then compacts
        records, last = opened.account.records, opened.account.log.last_number
    assert keeping.sql("SELECT count(*) FROM events") == [(0,)]
    assert keeping.sql("SELECT number FROM snapshots") == [(last,)]
    with keeping.open() as opened:
        account = opened.account
        assert account.records == records
        for kind in ("rooms", "sessions", "participants"):
            assert list(getattr(account.records, kind)) == list(getattr(records, kind)), "order is kept"
        assert account.log.last_number == last
        assert account.new_connection() == "13"
        room = make_room(account)
    assert keeping.sql("SELECT number FROM events") == [(last + 1,)]
    with keeping.open() as opened:
        assert room.id in opened.account.records.rooms


@pytest.mark.parametrize("damage", ["'{'", "'{}x'", "'{\"rooms\": []}'", "'{\"colour\": []}'", "'null'", "x'80'"])
def test_a_damaged_snapshot_is_named(keeping: Keeping, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    monkeypatch.setattr("emulator.store.log.COMPACT_ABOVE", 1)
    one_room(keeping)
    with keeping.open():
        pass
    keeping.sql(f"UPDATE snapshots SET state = {damage}")
    assert "the snapshot up to event 2 cannot be used" in opening_fails(keeping)


def test_events_before_a_snapshot_are_answered_as_forgotten(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.store.log.COMPACT_ABOVE", 1)
    one_room(keeping)
    with keeping.open():
        pass
    with keeping.open() as opened:
        with pytest.raises(HorizonError):
            opened.account.log.since(0)
        assert opened.account.log.since(2) == []


def test_whatever_json_text_holds_survives(keeping: Keeping) -> None:
    """Half a surrogate pair is legal in JSON, and no legal UTF-8."""
    context: Any = json.loads('"half \\ud800, nul \\u0000, \\u2028 and \\"quotes\\""')
    with keeping.open() as opened:
        account = opened.account
        room = account.create_room(RoomSettings(unique_name=context))
        account.join(room.id, "alice", context=context, connection="1")
    with keeping.open() as opened:
        assert opened.account.participant("alice").context == context
        assert opened.account.records.rooms_by_name == {context: room.id}
        assert isinstance(opened.account.records, Records)
