"""/_emulator/participants: people of the emulator's own, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.clients.events import MessageReceived
from emulator.clients.room_client import RoomClient
from emulator.server import Emulator
from tests.admin.caller import KEY, Caller

AUDIO = {"pointer": "/streams/self/audio"}
SMALL = {"self": {"video": {"source": "test_card", "size": "320x180", "fps": 15}, "audio": "tone"}}


async def add(admin: Caller, **wish: Any) -> Any:
    reply = await admin.post("participants", {"room": "lunch", **wish})
    assert reply.status == 201, reply.raw
    return reply.data


async def test_somebody_joins_is_seen_and_heard_by_others_and_leaves(admin: Caller, emulator: Emulator) -> None:
    room = await admin.room(unique_name="lunch")
    alice = await add(admin, name="alice", streams=SMALL)
    assert (alice["name"], alice["room_id"], alice["status"]) == ("alice", room["id"], "connected")
    assert alice["publishes"] == ["self"]
    token = (await admin.tokens(room["id"]))["token"]
    async with RoomClient(ws_url=emulator.ws_url, room_id=room["id"], token=token, name="bob") as bob:
        await bob.subscribe(alice["id"], "self")
        await bob.sees(alice["id"], within=10)
        off = (await admin.post(f"participants/{alice['id']}/actions/update_stream", {"video": False})).data
        assert off["publishes"] == ["self"]
        await bob.sees_not(alice["id"], within=10)
    assert [person["id"] for person in (await admin.get("participants")).data] == [alice["id"]]
    assert (await admin.call("DELETE", f"participants/{alice['id']}")).status == 204
    (await admin.get(f"participants/{alice['id']}")).refused(404)
    found = (await admin.get(f"/v2/room_participants/{alice['id']}")).data
    assert found["left_at"] is not None


async def test_they_say_publish_watch_and_stop_as_told(admin: Caller, emulator: Emulator) -> None:
    room = await admin.room(unique_name="lunch")
    alice = await add(admin, name="alice", messages=True)
    bob = await add(admin, name="bob", behaviours=["watch"])
    token = (await admin.tokens(room["id"]))["token"]
    act = f"participants/{alice['id']}/actions"
    async with RoomClient(
        ws_url=emulator.ws_url, room_id=room["id"], token=token, name="carol", messages=True
    ) as carol:
        await admin.post(f"{act}/say", {"text": "hello"})
        await carol.wait_for(MessageReceived, {"payload": "hello"}, timeout=10)
        told = (await admin.post(f"{act}/publish", {"key": "presentation", "audio": None})).data
        assert told["publishes"] == ["presentation"]
        watched = (await admin.post(f"participants/{bob['id']}/actions/unpublish", {"key": "self"})).refused(409)
        assert "self" in watched
        told = (await admin.post(f"{act}/unpublish", {"key": "presentation"})).data
        assert told["publishes"] == []
    gone = (await admin.post(f"{act}/vanish")).data
    assert gone["status"] != "connected"


@pytest.mark.parametrize(
    ("wish", "status", "source"),
    [
        ({}, 422, {"pointer": "/room"}),
        ({"room": "lunch", "colour": "red"}, 422, {"pointer": "/colour"}),
        ({"room": "lunch", "kind": "fax"}, 422, {"pointer": "/kind"}),
        ({"room": "lunch", "streams": {"self": {"video": 7}}}, 422, {"pointer": "/streams/self/video"}),
        ({"room": "lunch", "streams": {"self": {"smell": "test_card"}}}, 422, {"pointer": "/streams/self"}),
        ({"room": "lunch", "behaviours": [7]}, 422, {"pointer": "/behaviours/0"}),
        ({"room": "lunch", "streams": {"self": {"video": "crad"}}}, 422, {"pointer": "/streams/self/video"}),
        ({"room": "lunch", "streams": {"self": {"audio": {"source": "tone", "index": 64}}}}, 422, AUDIO),
        ({"room": "lunch", "behaviours": ["watch", "wtach"]}, 422, {"pointer": "/behaviours/1"}),
        ({"room": "nowhere"}, 404, {}),
    ],
)
async def test_what_is_wrong_is_told_where_and_nobody_comes(
    admin: Caller, emulator: Emulator, wish: Any, status: int, source: dict[str, str]
) -> None:
    await admin.room(unique_name="lunch")
    (await admin.post("participants", wish)).refused(status, **source)
    assert (await admin.get("participants")).data == []
    assert [account.records.participants for account in emulator.accounts.all()] == [{}], "nobody was there"


async def test_unknown_sources_behaviours_and_actions_are_told_with_what_there_is(admin: Caller) -> None:
    await admin.room(unique_name="lunch")
    wish = {"room": "lunch", "streams": {"self": {"video": "test_crad"}}}
    assert "test_card" in (await admin.post("participants", wish)).refused(422)
    assert "watch" in (await admin.post("participants", {"room": "lunch", "behaviours": ["wtach"]})).refused(422)
    alice = await add(admin, name="alice")
    assert "publish" in (await admin.post(f"participants/{alice['id']}/actions/dance")).refused(404)
    (await admin.post(f"participants/{alice['id']}/actions/say", {"text": 7})).refused(422, pointer="/text")
    assert [person["id"] for person in (await admin.get("participants")).data] == [alice["id"]]


async def test_they_end_with_their_account(admin: Caller, emulator: Emulator) -> None:
    await admin.room(unique_name="lunch")
    alice = await add(admin, name="alice")
    other = admin.with_key("KEY_somebody_else")
    assert (await other.get("participants")).data == []
    (await other.get(f"participants/{alice['id']}")).refused(404)
    await admin.post("reset")
    assert (await admin.get("participants")).data == []
    await admin.room(unique_name="lunch")
    await add(admin, name="bob")
    emulator.forget_account(KEY)
    assert KEY not in emulator.accounts
