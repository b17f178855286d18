"""State documents: parsed, refused by JSON pointer, written; a round trip is exact (issue "Admin API"; R-117)."""

from __future__ import annotations

import copy
import json
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.rooms import document
from emulator.rooms.account import Account
from emulator.rooms.composition import CompositionSettings
from emulator.rooms.errors import BadDocument, DomainError
from emulator.rooms.records import Records
from emulator.rooms.room import RoomSettings
from emulator.store.codec import decode, encode
from tests.rooms.kit import ACCOUNT_ID, join, make_account, make_room, told

ONE_ID = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"
"""The official SDK's own tests name a room, a session, a participant and a recording by it (R-4)."""
ROOM = "7b61621f-5fe4-4aad-ab11-9fd19e272e73"
SESSION = "8b61621f-5fe4-4aad-ab11-9fd19e272e73"
OTHER = "9b61621f-5fe4-4aad-ab11-9fd19e272e73"
TIME = "2021-04-16T09:46:20.954863Z"

FULL: dict[str, Any] = {
    "rooms": [
        {
            "id": ONE_ID,
            "unique_name": "standup",
            "max_participants": 7,
            "enable_recording": True,
            "video_codecs": ["h264"],
            "webhook_event_url": "https://example.com/hook",
            "webhook_event_failover_url": "https://failover.example.com",
            "webhook_timeout_secs": 0,
            "active_session_id": ONE_ID,
            "created_at": TIME,
            "updated_at": TIME,
        },
        {"id": ROOM},
    ],
    "room_sessions": [
        {"id": ONE_ID, "room_id": ONE_ID, "active": True, "created_at": TIME, "updated_at": TIME},
        {
            "id": SESSION,
            "room_id": ROOM,
            "active": False,
            "created_at": TIME,
            "updated_at": TIME,
            "ended_at": "2021-04-16T10:24:55.962200Z",
        },
    ],
    "room_participants": [
        {"id": ONE_ID, "session_id": ONE_ID, "context": "Alice", "joined_at": TIME, "updated_at": TIME},
        {"id": OTHER, "session_id": SESSION, "joined_at": TIME, "updated_at": TIME, "left_at": TIME},
    ],
    "room_recordings": [
        {
            "id": ONE_ID,
            "type": "audio",
            "room_id": ONE_ID,
            "session_id": ONE_ID,
            "participant_id": ONE_ID,
            "status": "completed",
            "codec": "opus",
            "duration_secs": 0,
            "size_mb": 5.6,
            "download_url": "https://www.example.com",
            "created_at": TIME,
            "started_at": TIME,
            "ended_at": TIME,
            "completed_at": TIME,
            "updated_at": TIME,
        },
        {"id": OTHER},
    ],
    "room_compositions": [
        {
            "id": ONE_ID,
            "room_id": ONE_ID,
            "session_id": ONE_ID,
            "user_id": OTHER,
            "status": "enqueued",
            "format": "mp4",
            "resolution": "800x600",
            "video_layout": {"first": {"width": 640, "height": 360, "z_pos": -3, "video_sources": [ONE_ID]}},
            "audio_sources": ["*"],
            "webhook_event_url": "https://example.com/film",
            "created_at": TIME,
            "updated_at": TIME,
        },
        {"id": OTHER, "video_layout": {"all": {"video_sources": "*"}}},
    ],
    "refresh_tokens": [{"room_id": ONE_ID, "token": "a literal one"}],
}


def loaded(wanted: Any) -> Account:
    account, _ = make_account()
    account.load_state(wanted)
    return account


def test_document_with_every_field_comes_back_as_it_went_in() -> None:
    """R-4: one UUID names several things at once."""
    assert loaded(FULL).export_state() == FULL


def test_document_stands_in_the_order_of_its_lists_and_fields() -> None:
    exported = loaded(FULL).export_state()
    assert json.dumps(loaded(exported).export_state()) == json.dumps(exported)
    assert json.dumps(exported) == json.dumps(FULL)


def test_null_empty_and_absent_mean_not_set_and_unknown_keys_are_ignored() -> None:
    rough: dict[str, Any] = {
        "comment": "for people",
        "rooms": [
            {"id": ROOM, "unique_name": "", "active_session_id": None, "note": 1, "sessions": [], "record_type": 3}
        ],
        "room_sessions": None,
        "room_participants": "",
        "room_recordings": [{"id": ROOM.upper(), "status": None, "type": "", "ended_at": None}],
        "room_compositions": [
            {"id": ROOM, "video_layout": {"a": {"width": None, "height": 16, "odd": True}}, "audio_sources": []}
        ],
    }
    assert loaded(rough).export_state() == {
        "rooms": [{"id": ROOM}],
        "room_sessions": [],
        "room_participants": [],
        "room_recordings": [{"id": ROOM}],
        "room_compositions": [{"id": ROOM, "video_layout": {"a": {"height": 16}}}],
        "refresh_tokens": [],
    }


