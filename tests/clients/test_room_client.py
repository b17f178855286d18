"""Synthetic participants in a running emulator: sockets, packets, pictures and sound, all of it real."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable

import numpy as np
import pytest

from emulator.clients.company import Person
from emulator.clients.errors import ClientStateError, ConnectError, PluginRefusal, Refused, SourceError
from emulator.clients.events import (
    AudioActivity,
    Connected,
    Disconnected,
    ParticipantJoined,
    ParticipantLeaving,
    ParticipantLeft,
    StreamPublished,
    StreamUnpublished,
    SubscriptionEnded,
    SubscriptionStarted,
    TrackCensored,
    TrackDisabled,
    TrackEnabled,
    TrackUncensored,
)
from emulator.clients.room_client import RoomClient
from emulator.server import Emulator
from tests.clients.conftest import MakeClient
from tests.signaling.raw_client import RestRoom


async def test_two_clients_see_and_hear_each_other(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await asyncio.gather(alice.publish(), bob.publish())
    await asyncio.gather(alice.subscribe(bob), bob.subscribe(alice))
    await asyncio.gather(alice.sees(bob), bob.sees(alice), alice.hears(bob), bob.hears(alice))
    await asyncio.gather(
        alice.hears_not(alice, for_seconds=0.4),
        bob.hears_not(bob, for_seconds=0.4),
        alice.frame_rate(bob, at_least=1, at_most=16, over=1),
    )
    assert bob.frames(alice)[-1].picture.width == 320
    assert bob.statistics(alice).frames_decoded >= 1
    assert np.abs(bob.audio(0.5)).max() > 0.01


async def test_who_comes_first_learns_of_who_comes_later(join: MakeClient) -> None:
    alice = await join("Alice")
    bob = await join("Bob", context="anything")
    await alice.wait_for(ParticipantJoined, {"participant_id": bob.participant_id, "context": "anything"})
    assert alice.participants[bob.participant_id].origin == "remote"
    assert bob.participants[bob.participant_id].origin == "local"
    context = bob.participants[alice.participant_id].context
    assert context is not None
    assert json.loads(context) == {"id": alice.participant_id, "username": "Alice"}
    assert alice.events[0] == Connected()


async def test_who_comes_later_finds_streams_in_the_state(join: MakeClient) -> None:
    alice = await join("Alice")
    stream = await alice.publish("screen", video={"source": "test_card", "size": "640x360"}, audio=None)
    await stream.wait_connected()
    bob = await join("Bob")
    await bob.subscribe(alice, "screen")
    sighting = await bob.sees(alice, "screen")
    assert (sighting.width, sighting.height) == (640, 360)
    assert bob.streams[alice.participant_id, "screen"].audio_enabled is False


async def test_a_missing_kind_is_sent_as_the_sdks_fallback(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish(video=None)
    subscription = await bob.subscribe(alice)
    black = await bob.sees_black(alice)
    assert (black.width, black.height) == (180, 180)
    await bob.hears(alice)
    await alice.unpublish()
    await bob.wait_for(SubscriptionEnded)
    await alice.publish(audio=None)
    subscription = await bob.subscribe(alice)
    await bob.sees(alice)
    await bob.hears_not(alice, for_seconds=0.4, within=1.0)
    assert np.abs(subscription.heard.samples(seconds=0.2)).max() < 0.001


async def test_the_camera_goes_off_and_on_without_a_new_offer(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish()
    await bob.subscribe(alice)
    await bob.sees(alice)
    await alice.update_stream(video=False)
    await bob.wait_for(TrackDisabled, {"key": "self", "kind": "video"})
    await bob.sees_black(alice)
    await bob.sees_not(alice, for_seconds=0.3)
    mark = bob.mark
    await alice.update_stream(video=True)
    await bob.wait_for(TrackEnabled, {"kind": "video"}, after=mark)
    await bob.sees(alice, within=1.0)
    assert alice.streams[alice.participant_id, "self"].video_enabled


async def test_the_microphone_goes_off_and_on(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish(video=None)
    await bob.hears(alice)
    await bob.wait_for(AudioActivity, {"participant_id": alice.participant_id})
    await alice.update_stream(audio=False)
    await bob.wait_for(TrackDisabled, {"kind": "audio"})
    await bob.hears_not(alice, for_seconds=0.4, within=0.5)
    await alice.update_stream(audio=True)
    await bob.hears(alice)


async def test_two_streams_of_one_participant_are_mixed_at_the_client(join: MakeClient) -> None:
    alice, bob = await join("Alice", tone=3), await join("Bob", tone=20)
    await alice.publish("self", video=None)
    await alice.publish("music", video=None, audio={"source": "tone", "index": 9})
    await bob.hears(3)
    await bob.hears(9)
    await alice.unpublish("self")
    await bob.hears_not(3, for_seconds=0.4, within=0.5)
    await bob.hears(9)


async def test_a_muted_participant_is_censored_and_not_heard(join: MakeClient, room: RestRoom) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish()
    subscription = await bob.subscribe(alice)
    await bob.hears(alice)
    await bob.hears(alice, through=subscription)
    session = await room.active_session()
    await room.post(f"room_sessions/{session}/actions/mute", {"participants": [alice.participant_id]})
    for client in (alice, bob):
        await client.wait_for(TrackCensored, {"participant_id": alice.participant_id})
        assert client.streams[alice.participant_id, "self"].audio_censored
    await asyncio.gather(
        bob.hears_not(alice, for_seconds=0.4, within=0.5),
        bob.hears_not(alice, for_seconds=0.4, within=0.5, through=subscription),
        bob.sees(alice),
    )
    await room.post(f"room_sessions/{session}/actions/unmute", {"participants": [alice.participant_id]})
    await bob.wait_for(TrackUncensored)
    await bob.hears(alice)


async def test_h264_is_published_and_seen(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish(video={"source": "test_card", "codec": "H264"})
    subscription = await bob.subscribe(alice)
    await bob.sees(alice)
    assert subscription.connection.video_codec == "H264"
    await alice.update_stream(video=False)
    await bob.sees_black(alice)


async def test_relaying_is_switched_per_kind(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish()
    subscription = await bob.subscribe(alice, video=False)
    await bob.hears(alice, through=subscription)
    await bob.frozen(alice, for_seconds=0.3)
    await bob.update_subscription(alice, video=True, audio=False)
    await bob.sees(alice)
    await bob.hears_not(alice, for_seconds=0.4, within=0.5, through=subscription)
    assert (subscription.audio, subscription.video) == (False, True)


async def test_a_subscription_can_be_ended_and_begun_again(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish()
    await bob.subscribe(alice)
    await bob.sees(alice)
    await bob.unsubscribe(alice)
    assert bob.subscriptions == {}
    assert (alice.participant_id, "self") in bob.streams
    await bob.subscribe(alice)
    await bob.sees(alice)


async def test_leaving_is_seen_in_the_sdks_order(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish()
    await bob.subscribe(alice)
    mark = bob.mark
    await alice.leave()
    assert alice.disconnected == Disconnected(1000, "user_initiated")
    who = alice.participant_id
    await bob.wait_for(ParticipantLeft, {"participant_id": who, "reason": None})
    assert {type(noticed.event) for noticed in bob.history.since(mark)} - {AudioActivity} == {
        ParticipantLeaving,
        SubscriptionEnded,
        StreamUnpublished,
        ParticipantLeft,
    }
    assert bob.events[-1] == ParticipantLeft(who)
    assert who not in bob.participants
    assert bob.streams == {}


async def test_vanishing_is_noticed_without_a_goodbye(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish()
    await bob.subscribe(alice)
    await alice.vanish()
    assert alice.disconnected == Disconnected(1006, "network_error")
    await bob.wait_for(ParticipantLeft, {"participant_id": alice.participant_id})


async def test_a_kick_reaches_the_target_and_the_others(join: MakeClient, room: RestRoom) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish()
    await bob.subscribe(alice)
    session = await room.active_session()
    await room.post(f"room_sessions/{session}/actions/kick", {"participants": [alice.participant_id]})
    ended = await alice.wait_disconnected()
    assert alice.events[-2:] == [ParticipantLeaving(alice.participant_id, "kicked"), ended]
    assert ended.reason == "unknown"
    await bob.wait_for(ParticipantLeft, {"participant_id": alice.participant_id, "reason": "kicked"})
    with pytest.raises(ClientStateError, match="expected a connected client, this one is disconnected"):
        await alice.publish("again")


async def test_the_end_of_the_session_is_told_with_its_reason(join: MakeClient, room: RestRoom) -> None:
    alice = await join("Alice")
    await alice.publish()
    await room.post(f"room_sessions/{await room.active_session()}/actions/end", {})
    assert (await alice.wait_disconnected()).reason == "session_terminated"
    assert alice.participants == {}


async def test_a_bad_token_is_refused_at_once(join: MakeClient) -> None:
    client = await join("Mallory", connect=False, token="nonsense")
    async with asyncio.timeout(5):
        with pytest.raises(Refused, match="create: refused with status_code 401") as refused:
            await client.connect()
    assert refused.value.status_code == 401
    assert client.disconnected is not None
    assert (client.disconnected.code, client.disconnected.status_code) == (1005, 401)


async def test_a_token_for_another_room_is_refused_with_403(join: MakeClient, room: RestRoom) -> None:
    other = await RestRoom.create(room.emulator, room.http)
    client = await join("Mallory", connect=False, token=await other.token())
    with pytest.raises(Refused, match="status_code 403"):
        await client.connect()


async def test_a_full_room_is_refused_at_the_register_handle(
    emulator: Emulator, room: RestRoom, join: MakeClient
) -> None:
    small = await RestRoom.create(emulator, room.http, max_participants=2)
    for name in ("Alice", "Bob"):
        await join(name, room_id=small.id, token=await small.token())
    late = await join("Late", connect=False, room_id=small.id, token=await small.token())
    with pytest.raises(Refused, match="REG join: refused with status_code 403"):
        await late.connect()


async def test_nobody_at_the_address_is_told() -> None:
    client = RoomClient(ws_url="ws://127.0.0.1:1", room_id="r", token="t")
    with pytest.raises(ConnectError, match=r"ws://127\.0\.0\.1:1/r/janus"):
        await client.connect()
    await client.leave()
    assert client.status == "disconnected"


async def test_an_unknown_feed_is_an_error_and_no_hang(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    stream = await alice.publish()
    await bob.wait_for(StreamPublished)
    roster = bob._roster
    known = roster.streams[alice.participant_id, "self"]
    roster.streams[alice.participant_id, "ghost"] = type(known)(alice.participant_id, "ghost", "x", 12345, True, True)
    with pytest.raises(PluginRefusal, match="error_code 428"):
        await bob.subscribe(alice, "ghost")
    del roster.streams[alice.participant_id, "ghost"]
    await bob.subscribe(alice)
    assert bob.events[-1] == SubscriptionStarted(alice.participant_id, "self")
    assert stream.pub_id == known.pub_id


async def test_calls_that_do_not_fit_are_refused_here(join: MakeClient) -> None:
    alice = await join("Alice")
    await alice.publish(video=None)
    for call, text in (
        (alice.connect(), "connect\\(\\) works once"),
        (alice.publish(), "a stream 'self' is published already"),
        (alice.unpublish("other"), "no stream 'other' is published; published: 'self'"),
        (alice.update_stream(video=True), "published without video"),
        (alice.unsubscribe("nobody"), "not subscribed to nobody/self"),
    ):
        with pytest.raises(ClientStateError, match=text):
            await call
    with pytest.raises(ClientStateError, match="Alice is not subscribed to nobody/self"):
        alice.frames("nobody")
    with pytest.raises(SourceError):
        await alice.publish("other", video="no such source")
    with pytest.raises(
        AssertionError, match="expected Alice to notice StreamPublished where participant_id is 'nobody'"
    ):
        await alice.subscribe("nobody", within=0.05)


async def failure(assertion: Awaitable[object]) -> str:
    with pytest.raises(AssertionError) as failed:
        await assertion
    return str(failed.value)


async def test_failed_assertions_say_what_was_expected_and_what_came(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish()
    await bob.subscribe(alice)
    bob.company.known = lambda: [alice, bob]
    await asyncio.gather(bob.sees(alice), bob.hears(alice))
    told = await asyncio.gather(
        failure(bob.sees_black(alice, within=0.3)),
        failure(bob.sees(alice, "screen", within=0.05)),
        failure(bob.sees_not(alice, for_seconds=0.5)),
        failure(bob.frozen(alice)),
        failure(bob.frame_rate(alice, at_least=30, over=0.5)),
        failure(bob.hears(bob, within=0.6)),
        failure(bob.hears_not(alice)),
    )
    card, now, at = "card of Alice/self", "from the call on", r"\+\d\.\d{3} s"
    for text, pattern in zip(
        told,
        (
            rf"expected Bob to see black from Alice/self within 0\.3 s; .*{card}",
            r"expected Bob to see the card of Alice/screen within 0\.05 s; Alice publishes only 'self'",
            rf"expected Bob not to see the card of Alice/self for 0\.5 s {now}; but at {at} came {card}, frame",
            rf"expected Bob to see no picture from Alice/self for 1 s {now}; but at {at} came {card}",
            r"expected Bob to see Alice/self at at least 30 frames per second over 0\.5 s, got \d+\.\d;",
            r"expected Bob to hear Bob \(tone 1\) within 0\.6 s\nclosest: Alice \(tone 0\) could be heard\n"
            r"what was there \(seconds after the wait began\):\n +0\.\d - \d\.\d  Alice \(tone 0\) at -2\d\.\d dBFS$",
            rf"expected Bob not to hear Alice \(tone 0\) for 1 s {now}; but it was heard at {at} with -2\d dBFS",
        ),
        strict=True,
    ):
        assert re.match(pattern, text), text


async def test_others_may_be_named(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish()
    bob.company.known = lambda: [alice, bob]
    subscribing = asyncio.create_task(bob.subscribe(alice))
    await asyncio.gather(bob.sees("Alice"), bob.hears("Alice"), subscribing)
    person = Person(alice.participant_id, "Alice", alice.tone)
    await asyncio.gather(bob.sees(person), bob.hears(person), bob.sees(alice.participant_id))
    with pytest.raises(TypeError, match="expected a participant, its id or its name, got 3"):
        await bob.sees(3)  # type: ignore[arg-type]  # what a test may do
    await bob.unsubscribe(alice)
    await asyncio.gather(bob.sees_not("Alice", for_seconds=0.2), bob.hears_not("Bob", for_seconds=0.2))
    with pytest.raises(TypeError, match="got 'Carol'"):
        await bob.hears("Carol")


async def test_why_somebody_cannot_be_seen_is_told_exactly(join: MakeClient) -> None:
    alice, bob, carol = await join("Alice"), await join("Bob"), await join("Carol")
    phone = await join("Phone", kind="telephone", context='{"username": "Phone"}')
    await asyncio.gather(alice.publish(), alice.publish("presentation", audio=None))
    await bob.wait_for(StreamPublished, {"key": "presentation"})
    await bob.wait_for(ParticipantJoined, {"participant_id": phone.participant_id})
    nobody = "00000000-0000-4000-8000-000000000000"
    short = 0.05
    reasons = {
        "Alice": 'Bob subscribes to nothing; subscribe="all" at the join, or subscribe(...), changes that',
        "Alic": "nobody in the room is called 'Alic' (there are Alice, Carol, Phone)",
        nobody: f"{nobody} is not in the room (there are Alice, Carol, Phone)",
        "Carol": "Carol publishes nothing",
    }
    for who, reason in reasons.items():
        assert await failure(bob.sees(who, within=short)) == (
            f"expected Bob to see the card of {who}/self within {short:g} s; {reason}"
        )
    assert "; Alice publishes only 'presentation', 'self'; did you mean 'presentation'?" in await failure(
        bob.sees(alice, "presentatoin", within=short)
    )
    await bob.subscribe(alice)
    assert "; Bob is not subscribed to Alice/presentation" in await failure(
        bob.sees(alice, "presentation", within=short)
    )
    # What can never become true is told without waiting for it.
    long = 3600.0
    assert "'Alice/self' is a participant and a stream key: give them as 'Alice', 'self'" in await failure(
        bob.sees("Alice/self", within=long)
    )
    assert "nobody in the room is called 'Alic'" in await failure(bob.sees_not("Alic", for_seconds=long))
    assert "Bob is not sent streams of Bob's own" in await failure(bob.sees("Bob", within=long))
    assert "a telephone, which hears the mixed audio and sees nothing" in await failure(phone.sees(alice, within=long))
    await carol.leave()
    assert "Carol has left the room" in await failure(bob.sees(carol, within=long))
    waiting = asyncio.create_task(failure(bob.sees("Somebody", within=long)))
    await bob.leave()
    assert "Bob is no longer in the room" in await waiting


async def test_the_same_seed_gives_the_same_ids(join: MakeClient) -> None:
    first, second = await join("Alice", connect=False), await join("Alice", connect=False)
    other = await join("Bob", connect=False)
    assert first.participant_id == second.participant_id != other.participant_id
