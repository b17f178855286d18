"""A telephone on the wire: one audiobridge entry is presence and audio in one (D5, S-105)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.signaling.conftest import Clients
from tests.signaling.machine import MIX_OFFER
from tests.signaling.raw_client import RawClient, RestRoom, display


def telephone_display(participant_id: str) -> str:
    stream = {"id": str(uuid4()), "key": "audiobridge", "isAudioEnabled": True, "isVideoEnabled": False}
    return display(participant_id, telephonyEngineParticipant=True, external='{"username":"+1555"}', stream=stream)


async def call_in(raw: RawClient) -> tuple[dict[str, Any], str]:
    """The data of the join's answer, and the display."""
    await raw.create()
    raw.reg = await raw.attach("audiobridge")
    text = telephone_display(raw.participant_id)
    reply = await raw.message(raw.reg, {"request": "join", "room": raw.room_id, "display": text, "muted": False})
    data: dict[str, Any] = reply["plugindata"]["data"]
    raw.reg_id = data["id"]
    return data, text


async def test_s105_s49_telephone_is_one_entry_in_events_and_in_lists(client: Clients, room: RestRoom) -> None:
    bob, phone = await client(entered=True), await client()
    joined, text = await call_in(phone)
    assert [entry["id"] for entry in joined["participants"]] == [bob.reg_id]
    event = await bob.event(audiobridge="joined")
    assert event["participants"] == [{"id": phone.reg_id, "display": text, "setup": False, "muted": False}]

    reply = await phone.message(phone.reg, {"request": "configure"}, {"type": "offer", "sdp": MIX_OFFER})
    assert reply["plugindata"]["data"]["result"] == "ok"
    assert "a=sendrecv" in reply["jsep"]["sdp"].splitlines()
    carol = await client()
    await carol.create()
    listed = (await carol.join_register())["plugindata"]["data"]["participants"]
    assert {"id": phone.reg_id, "display": text, "setup": True, "muted": False} in listed

    await phone.close()
    await bob.event(leaving=phone.reg_id)
    await bob.request("keepalive")
    assert sum(event.get("leaving") == phone.reg_id for event in bob.events()) == 1
    gone = {each["id"]: "left_at" in each for each in await room.get("room_participants")}
    assert gone[phone.participant_id] is True


async def test_s105_talk_of_a_telephone_is_told_under_its_one_id(client: Clients, room: RestRoom) -> None:
    bob, phone = await client(entered=True), await client()
    await call_in(phone)
    await phone.message(phone.reg, {"request": "configure"}, {"type": "offer", "sdp": MIX_OFFER})
    account = room.emulator.accounts.by_key(room.emulator.api_key)
    assert account is not None
    account.tell_talking(phone.participant_id, stream_id=None, talking=True)
    assert (await bob.event(audiobridge="talking"))["id"] == phone.reg_id


@pytest.mark.parametrize("action", ["kick", "end"])
async def test_s105_moderators_act_on_a_telephone(client: Clients, room: RestRoom, action: str) -> None:
    bob, phone = await client(entered=True), await client()
    await call_in(phone)
    await phone.message(phone.reg, {"request": "configure"}, {"type": "offer", "sdp": MIX_OFFER})
    session = await room.active_session()
    for step in ("mute", "unmute", action):
        body = {} if step == "end" else {"participants": [phone.participant_id]}
        await room.post(f"room_sessions/{session}/actions/{step}", body)
    if action == "kick":
        await phone.event(kicked=phone.reg_id)
        await bob.event(kicked=phone.reg_id)
    else:
        assert await phone.closed() == 4000
