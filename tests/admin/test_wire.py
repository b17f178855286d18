"""GET /_emulator/wire: what went over the wire, as a list and as JSON lines."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from emulator.admin.wire import JSON_LINES
from emulator.clients.room_client import RoomClient
from emulator.server import Emulator
from tests.admin.caller import Caller
from tests.webhooks.receiver import Receiver


async def wire(admin: Caller, query: str = "") -> list[Any]:
    found: list[Any] = (await admin.get(f"wire{query}")).data["entries"]
    return found


async def test_a_call_is_told_with_both_bodies_its_status_and_its_route(admin: Caller) -> None:
    room = await admin.room(unique_name="lunch")
    await admin.get(f"/v2/rooms/{room['id']}?include_sessions=true")
    await admin.get("/v2/rooms/nobody")
    created, read, missing = await wire(admin)
    assert (created["kind"], created["method"], created["path"], created["status"]) == (
        "rest",
        "POST",
        "/v2/rooms",
        201,
    )
    assert json.loads(created["request"]) == {"unique_name": "lunch"}
    assert json.loads(created["response"])["data"]["id"] == room["id"]
    assert (read["query"], read["route"]) == ("include_sessions=true", "/v2/rooms/{room_id}")
    assert missing["status"] == 404
    assert created["duration_ms"] > 0
    assert created["real"] <= read["real"] <= missing["real"]


async def test_tokens_and_keys_are_in_no_entry(admin: Caller, emulator: Emulator) -> None:
    room = await admin.room()
    tokens = await admin.tokens(room["id"])
    refreshed = (await admin.refresh(tokens["refresh_token"])).data
    async with RoomClient(ws_url=emulator.ws_url, room_id=room["id"], token=tokens["token"], name="alice"):
        pass
    text = (await admin.get("wire")).raw.decode()
    for secret in (tokens["token"], tokens["refresh_token"], refreshed["token"], admin.key):
        assert secret not in text
    assert {entry["kind"] for entry in json.loads(text)["data"]["entries"]} == {"rest", "frame"}


async def test_frames_of_both_directions_and_the_close_are_told(admin: Caller, emulator: Emulator) -> None:
    room = await admin.room()
    token = (await admin.tokens(room["id"]))["token"]
    async with RoomClient(
        ws_url=emulator.ws_url, room_id=room["id"], token=token, name="alice", messages=True
    ) as alice:
        await alice.send_message("hello")
        who = alice.participant_id
    frames = await wire(admin, "?kind=frame")
    assert {frame["participant_id"] for frame in frames} == {who}
    assert {frame["room_id"] for frame in frames} == {room["id"]}
    assert json.loads(frames[0]["text"])["janus"] == "create"
    assert frames[0]["direction"] == "in"
    assert json.loads(frames[1]["text"])["janus"] == "success"
    assert frames[1]["direction"] == "out"
    said = [frame for frame in frames if frame["channel"] == "data" and "hello" in frame["text"]]
    assert {frame["direction"] for frame in said} == {"in", "out"}
    closes = [(frame["direction"], frame["close"]) for frame in frames if "close" in frame]
    assert closes[0] == ("in", 1000)


async def test_a_connection_without_a_good_token_is_told_as_of_nobody(admin: Caller) -> None:
    await admin.with_key(None).get("/v2/rooms")
    await admin.get("/v2/rooms")
    told = (await admin.get("wire")).data
    assert [entry["status"] for entry in told["entries"]] == [200]
    assert [entry["status"] for entry in told["unattributed"]] == [401]


async def test_webhook_attempts_are_told_with_what_was_sent(admin: Caller, receiver: Receiver) -> None:
    room = await admin.room(webhook_event_url=receiver.url)
    token = (await admin.tokens(room["id"]))["token"]
    async with RoomClient(ws_url=admin.emulator.ws_url, room_id=room["id"], token=token, name="alice"):
        await receiver.wait_for(2)
    hook = (await wire(admin, "?kind=webhook"))[0]
    assert (hook["event_type"], hook["status"], hook["attempt"]) == ("video.room.session.started", 200, 1)
    assert json.loads(hook["request"])["data"]["event_type"] == "video.room.session.started"
    assert hook["id"] == json.loads(hook["request"])["data"]["id"]


async def test_faults_are_told_when_they_are_set_and_when_they_fire(admin: Caller) -> None:
    fault = {"surface": "rest", "kind": "status", "parameters": {"status": 503}, "match": {"operation": "ListRooms"}}
    await admin.post("faults", fault)
    await admin.get("/v2/rooms")
    was_set, fired, call = await wire(admin)
    assert (was_set["surface"], was_set["path"], was_set["status"]) == ("admin", "/_emulator/faults", 201)
    assert json.loads(was_set["request"]) == fault
    assert (fired["kind"], fired["id"], fired["surface"], fired["what"]) == ("fault", "rest-status-1", "rest", "status")
    assert fired["about"]["operation"] == "ListRooms"
    assert (call["status"], call["faults"]) == (503, ["rest-status-1"])


async def test_a_call_whose_connection_broke_has_no_status(admin: Caller) -> None:
    await admin.post("faults", {"surface": "rest", "kind": "drop", "count": 1})
    with pytest.raises(aiohttp.ClientError):
        await admin.post("/v2/rooms", {})
    assert (await wire(admin, "?kind=rest"))[-1]["status"] is None


async def test_since_limit_and_kind_page_through_it(admin: Caller) -> None:
    for _ in range(5):
        await admin.get("/v2/rooms")
    page = (await admin.get("wire?limit=2")).data
    assert [entry["number"] for entry in page["entries"]] == [1, 2]
    assert (page["next_since"], page["more"], page["last_number"], page["dropped"]) == (2, True, 5, 0)
    page = (await admin.get(f"wire?since={page['next_since']}")).data
    assert [entry["number"] for entry in page["entries"]] == [3, 4, 5]
    assert (page["next_since"], page["more"]) == (5, False)
    (await admin.get("wire?kind=rest,frmae")).refused(422, parameter="kind")
    (await admin.get("wire?since=-1")).refused(422, parameter="since")


async def test_json_lines_are_the_same_entries(admin: Caller) -> None:
    await admin.room()
    await admin.get("/v2/rooms")
    lines = await admin.get("wire", headers={"Accept": JSON_LINES})
    assert lines.headers["Content-Type"].startswith(JSON_LINES)
    assert [json.loads(line) for line in lines.raw.decode().splitlines()] == await wire(admin)


async def test_reading_it_leaves_no_entry_and_accounts_see_their_own(admin: Caller) -> None:
    await admin.get("/v2/rooms")
    await admin.get("wire")
    assert len(await wire(admin)) == 1
    assert await wire(admin.with_key("KEY_somebody_else")) == []
