"""Accounts over a restart: who they are, what they know, which ids they draw, what time it is."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from emulator.events import Record, StoreError
from emulator.rooms import happenings as h
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts
from emulator.rooms.errors import Duplicate
from emulator.travelling_clock import TravellingClock
from tests.rooms.kit import START, events, join, make_room
from tests.store.kit import KEY, Keeping


def test_names_are_still_unique(keeping: Keeping) -> None:
    """R-31."""
    with keeping.open() as opened:
        make_room(opened.account, unique_name="lunch")
    with keeping.open() as opened, pytest.raises(Duplicate):
        make_room(opened.account, unique_name="lunch")


def test_accounts_keep_their_keys_and_ids(keeping: Keeping) -> None:
    with keeping.open() as opened:
        made = {key: make_room(opened.accounts.add(key)).id for key in ("a", "b")}
        ids = {key: opened.accounts.by_key(key) for key in made}
    with keeping.open() as opened:
        for key, room_id in made.items():
            account = opened.accounts.by_key(key)
            assert account is not None
            assert list(account.records.rooms) == [room_id]
            assert account.id == ids[key].id  # type: ignore[union-attr]  # asserted above
            assert opened.accounts.by_id(account.id) is account


def test_a_key_that_is_not_configured_any_more_is_refused_and_its_account_kept(keeping: Keeping) -> None:
    """R-15."""
    with keeping.open() as opened:
        account_id = opened.account.id
        make_room(opened.account)
    with keeping.open(keys=["another"]) as opened:
        assert opened.accounts.by_key(KEY) is None
        assert opened.accounts.by_id(account_id) is not None


def test_no_id_comes_twice_with_a_seed(keeping: Keeping) -> None:
    """Also of tokens, which leave no trace in the log."""
    seen: list[str] = []
    for _ in range(4):
        with keeping.open(seed=7) as opened:
            make_room(opened.account)
            seen += [opened.account.new_id() for _ in range(3)]
            seen += [opened.account.new_token_id() for _ in range(3)]
    assert len(set(seen)) == len(seen)


def test_ids_of_a_first_start_are_those_of_an_emulator_that_keeps_nothing(keeping: Keeping) -> None:
    plain = Accounts(seed=7).by_key(KEY)
    assert plain is not None
    with keeping.open(seed=7) as opened:
        assert opened.account.new_id() == plain.new_id()


def test_ids_after_a_restart_are_repeatable(keeping: Keeping) -> None:
    other = Keeping(keeping.path.with_name("other"))
    drawn = []
    for directory in (keeping, other):
        for _ in range(2):
            with directory.open(seed=7) as opened:
                drawn.append(make_room(opened.account).id)
    assert drawn[:2] == drawn[2:]


def test_an_account_goes_on_with_the_seed_it_was_made_with(keeping: Keeping) -> None:
    with keeping.open(seed=7) as opened:
        make_room(opened.account)
    with keeping.open(seed=8) as opened:
        assert opened.account.new_id() == str(
            Account("x", clock=TravellingClock(), rng=random.Random("7, start 2")).new_id()
        )


def test_without_a_seed_ids_are_new_each_time(keeping: Keeping) -> None:
    for _ in range(2):
        with keeping.open(seed=None) as opened:
            make_room(opened.account)
    with keeping.open(seed=None) as opened:
        assert len(opened.account.records.rooms) == 2


def test_the_clock_never_goes_back_behind_the_last_event(keeping: Keeping) -> None:
    with keeping.open() as opened:
        assert isinstance(opened.account.clock, TravellingClock)
        opened.account.clock.jump(timedelta(days=3))
        make_room(opened.account)
    with keeping.open() as opened:
        assert opened.account.now() == START + timedelta(days=3)
        assert isinstance(opened.account.clock, TravellingClock)
        assert opened.account.clock.frozen, "as its maker has it"


def test_the_clock_goes_on_where_real_time_is(keeping: Keeping) -> None:
    with keeping.open() as opened:
        make_room(opened.account)
    with keeping.open() as opened:
        assert opened.account.now() == START + timedelta(minutes=1)


def test_sessions_that_were_live_are_ended_with_a_reason_once_all_are_watching(keeping: Keeping) -> None:
    heard: list[Record] = []
    with keeping.open() as opened:
        account = opened.account
        room = make_room(account)
        alice = join(account, room, "alice")
        account.offer_stream(
            "alice", connection="c1", stream_id="s", key="self", audio_enabled=True, video_enabled=True
        )
        account.announce_stream("alice", "s")
        join(account, room, "bob", connection="c2")
        last = account.log.last_number
    with keeping.open(watch=lambda account: account.log.subscribe(heard.append) and None) as opened:
        account = opened.account
        assert [record.event for record in heard] == events(account, last)
        assert [record.event for record in heard] == [
            h.StreamUnpublished(room.id, alice.session_id, "alice", "s", "self", True),
            h.ParticipantLeft(room.id, alice.session_id, "alice", "c1", "server_restarted"),
            h.ParticipantLeft(room.id, alice.session_id, "bob", "c2", "server_restarted"),
            h.SessionEnded(room.id, alice.session_id, "Emulator restarted"),
        ]
        assert {record.at for record in heard} == {START + timedelta(minutes=1)}
        assert account.room(room.id).active_session_id is None
        assert join(account, room, "alice").session_id != alice.session_id
    with keeping.open() as opened:
        assert opened.account.session(alice.session_id).ended_reason == "Emulator restarted"


def test_connections_are_not_named_twice(keeping: Keeping) -> None:
    with keeping.open() as opened:
        account = opened.account
        join(account, make_room(account), connection=account.new_connection())
        join(account, make_room(account), connection="by hand")
    with keeping.open() as opened:
        assert opened.account.new_connection() == "2"


def test_a_forgotten_account_is_gone_for_good(keeping: Keeping) -> None:
    with keeping.open() as opened:
        room = make_room(opened.account)
        join(opened.account, room)
        account = opened.accounts.forget(KEY)
        assert account is not None
        account.end_session(room.active_session_id or "")  # what is still going on in it, ends; nobody writes it
        assert keeping.sql("SELECT id FROM accounts UNION ALL SELECT type FROM events") == []
        assert opened.account.id != account.id
        make_room(opened.account)
    with keeping.open() as opened:
        assert len(opened.account.records.rooms) == 1


def test_an_account_that_cannot_be_removed_is_not_forgotten(keeping: Keeping) -> None:
    with keeping.open() as opened:
        account = opened.account
        make_room(account)
        keeping.sql("CREATE TRIGGER no BEFORE DELETE ON accounts BEGIN SELECT RAISE(FAIL, 'no'); END")
        with pytest.raises(StoreError):
            opened.accounts.forget(KEY)
        assert opened.account is account
        make_room(account)
