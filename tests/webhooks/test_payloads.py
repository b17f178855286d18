"""What webhooks tell, and in which order: at a receiver, from an account's commands."""

from __future__ import annotations

import re
from datetime import timedelta

from emulator.rooms import happenings as h
from emulator.travelling_clock import TravellingClock
from emulator.webhooks.envelope import EVENT_TYPES
from tests.webhooks.receiver import Receiver
from tests.webhooks.world import World, tell

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

PAYLOAD_KEYS = {
    "video.room.session.started": {"session_id", "room_id"},
    "video.room.session.ended": {"session_id", "room_id", "duration_secs", "ended_reason"},
    "video.room.participant.joined": {"session_id", "room_id", "context", "participant_id"},
    "video.room.participant.left": {
        "session_id", "room_id", "context", "participant_id", "duration_secs", "left_reason",
    },
    "video.room.recording.started": {"session_id", "room_id", "participant_id", "recording_id", "type"},
    "video.room.recording.completed": {
        "session_id", "room_id", "participant_id", "recording_id", "type",
        "size_mb", "download_url", "codec", "duration_secs",
    },
    "video.room.composition.completed": {
        "composition_id", "download_url", "duration_secs", "format", "resolution", "room_id", "session_id", "size_mb",
    },
}  # fmt: skip
"""rest-and-webhooks.md, section 5, in our words."""


def started(room_id: str, session_id: str, participant_id: str, recording_id: str = "rec-1") -> h.RecordingStarted:
    return h.RecordingStarted(room_id, session_id, participant_id, recording_id, "audio", "opus")


def completed(room_id: str, session_id: str, participant_id: str, recording_id: str = "rec-1") -> h.RecordingCompleted:
    return h.RecordingCompleted(
        room_id, session_id, participant_id, recording_id, "audio", "opus", 41, 0.5, "2026-09-17T20:00:42.000000Z"
    )


def enqueued(room_id: str | None, session_id: str | None, url: str | None) -> h.CompositionEnqueued:
    settings = {"format": "mp4", "resolution": "640x360", "webhook_event_url": url}
    return h.CompositionEnqueued("comp-1", room_id, session_id, settings)


def composed() -> h.CompositionCompleted:
    return h.CompositionCompleted("comp-1", 40, 1.25, "2026-09-17T20:00:00.000000Z", "2026-09-17T20:00:40.000000Z")


async def test_each_of_the_seven_events_has_exactly_its_payload_keys(frozen: World, receiver: Receiver) -> None:
    """R-102; and the natural order of emission, although the log has it otherwise."""
    room = frozen.room(receiver.url)
    alice = frozen.join(room)
    ids = (room.id, alice.session_id, alice.id)
    tell(frozen.account, started(*ids))
    frozen.leave(alice)
    tell(frozen.account, completed(*ids))
    await frozen.drained()
    tell(frozen.account, enqueued(room.id, alice.session_id, receiver.url))
    tell(frozen.account, h.CompositionProcessing("comp-1"))
    tell(frozen.account, composed())
    await frozen.drained()
    assert receiver.types == [
        "session.started",
        "participant.joined",
        "recording.started",
        "participant.left",
        "recording.completed",
        "session.ended",
        "composition.completed",
    ]
    for posted in receiver.posted:
        assert set(posted.data["payload"]) == PAYLOAD_KEYS[posted.data["event_type"]]
    assert {posted.data["event_type"] for posted in receiver.posted} == set(EVENT_TYPES) == set(PAYLOAD_KEYS)