def test_what_a_session_leaves_out_follows_from_the_rest() -> None:
    exported = loaded(
        {
            "rooms": [{"id": ROOM, "active_session_id": SESSION}, {"id": OTHER}],
            "room_sessions": [
                {"id": SESSION},
                {"id": OTHER, "room_id": OTHER},
                {"id": ONE_ID, "room_id": ROOM, "ended_at": TIME},
            ],
        }
    ).export_state()
    assert [room["active_session_id"] for room in exported["rooms"]] == [SESSION, OTHER]
    assert [(s["room_id"], s["active"]) for s in exported["room_sessions"]] == [
        (ROOM, True),
        (OTHER, True),
        (ROOM, False),
    ]


def test_parents_may_be_missing() -> None:
    account = loaded(
        {
            "room_sessions": [{"id": SESSION, "room_id": ROOM, "active": True}, {"id": OTHER}],
            "room_participants": [
                {"id": ONE_ID, "session_id": SESSION},
                {"id": OTHER, "session_id": ROOM},
                {"id": ROOM},
            ],
            "room_recordings": [{"id": ONE_ID, "session_id": OTHER}],
        }
    )
    assert [account.participant(i).present for i in (ONE_ID, OTHER, ROOM)] == [True, False, False]
    account.end_session(SESSION)
    assert not account.session(SESSION).active
    assert account.participant(ONE_ID).left_reason == "session_ended"


