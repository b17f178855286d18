"""Synthetic telephones: in the mix, and nowhere else (S-105)."""

from __future__ import annotations

import asyncio

import pytest

from emulator.clients.errors import ClientStateError
from emulator.clients.events import AudioActivity, Disconnected, ParticipantJoined, ParticipantLeaving, ParticipantLeft
from emulator.clients.room_client import RoomClient
from tests.clients.conftest import MakeClient
from tests.signaling.raw_client import RestRoom


async def test_s105_telephone_is_announced_as_one_and_leaves_through_the_same_entry(join: MakeClient) -> None:
    alice = await join("Alice")
    phone = await join("Phone", kind="telephone", context='{"username":"+15551230000"}')
    await alice.wait_for(ParticipantJoined, {"participant_id": phone.participant_id})
    known = alice.participants[phone.participant_id]
    assert (known.origin, known.context) == ("telephony_engine", '{"username":"+15551230000"}')
    late = await join("Late")
    assert late.participants[phone.participant_id].origin == "telephony_engine"
    assert set(phone.participants) >= {alice.participant_id, phone.participant_id}
    await phone.leave()
    await alice.wait_for(ParticipantLeft, {"participant_id": phone.participant_id})


async def test_telephone_is_heard_in_the_mix_and_hears_the_others_but_not_itself(join: MakeClient) -> None:
    alice, phone = await join("Alice"), await join("Phone", kind="telephone")
    await asyncio.gather(alice.publish(video=None), phone.publish(video=None, audio="tone"))
    await asyncio.gather(alice.hears(phone), phone.hears(alice))
    await alice.wait_for(AudioActivity, {"participant_id": phone.participant_id, "key": None})
    await phone.hears_not(phone, for_seconds=0.4)
    assert set(alice.streams) == {(alice.participant_id, "self")}  # it has no stream
    await phone.update_stream(audio=False)
    await alice.hears_not(phone, for_seconds=0.4, within=2.0)
    await phone.update_stream(audio=True)
    await alice.hears(phone)
    await phone.unpublish()
    await alice.hears_not(phone, for_seconds=0.4, within=2.0)


async def test_telephone_is_a_participant_for_rest_that_can_be_muted_and_kicked(
    join: MakeClient, room: RestRoom
) -> None:
    alice, phone = await join("Alice"), await join("Phone", kind="telephone", context="+15551230000")
    listed = {each["id"]: each["context"] for each in await room.get("room_participants")}
    assert listed[phone.participant_id] == "+15551230000"
    await phone.publish(video=None, audio="tone")
    await alice.hears(phone)
    session = await room.active_session()
    await _act(room, session, "mute", phone)
    await alice.hears_not(phone, for_seconds=0.4, within=2.0)
    await _act(room, session, "unmute", phone)
    await alice.hears(phone)
    await _act(room, session, "kick", phone)
    await phone.wait_for(ParticipantLeaving, {"participant_id": phone.participant_id, "reason": "kicked"})
    await phone.wait_for(Disconnected)
    await alice.wait_for(ParticipantLeaving, {"participant_id": phone.participant_id, "reason": "kicked"})
    await alice.wait_for(ParticipantLeft, {"participant_id": phone.participant_id})


async def test_telephone_goes_with_the_end_of_the_session(join: MakeClient, room: RestRoom) -> None:
    phone = await join("Phone", kind="telephone")
    await room.post(f"room_sessions/{await room.active_session()}/actions/end", {})
    assert (await phone.wait_for(Disconnected)).reason == "session_terminated"


async def test_what_a_telephone_can_not_do_is_refused_here(join: MakeClient) -> None:
    alice, phone = await join("Alice"), await join("Phone", kind="telephone")
    await alice.publish()
    with pytest.raises(ClientStateError, match="audio only"):
        await phone.publish()
    with pytest.raises(ClientStateError, match="audio only"):
        await phone.publish(video=None, audio=None)
    with pytest.raises(ClientStateError, match="sees nothing"):
        await phone.subscribe(alice)
    await phone.publish("line", video=None)
    with pytest.raises(ClientStateError, match="published already"):
        await phone.publish("line", video=None)
    with pytest.raises(ClientStateError, match="audio only"):
        await phone.update_stream("line", video=True)
    with pytest.raises(ClientStateError, match="messages=False"):
        RoomClient(ws_url="ws://x", room_id="r", token="t", kind="telephone", messages=True)


async def _act(room: RestRoom, session: str, action: str, who: RoomClient) -> None:
    await room.post(f"room_sessions/{session}/actions/{action}", {"participants": [who.participant_id]})