async def test_payloads_say_what_happened(frozen: World, receiver: Receiver) -> None:
    """R-102, R-113: whole seconds by the account's clock."""
    assert isinstance(frozen.clock, TravellingClock)
    room = frozen.room(receiver.url)
    alice = frozen.join(room, context='{"username":"Alice \u00e9"}')
    tell(frozen.account, started(room.id, alice.session_id, alice.id))
    await frozen.clock.advance(timedelta(seconds=42, milliseconds=900))
    frozen.account.end_session(alice.session_id)
    tell(frozen.account, completed(room.id, alice.session_id, alice.id))
    await frozen.drained()
    told = {posted.event_type: posted.data["payload"] for posted in receiver.posted}
    both = {"session_id": alice.session_id, "room_id": room.id}
    who = {**both, "context": '{"username":"Alice \u00e9"}', "participant_id": alice.id}
    recording = {**both, "participant_id": alice.id, "recording_id": "rec-1", "type": "audio"}
    assert told == {
        "session.started": both,
        "participant.joined": who,
        "participant.left": {**who, "duration_secs": 42, "left_reason": "session_ended"},
        "session.ended": {**both, "duration_secs": 42, "ended_reason": "Ended from API"},
        "recording.started": recording,
        "recording.completed": {
            **recording,
            "codec": "opus",
            "duration_secs": 41,
            "size_mb": 0.5,
            "download_url": "http://files.test/recording/rec-1",
        },
    }


async def test_envelope_has_data_and_meta(frozen: World, receiver: Receiver) -> None:
    """R-103."""
    frozen.join(frozen.room(receiver.url))
    await frozen.drained()
    for posted in receiver.posted:
        assert set(posted.json) == {"data", "meta"}
        assert set(posted.data) == {"record_type", "event_type", "id", "occurred_at", "payload"}
        assert posted.data["record_type"] == "event"
        assert posted.data["occurred_at"] == "2026-09-17T20:00:00.123456Z"
        assert UUID.fullmatch(posted.data["id"])
        assert posted.meta == {"attempt": 1, "delivered_to": receiver.url}
        assert posted.headers["Content-Type"] == "application/json"


async def test_session_ended_by_rest_says_so(world: World, receiver: Receiver) -> None:
    """R-113; the last leave has another reason."""
    room = world.room(receiver.url)
    world.account.end_session(world.join(room).session_id)
    world.leave(world.join(room))
    await world.drained()
    ended = [posted.data["payload"] for posted in receiver.posted if posted.event_type == "session.ended"]
    assert [payload["ended_reason"] for payload in ended] == ["Ended from API", "Last participant left"]
    assert all(type(payload["duration_secs"]) is int for payload in ended)


async def test_who_gave_no_context_has_none(world: World, receiver: Receiver) -> None:
    """What is not set is left out, never null (section 1)."""
    world.leave(world.join(world.room(receiver.url), context=None))
    await world.drained()
    assert "context" not in receiver.posted[1].data["payload"]
    assert "context" not in receiver.posted[2].data["payload"]


async def test_context_of_any_characters_arrives_as_it_is(world: World, receiver: Receiver) -> None:
    context = '"\\ \u2028 \ud83d \U0001f600 \x00 </script>'
    world.join(world.room(receiver.url), context=context)
    await world.drained()
    assert receiver.posted[1].data["payload"]["context"] == context


async def test_nothing_is_posted_without_a_url(world: World, receiver: Receiver) -> None:
    """R-104: a failover alone is none, nor is a URL that was taken back."""
    silent = world.room()
    only_failover = world.room(None, receiver.url)
    changed = world.room(receiver.url)
    world.account.update_room(changed.id, {"webhook_event_url": None})
    for room in (silent, only_failover, changed):
        world.leave(world.join(room))
    await world.drained()
    assert receiver.posted == []
    assert world.deliveries == []


async def test_the_url_in_force_is_the_one_when_it_happened(
    world: World, receiver: Receiver, failover: Receiver
) -> None:
    """Also for what a deletion brings about: its events are told when the room is gone."""
    room = world.room(receiver.url)
    world.join(room)
    world.account.update_room(room.id, {"webhook_event_url": failover.url})
    world.account.delete_room(room.id)
    await world.drained()
    assert receiver.types == ["session.started", "participant.joined"]
    assert failover.types == ["participant.left", "session.ended"]


