"""An account's state over HTTP: put in, taken out, thrown away."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from emulator.server import Emulator
from tests.admin.caller import KEY, Caller
from tests.signaling.raw_client import RawClient, RestRoom


def some_state() -> dict[str, Any]:
    room, session, participant = (str(uuid4()) for _ in range(3))
    times = {"created_at": "2026-01-31T09:00:00.000001Z", "updated_at": "2026-01-31T09:30:00.500000Z"}
    return {
        "comment": "made by a test",
        "rooms": [
            {"id": room, "unique_name": "imported", "max_participants": 5, "active_session_id": session, **times},
            {"id": str(uuid4()), "unique_name": None, "webhook_event_failover_url": "", **times},
        ],
        "room_sessions": [{"id": session, "room_id": room, "active": True, "note": "live", **times}],
        "room_participants": [
            {
                "id": participant,
                "session_id": session,
                "context": '{"username": "Zoë"}',
                "joined_at": "2026-01-31T09:10:00.000000Z",
                "updated_at": "2026-01-31T09:10:00.000000Z",
            }
        ],
        "refresh_tokens": [{"room_id": room, "token": "<jwt_refresh_token>"}],
    }


async def test_state_that_was_put_in_is_served_and_comes_out_again(admin: Caller) -> None:
    state = some_state()
    assert (await admin.post("state", state)).data == {"result": "ok"}
    room_id = state["rooms"][0]["id"]
    room = (await admin.get(f"/v2/rooms/{room_id}")).data
    assert (room["unique_name"], room["max_participants"]) == ("imported", 5)
    assert room["created_at"] == "2026-01-31T09:00:00.000001Z"
    assert (await admin.refresh("<jwt_refresh_token>")).status == 201
    out = (await admin.get("state")).body
    assert {item["id"] for item in out["rooms"]} == {item["id"] for item in state["rooms"]}
    assert (await admin.post("state", out)).status == 200
    assert (await admin.get("state")).body == out


async def test_state_belongs_to_the_account_of_the_key(admin: Caller) -> None:
    await admin.post("state", some_state())
    other = admin.with_key("KEY_other")
    assert (await other.get("state")).body.get("rooms", []) == []
    await other.post("reset")
    assert len((await admin.get("/v2/rooms")).data) == 2


async def test_wrong_document_changes_nothing_and_names_the_place(admin: Caller) -> None:
    await admin.post("state", some_state())
    before = (await admin.get("state")).body
    for change, pointer in (
        ({"rooms": "all of them"}, "/rooms"),
        ({"rooms": [{"id": "x"}]}, "/rooms/0/id"),
        ({"rooms": [{"id": str(uuid4()), "max_participants": 51}]}, "/rooms/0/max_participants"),
        ({"room_sessions": [1]}, "/room_sessions/0"),
    ):
        (await admin.post("state", {**some_state(), **change})).refused(422, pointer=pointer)
    (await admin.post("state", raw=b"[]")).refused(422, pointer="")
    (await admin.post("state", raw=b"")).refused(422, pointer="")
    (await admin.post("state", raw=b"{")).refused(400)
    assert (await admin.get("state")).body == before


async def test_state_may_be_larger_than_any_other_body(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"rooms": [{"id": str(uuid4()), "unique_name": f"room {n} " + "x" * 200} for n in range(2000)]}
    assert (await admin.post("state", state)).status == 200
    assert (await admin.get("/v2/rooms")).body["meta"]["total_results"] == 2000
    monkeypatch.setattr("emulator.admin.state.MAX_STATE_BYTES", 300_000)
    (await admin.post("state", state)).refused(413)


async def test_reset_throws_everybody_out_and_forgets_everything(emulator: Emulator, admin: Caller) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http:
        room = await RestRoom.create(emulator, http, unique_name="gone")
        client = await (await RawClient.open(room)).enter()
        await admin.post("faults", {"surface": "rest", "kind": "status", "parameters": {"status": 503}})
        assert (await admin.post("reset")).data == {"result": "ok"}
        assert await client.closed() == 4000
        await client.close()
    assert (await admin.get("/v2/rooms")).data == []
    assert (await admin.get(f"/v2/rooms/{room.id}")).status == 404
    assert (await admin.get("faults")).data == []
    assert (await admin.room(unique_name="gone"))["unique_name"] == "gone"