ACTIVE = {"id": SESSION, "room_id": ROOM, "active": True}
WRONG: list[tuple[str, Any, str, str]] = [
    ("no object", [], "", "a JSON object"),
    ("no list", {"rooms": {"id": ROOM}}, "/rooms", "a list"),
    ("no object in a list", {"rooms": [{"id": ROOM}, 3]}, "/rooms/1", "an object"),
    ("no id", {"room_recordings": [{"status": "completed"}]}, "/room_recordings/0/id", "a UUID, got none"),
    ("malformed id", {"rooms": [{"id": "R1"}]}, "/rooms/0/id", 'a UUID, got "R1"'),
    ("id twice", {"rooms": [{"id": ROOM}, {"id": ROOM}]}, "/rooms/1/id", "another id than /rooms/0 has"),
    (
        "name twice",
        {"rooms": [{"id": ROOM, "unique_name": "a"}, {"id": OTHER, "unique_name": "a"}]},
        "/rooms/1/unique_name",
        "another unique_name",
    ),
    ("wrong type", {"rooms": [{"id": ROOM, "unique_name": 3}]}, "/rooms/0/unique_name", "a string, got 3"),
    (
        "true for a number",
        {"rooms": [{"id": ROOM, "max_participants": True}]},
        "/rooms/0/max_participants",
        "an integer",
    ),
    (
        "too many",
        {"rooms": [{"id": ROOM, "max_participants": 51}]},
        "/rooms/0/max_participants",
        "from 2 to 50, got 51",
    ),
    (
        "word for boolean",
        {"rooms": [{"id": ROOM, "enable_recording": "no"}]},
        "/rooms/0/enable_recording",
        "true or false",
    ),
    ("no web URL", {"rooms": [{"id": ROOM, "webhook_event_url": "ftp://a"}]}, "/rooms/0/webhook_event_url", "http"),
    ("broken URL", {"rooms": [{"id": ROOM, "webhook_event_url": "http://[a"}]}, "/rooms/0/webhook_event_url", "http"),
    ("a date", {"rooms": [{"id": ROOM, "created_at": "2021-04-16"}]}, "/rooms/0/created_at", "a time with its zone"),
    ("no zone", {"rooms": [{"id": ROOM, "created_at": TIME[:-1]}]}, "/rooms/0/created_at", "a time with its zone"),
    (
        "before all",
        {"rooms": [{"id": ROOM, "created_at": "0001-01-01T00:00:00+02:00"}]},
        "/rooms/0/created_at",
        "a time",
    ),
    (
        "unknown active session",
        {"rooms": [{"id": ROOM, "active_session_id": SESSION}]},
        "/rooms/0/active_session_id",
        "one of the document's room_sessions",
    ),
    (
        "active session of another room",
        {"rooms": [{"id": ROOM, "active_session_id": SESSION}], "room_sessions": [{"id": SESSION, "room_id": OTHER}]},
        "/rooms/0/active_session_id",
        "/room_sessions/0 has another room_id",
    ),
    (
        "active session that is over",
        {"rooms": [{"id": ROOM, "active_session_id": SESSION}], "room_sessions": [{"id": SESSION, "active": False}]},
        "/rooms/0/active_session_id",
        "/room_sessions/0 is over",
    ),
    (
        "active and ended",
        {"room_sessions": [{**ACTIVE, "ended_at": TIME}]},
        "/room_sessions/0/active",
        "false",
    ),
    ("active nowhere", {"room_sessions": [{"id": SESSION, "active": True}]}, "/room_sessions/0/room_id", "the room"),
    (
        "two active sessions",
        {"room_sessions": [ACTIVE, {**ACTIVE, "id": OTHER}]},
        "/room_sessions/1/active",
        f"the room's active session is {SESSION}",
    ),
    ("odd status", {"room_recordings": [{"id": ROOM, "status": "enqueued"}]}, "/room_recordings/0/status", "one of"),
    (
        "negative",
        {"room_recordings": [{"id": ROOM, "duration_secs": -1}]},
        "/room_recordings/0/duration_secs",
        "at least 0",
    ),
    ("no amount", {"room_recordings": [{"id": ROOM, "size_mb": "5"}]}, "/room_recordings/0/size_mb", "a number"),
    (
        "huge amount",
        {"room_recordings": [{"id": ROOM, "size_mb": 10**400}]},
        "/room_recordings/0/size_mb",
        "a huge integer",
    ),
    (
        "odd region",
        {"room_compositions": [{"id": ROOM, "video_layout": {"a/b": {"width": 15}}}]},
        "/room_compositions/0/video_layout/a~1b/width",
        "at least 16, got 15",
    ),
    (
        "odd sources",
        {"room_compositions": [{"id": ROOM, "audio_sources": "*"}]},
        "/room_compositions/0/audio_sources",
        '["*"]',
    ),
    (
        "odd size",
        {"room_compositions": [{"id": ROOM, "resolution": "8x8"}]},
        "/room_compositions/0/resolution",
        "WIDTHxHEIGHT",
    ),
    ("no token", {"refresh_tokens": [{"room_id": ROOM}]}, "/refresh_tokens/0/token", "a string, got none"),
    ("no room of a token", {"refresh_tokens": [{"token": "t"}]}, "/refresh_tokens/0/room_id", "a UUID, got none"),
    (
        "token twice",
        {"refresh_tokens": [{"room_id": ROOM, "token": "t"}, {"room_id": OTHER, "token": "t"}]},
        "/refresh_tokens/1/token",
        "another token than /refresh_tokens/0 has",
    ),
]