async def test_whoever_comes_back_is_told_to_have_left_first(world: World, receiver: Receiver) -> None:
    """One command, two events: the first is told with what was true before the second."""
    room = world.room(receiver.url)
    alice = world.join(room, context="first")
    world.join(room, context="second", participant_id=alice.id)
    await world.drained()
    told = [(posted.event_type, posted.data["payload"].get("context")) for posted in receiver.posted[1:]]
    assert told == [
        ("participant.joined", "first"),
        ("participant.left", "first"),
        ("participant.joined", "second"),
    ]


async def test_composition_goes_to_its_own_url(world: World, receiver: Receiver, failover: Receiver) -> None:
    """R-114: the room's are not used."""
    room = world.room(receiver.url)
    alice = world.join(room)
    tell(world.account, enqueued(room.id, alice.session_id, failover.url), composed())
    tell(world.account, enqueued(room.id, alice.session_id, None), composed())
    await world.drained()
    assert receiver.types == ["session.started", "participant.joined"]
    [posted] = failover.posted
    assert posted.data["payload"] == {
        "composition_id": "comp-1",
        "download_url": "http://files.test/composition/comp-1",
        "duration_secs": 40,
        "format": "mp4",
        "resolution": "640x360",
        "room_id": room.id,
        "session_id": alice.session_id,
        "size_mb": 1.25,
    }


async def test_recordings_of_a_deleted_room_are_told_to_the_url_it_had(world: World, receiver: Receiver) -> None:
    room = world.room(receiver.url)
    alice = world.join(room)
    ids = (room.id, alice.session_id, alice.id)
    tell(world.account, started(*ids, "rec-1"), started(*ids, "rec-2"))
    world.account.delete_room(room.id)
    tell(world.account, completed(*ids, "rec-1"), completed(*ids, "rec-2"))
    await world.drained()
    assert receiver.types[-4:] == ["participant.left", "recording.completed", "recording.completed", "session.ended"]


async def test_end_of_a_session_waits_for_its_recordings_only_so_long(frozen: World, receiver: Receiver) -> None:
    assert isinstance(frozen.clock, TravellingClock)
    room = frozen.room(receiver.url)
    alice = frozen.join(room)
    tell(frozen.account, started(room.id, alice.session_id, alice.id))
    frozen.leave(alice)
    await frozen.clock.advance(timedelta(seconds=4))
    assert receiver.types[-1] == "participant.left"
    await frozen.clock.advance(timedelta(seconds=2))
    assert receiver.types[-1] == "session.ended"
    assert receiver.posted[-1].data["occurred_at"] == "2026-09-17T20:00:00.123456Z"  # when it happened, not when told


async def test_next_session_starts_after_the_last_has_ended(frozen: World, receiver: Receiver) -> None:
    room = frozen.room(receiver.url)
    alice = frozen.join(room)
    tell(frozen.account, started(room.id, alice.session_id, alice.id))
    frozen.leave(alice)
    frozen.join(room)
    await frozen.drained()
    assert receiver.types[-3:] == ["session.ended", "session.started", "participant.joined"]


async def test_deleted_recording_holds_nothing_back(frozen: World, receiver: Receiver) -> None:
    room = frozen.room(receiver.url)
    alice = frozen.join(room)
    tell(frozen.account, started(room.id, alice.session_id, alice.id))
    frozen.leave(alice)
    tell(frozen.account, h.RecordingDeleted("rec-1"))
    await frozen.drained()
    assert receiver.types[-1] == "session.ended"


async def test_each_event_has_an_id_of_its_own_and_equal_seeds_equal_ones(receiver: Receiver) -> None:
    """R-115; and asking for webhooks changes no other id."""
    ids = []
    for url in (receiver.url, receiver.url, None):
        world = World(seed=7)
        room = world.room(url)
        alice = world.join(room)
        world.leave(alice)
        await world.drained()
        ids.append((room.id, alice.session_id, alice.id, [delivery.id for delivery in world.deliveries]))
        await world.webhooks.close()
    assert ids[0] == ids[1]
    assert ids[0][:3] == ids[2][:3]
    assert len(set(ids[0][3])) == 4
