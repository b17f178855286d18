"""Commands: they check first, then tell; a refused one changes nothing."""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from emulator.events import Record
from emulator.rooms import happenings as h
from emulator.rooms.account import MAX_STREAMS_PER_PARTICIPANT, Account
from emulator.rooms.errors import Conflict, Duplicate, Invalid, NotFound, RoomFull, SessionOver
from emulator.rooms.participant import Participant
from emulator.rooms.room import RoomSettings
from tests.rooms.kit import events, join, make_account, make_room, told


def offer(account: Account, participant: Participant, stream_id: str, key: str) -> None:
    account.offer_stream(
        participant.id,
        connection=participant.connection,
        stream_id=stream_id,
        key=key,
        audio_enabled=True,
        video_enabled=False,
    )


def test_equal_seeds_give_equal_ids_and_other_seeds_others() -> None:
    first, second, third = (make_room(make_account(seed=seed)[0]).id for seed in (7, 7, 8))
    assert first == second != third


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"max_participants": 1}, "max_participants"),
        ({"max_participants": 51}, "max_participants"),
        ({"webhook_timeout_secs": -1}, "webhook_timeout_secs"),
        ({"webhook_timeout_secs": 31}, "webhook_timeout_secs"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(settings: dict[str, int], field: str) -> None:
    """R-27, R-28."""
    account, _ = make_account()
    with pytest.raises(Invalid) as refused:
        make_room(account, **settings)
    assert refused.value.field == field
    assert told(account) == []


def test_refused_update_changes_nothing() -> None:
    """R-35: also when only one of several values is wrong."""
    account, clock = make_account()
    make_room(account, unique_name="taken")
    room = make_room(account, unique_name="mine")
    before = copy.deepcopy(room)
    clock.jump(timedelta(seconds=1))
    with pytest.raises(Duplicate):
        account.update_room(room.id, {"max_participants": 5, "unique_name": "taken"})
    with pytest.raises(Invalid):
        account.update_room(room.id, {"unique_name": "new", "max_participants": 500})
    assert room == before
    assert account.records.rooms_by_name == {"taken": next(iter(account.records.rooms)), "mine": room.id}


def test_session_starts_before_its_first_participant_and_ends_after_the_last() -> None:
    """R-71, R-72, and the natural order of section 5."""
    account, _ = make_account()
    room = make_room(account)
    first, second = join(account, room), join(account, room)
    for participant in (first, second):
        account.leave(participant.id, connection="c1", reason="left")
    assert told(account, 1) == [
        "session_started",
        "participant_joined",
        "participant_joined",
        "participant_left",
        "participant_left",
        "session_ended",
    ]
    assert room.active_session_id is None


def test_subscribers_hear_after_the_command_and_before_its_caller() -> None:
    """design.md, "The spine": the state is complete when the first of its events is heard."""
    account, _ = make_account()
    room = make_room(account)
    heard: list[tuple[str, bool]] = []

    def look(record: Record) -> None:
        heard.append((record.event.type, bool(account.records.participants)))

    account.log.subscribe(look)
    join(account, room)
    assert heard == [("session_started", True), ("participant_joined", True)]


def test_subscribers_of_some_kinds_hear_those_until_they_leave_and_all_hear_in_one_order() -> None:
    account, _ = make_account()
    heard: list[tuple[str, str]] = []

    def hear(who: str) -> Callable[[Record], None]:
        return lambda record: heard.append((who, record.event.type))

    account.log.subscribe(hear("first"))
    leave = account.log.subscribe(hear("sessions"), h.SessionEvent)
    room = make_room(account)
    account.log.subscribe(hear("last"), h.RoomCreated, h.SessionStarted)  # when a room has been told of already
    make_room(account)
    join(account, room)
    leave()
    account.delete_room(room.id)
    assert heard == [
        ("first", "room_created"),
        ("first", "room_created"),
        ("last", "room_created"),
        *[("first", "session_started"), ("sessions", "session_started"), ("last", "session_started")],
        *[("first", "participant_joined"), ("sessions", "participant_joined")],
        *[("first", "participant_left"), ("first", "session_ended"), ("first", "room_deleted")],
    ]


def test_ids_are_what_the_standard_library_makes_of_the_same_draws() -> None:
    account, _ = make_account(seed=7)
    twin = random.Random(7)
    twin.getrandbits(128)  # the seed of the account's other generators
    made = [account.new_id() for _ in range(1_000)]
    assert made == [str(uuid.UUID(int=twin.getrandbits(128), version=4)) for _ in made]


def test_room_full_is_refused_and_tells_nothing() -> None:
    """R-84."""
    account, _ = make_account()
    room = make_room(account, max_participants=2)
    join(account, room)
    join(account, room)
    number = account.log.last_number
    with pytest.raises(RoomFull):
        join(account, room)
    assert account.log.last_number == number


def test_same_participant_again_replaces_the_connection_and_counts_once() -> None:
    """Also in a full room; the session goes on, and the old connection's goodbye has no effect."""
    account, _ = make_account()
    room = make_room(account, max_participants=2)
    old = join(account, room, "alice", connection="c1")
    join(account, room, "bob")
    new = join(account, room, "alice", connection="c2")
    assert (new.session_id, new.connection, new.present) == (old.session_id, "c2", True)
    assert told(account, 4) == ["participant_left", "participant_joined"]
    account.leave("alice", connection="c1", reason="lost")
    assert new.present


def test_alone_and_again_keeps_the_session() -> None:
    account, _ = make_account()
    room = make_room(account)
    session_id = join(account, room, "alice", connection="c1").session_id
    assert join(account, room, "alice", connection="c2").session_id == session_id
    assert room.active_session_id == session_id


def test_participant_present_elsewhere_is_refused() -> None:
    account, _ = make_account()
    here, there = make_room(account), make_room(account)
    join(account, here, "alice")
    with pytest.raises(Conflict):
        join(account, there, "alice")
    assert there.active_session_id is None


def test_joining_an_unknown_or_deleted_room_is_refused() -> None:
    """R-39."""
    account, _ = make_account()
    room = make_room(account)
    account.delete_room(room.id)
    with pytest.raises(NotFound):
        join(account, room)


def test_deleting_a_room_throws_out_and_ends_before_it_is_gone() -> None:
    """R-38."""
    account, _ = make_account()
    room = make_room(account)
    participant = join(account, room)
    account.delete_room(room.id)
    assert told(account, 3) == ["participant_left", "session_ended", "room_deleted"]
    assert participant.left_reason == "room_deleted"
    assert account.session(participant.session_id).ended_reason == "Room deleted"
    with pytest.raises(NotFound):
        account.delete_room(room.id)


def test_stream_is_announced_once_and_ends_with_its_participant() -> None:
    account, _ = make_account()
    participant = join(account, make_room(account))
    offer(account, participant, "s1", "self")
    offer(account, participant, "s2", "screen")
    account.announce_stream(participant.id, "s1")
    account.announce_stream(participant.id, "s1")
    account.announce_stream(participant.id, "unknown")
    account.kick(participant.session_id, "all")
    assert told(account, 3) == [
        "stream_offered",
        "stream_offered",
        "stream_published",
        "stream_unpublished",
        "stream_unpublished",
        "participant_left",
        "session_ended",
    ]
    ended = [event for event in events(account) if isinstance(event, h.StreamUnpublished)]
    assert [(event.stream_id, event.announced) for event in ended] == [("s1", True), ("s2", False)]


def test_one_stream_is_one_participant_and_key() -> None:
    account, _ = make_account()
    participant = join(account, make_room(account))
    offer(account, participant, "s1", "self")
    with pytest.raises(Conflict, match="key"):
        offer(account, participant, "s2", "self")
    with pytest.raises(Conflict, match="id"):
        offer(account, participant, "s1", "screen")
    account.unpublish(participant.id, "s1")
    account.unpublish(participant.id, "s1")
    offer(account, participant, "s1", "self")


def test_streams_of_one_participant_are_bounded() -> None:
    account, _ = make_account()
    participant = join(account, make_room(account))
    for number in range(MAX_STREAMS_PER_PARTICIPANT):
        offer(account, participant, f"s{number}", f"k{number}")
    with pytest.raises(Conflict, match="at most"):
        offer(account, participant, "more", "more")


def test_stream_of_a_connection_that_is_gone_is_refused() -> None:
    account, _ = make_account()
    room = make_room(account)
    old = copy.copy(join(account, room, "alice", connection="c1"))
    join(account, room, "alice", connection="c2")
    with pytest.raises(NotFound):
        offer(account, old, "s1", "self")


def test_changed_flags_are_told_once() -> None:
    account, _ = make_account()
    participant = join(account, make_room(account))
    offer(account, participant, "s1", "self")
    number = account.log.last_number
    for _ in range(2):
        account.change_stream(participant.id, "s1", audio_enabled=False, video_enabled=True)
    assert told(account, number) == ["stream_changed"]
    with pytest.raises(NotFound):
        account.change_stream(participant.id, "unknown", audio_enabled=True, video_enabled=True)


def test_mute_is_told_once_and_forgotten_by_a_new_join() -> None:
    """R-81."""
    account, _ = make_account()
    room = make_room(account)
    participant = join(account, room, "alice")
    number = account.log.last_number
    for _ in range(2):
        account.mute(participant.session_id, "all")
    assert told(account, number) == ["participant_muted"]
    for _ in range(2):
        account.unmute(participant.session_id, ["alice"])
    assert told(account, number) == ["participant_muted", "participant_unmuted"]


@pytest.mark.parametrize("action", ["kick", "mute", "unmute", "end_session"])
def test_nothing_can_be_done_to_a_session_that_is_over_or_unknown(action: str) -> None:
    """R-75, R-76."""
    account, _ = make_account()
    session_id = join(account, make_room(account)).session_id
    account.end_session(session_id)
    arguments = () if action == "end_session" else ("all",)
    with pytest.raises(SessionOver, match="No private_ip for room"):
        getattr(account, action)(session_id, *arguments)
    with pytest.raises(NotFound):
        getattr(account, action)("unknown", *arguments)


def test_updated_settings_are_whole_and_immutable() -> None:
    account, _ = make_account()
    room = make_room(account, unique_name="a")
    before = room.settings
    account.update_room(room.id, {"max_participants": 3})
    assert before == RoomSettings(unique_name="a")
    assert room.settings == RoomSettings(unique_name="a", max_participants=3)
