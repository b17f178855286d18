"""Replaying the log rebuilds the records (design.md, "The spine")."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.events import Event, Record
from emulator.rooms.account import Account
from emulator.rooms.errors import DomainError
from emulator.rooms.happenings import EVENT_TYPES
from emulator.rooms.records import Records
from emulator.rooms.room import RoomSettings
from emulator.values import value_class
from tests.rooms.kit import START, make_account


def _do_something(account: Account, rng: random.Random) -> None:
    rooms, people = list(account.records.rooms), [f"p{number}" for number in range(4)]
    sessions = list(account.records.sessions)
    participant_id = rng.choice(people)
    connection = f"c{rng.randrange(2)}"
    streams = account.records.participants.get(participant_id)
    stream_id = rng.choice([*(streams.streams if streams else ()), "s0", "s1"])
    act = rng.randrange(12)
    if act == 0 or not rooms:
        account.create_room(RoomSettings(unique_name=rng.choice([None, "a", "b"]), max_participants=2))
    elif act == 1:
        account.update_room(rng.choice(rooms), {"unique_name": rng.choice([None, "a", "c"])})
    elif act == 2 and rng.random() < 0.3:
        account.delete_room(rng.choice(rooms))
    elif act in (3, 4, 5):
        account.join(rng.choice(rooms), participant_id, context="x", connection=connection)
    elif act == 6:
        account.leave(participant_id, connection=connection, reason="left")
    elif act == 7:
        account.offer_stream(
            participant_id,
            connection=connection,
            stream_id=stream_id,
            key=rng.choice("kl"),
            audio_enabled=True,
            video_enabled=True,
        )
    elif act == 8:
        account.announce_stream(participant_id, stream_id)
    elif act == 9:
        account.change_stream(participant_id, stream_id, audio_enabled=rng.random() < 0.5, video_enabled=False)
    elif act == 10:
        account.unpublish(participant_id, stream_id)
    elif sessions:
        rng.choice([account.kick, account.mute, account.unmute])(rng.choice(sessions), [participant_id])


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32))
def test_replayed_events_give_the_same_records(seed: int) -> None:
    """Through JSON, as they will be stored; and whatever was refused on the way left no trace."""
    account, clock = make_account(seed=seed)
    rng = random.Random(seed)
    for _ in range(60):
        clock.jump(timedelta(milliseconds=rng.randrange(3)))
        number = account.log.last_number
        try:
            _do_something(account, rng)
        except DomainError:
            assert account.log.last_number == number
    replayed = Records()
    for record in account.log.since(0):
        stored = json.loads(json.dumps(record.as_json()))
        event = EVENT_TYPES[stored["type"]](**stored["payload"])
        assert event == record.event
        replayed.apply(Record(record.number, record.at, event))
    assert replayed == account.records
    assert list(replayed.participants) == list(account.records.participants)
    _check_rules(account.records)


def _check_rules(records: Records) -> None:
    """What must hold at any time."""
    named = {room.settings.unique_name: room.id for room in records.rooms.values() if room.settings.unique_name}
    assert named == records.rooms_by_name
    for session in records.sessions.values():
        present = records.present(session)
        assert session.active == bool(present)
        room = records.rooms.get(session.room_id)
        assert session.active == (room is not None and room.active_session_id == session.id)
        assert len(present) <= 2
    joined = [participant.joined_at or START for participant in records.participants.values()]
    assert joined == sorted(joined)
    for participant in records.participants.values():
        assert participant.present or not participant.streams
        keys = [stream.key for stream in participant.streams.values()]
        assert len(keys) == len(set(keys))


def test_event_of_a_foreign_kind_is_refused() -> None:
    @value_class(frozen=True, slots=True)
    class Odd(Event):
        type = "odd"

    with pytest.raises(TypeError, match="odd"):
        Records().apply(Record(1, START, Odd()))