@pytest.mark.parametrize(("wanted", "pointer", "says"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_document_changes_nothing_and_names_the_json_pointer(wanted: Any, pointer: str, says: str) -> None:
    account, _ = make_account()
    participant = join(account, make_room(account))
    before, number = copy.deepcopy(account.records), account.log.last_number
    with pytest.raises(BadDocument) as refused:
        account.load_state(wanted)
    assert refused.value.pointer == pointer
    assert says in str(refused.value)
    assert (account.records, account.log.last_number) == (before, number)
    assert participant.present


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5) | st.just(ROOM),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "width", "id"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_any_document_is_loaded_or_refused_and_its_round_trip_is_exact(data: st.DataObject) -> None:
    wanted = copy.deepcopy(FULL)
    kind = data.draw(st.sampled_from(list(FULL)))
    entry = wanted[kind][0]
    entry[data.draw(st.sampled_from(list(entry)))] = data.draw(json_values)
    try:
        account = loaded(wanted)
    except BadDocument as error:
        assert error.pointer.startswith("/")  # noqa: PT017 - either outcome is right
        return
    exported = account.export_state()
    again = loaded(exported)
    assert json.dumps(again.export_state()) == json.dumps(exported)
    assert again.records == account.records


def test_loading_sends_everybody_away_first() -> None:
    account, _ = make_account()
    room = make_room(account)
    join(account, room)
    number = account.log.last_number
    account.load_state(FULL)
    assert told(account, number) == ["participant_left", "session_ended", "state_loaded"]
    ended = account.log.since(number)[1].event
    assert ended.payload()["reason"] == "State replaced"
    assert list(account.records.rooms) == [ONE_ID, ROOM]


def test_reset_leaves_nothing() -> None:
    account = loaded(FULL)
    account.reset()
    assert account.records == Records()
    assert account.export_state() == {name: [] for name in FULL}


def test_imported_session_is_acted_upon_like_any_other() -> None:
    """Its participants have no socket: only the state changes."""
    account = loaded(FULL)
    account.mute(ONE_ID, "all")
    assert account.participant(ONE_ID).muted
    guest = join(account, account.room(ONE_ID), OTHER)
    assert guest.session_id == ONE_ID
    assert [person.id for person in account.records.present(account.session(ONE_ID))] == [ONE_ID, OTHER]
    account.kick(ONE_ID, [ONE_ID])
    assert account.session(ONE_ID).active
    account.leave(OTHER, connection=guest.connection, reason="left")
    assert not account.session(ONE_ID).active
    assert account.room(ONE_ID).active_session_id is None


def test_imported_session_without_anybody_stays_active_until_it_is_ended() -> None:
    """R-83."""
    account = loaded({"rooms": [{"id": ROOM}], "room_sessions": [ACTIVE]})
    account.kick(SESSION, "all")
    assert account.session(SESSION).active
    account.end_session(SESSION)
    assert not account.session(SESSION).active


def test_imported_participant_is_replaced_by_a_real_one_of_that_id() -> None:
    account = loaded(FULL)
    join(account, account.room(ONE_ID), ONE_ID, connection="c9")
    assert account.participant(ONE_ID).connection == "c9"
    assert len(account.records.present(account.session(ONE_ID))) == 1


def test_imported_room_without_a_limit_has_the_default_one() -> None:
    account = loaded({"rooms": [{"id": ROOM}]})
    for _ in range(10):
        join(account, account.room(ROOM))
    with pytest.raises(DomainError, match="max_participants is 10"):
        join(account, account.room(ROOM))


def test_deleted_room_takes_its_literal_refresh_tokens_along() -> None:
    account = loaded(FULL)
    account.delete_room(ONE_ID)
    assert account.records.refresh_tokens == {}


def test_snapshot_of_the_records_is_read_back_with_its_indexes() -> None:
    """What the store keeps instead of very many events."""
    account = loaded(FULL)
    again = decode(Records, json.loads(json.dumps(encode(account.records))))
    assert again == account.records
    assert list(again.indexes.sessions.having("active", True).newest(range(1))) == [ONE_ID]


def _do_anything(account: Account, rng: random.Random) -> None:
    people = [f"{number}0000000-0000-4000-8000-000000000001" for number in range(3)]
    who = rng.choice(people)
    rooms, sessions = list(account.records.rooms), [*account.records.sessions, None]
    match rng.randrange(9):
        case 0:
            name = rng.choice([None, "", "a", "b"])
            account.create_room(RoomSettings(unique_name=name, webhook_timeout_secs=rng.choice([None, 0, 3])))
        case 1 if rooms:
            account.delete_room(rng.choice(rooms))
        case 2 | 3 | 4 if rooms:
            account.join(rng.choice(rooms), who, context=rng.choice([None, "", "x"]), connection="c1")
        case 5:
            account.leave(who, connection="c1", reason="left")
        case 6:
            recording = account.start_recording(who, rng.choice(["audio", "video"]), None)
            if rng.random() < 0.5:
                account.complete_recording(recording.id, duration_secs=3, size_mb=rng.random(), ended_at=account.now())
        case 7:
            layout: dict[str, Any] | None = rng.choice([None, {}, {"a": {}}, {"a": {"width": 16, "video_sources": []}}])
            wanted = CompositionSettings(video_layout=layout, audio_sources=rng.choice([None, ["*"]]))
            composition = account.enqueue_composition(rng.choice(sessions), wanted, session_required=False)
            if rng.random() < 0.5:
                account.start_composition(composition.id)
        case 8 if len(sessions) > 1:
            account.end_session(rng.choice(sessions[:-1]) or "")


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32))
def test_export_after_any_commands_is_exact_when_loaded_elsewhere(seed: int) -> None:
    account, clock = make_account(seed=seed)
    rng = random.Random(seed)
    for _ in range(40):
        clock.jump(timedelta(milliseconds=rng.randrange(3)))
        try:
            _do_anything(account, rng)
        except DomainError:
            continue
    exported = json.dumps(account.export_state())
    assert json.dumps(loaded(json.loads(exported)).export_state()) == exported
    assert json.dumps(document.write(document.parse(json.loads(exported)), user_id=ACCOUNT_ID)) == exported
