"""Socket, session, tokens (signaling.md 1; S-1 to S-23)."""

from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import aiohttp
import pytest

from emulator.config import Config
from emulator.server import Emulator
from tests.signaling.conftest import Clients
from tests.signaling.raw_client import RawClient, RestRoom


async def test_s2_s5_s6_s110_create_is_answered_with_an_integer_id_and_the_same_transaction(client: Clients) -> None:
    raw = await client()
    frame = raw.frame("create", transaction="Ünïcode \u0007 transaction")
    reply = await raw.send(frame)
    assert reply["janus"] == "success"
    assert reply["transaction"] == frame["transaction"]
    assert type(reply["data"]["id"]) is int
    assert 1 <= reply["data"]["id"] <= 2**53 - 1


async def test_s3_handshake_needs_no_credentials(room: RestRoom) -> None:
    async with (
        aiohttp.ClientSession() as bare,
        bare.ws_connect(f"{room.emulator.ws_url}/{room.id}/janus", protocols=["janus-protocol"]) as ws,
    ):
        assert ws.protocol == "janus-protocol"


async def test_client_without_the_subprotocol_is_told_so(room: RestRoom) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await room.http.ws_connect(f"{room.emulator.ws_url}/{room.id}/janus")
    assert refused.value.status == 400


async def test_plain_http_request_to_the_signaling_path_is_told_to_upgrade(room: RestRoom) -> None:
    url = f"{room.emulator.ws_url.replace('ws', 'http', 1)}/{room.id}/janus"
    async with room.http.get(url) as answer:
        assert answer.status == 426
        assert "janus-protocol" in await answer.text()


@pytest.mark.parametrize("code", [1000, 1001, 3000, 3999, 4000, 4321])
async def test_s11_close_code_of_the_client_is_echoed(client: Clients, code: int) -> None:
    raw = await client(entered=True)
    await raw.ws.close(code=code)
    assert raw.ws.close_code == code


async def test_s11_empty_close_is_echoed_with_an_empty_close(room: RestRoom) -> None:
    """Written on a bare TCP connection: client libraries put a code into every Close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", room.emulator.port)
    writer.write(
        f"GET /{room.id}/janus HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
        "Sec-WebSocket-Protocol: janus-protocol\r\n\r\n".encode()
    )
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    writer.write(bytes([0x88, 0x80, 1, 2, 3, 4]))  # Close, masked, no payload
    async with asyncio.timeout(10):
        assert await reader.read() == bytes([0x88, 0x00])
    writer.close()
    await writer.wait_closed()


async def test_s12_destroy_is_answered_and_everyone_else_hears_of_it_once(client: Clients) -> None:
    """S-19, S-20: cleanup is the same for every ending and runs once."""
    alice, bob = await client(entered=True), await client(entered=True)
    reply = await alice.request("destroy")
    assert reply["janus"] == "success"
    await alice.close()
    await bob.event(leaving=alice.reg_id)
    await bob.request("keepalive")
    assert [e for e in bob.events() if e.get("leaving") == alice.reg_id] == [
        {"room": bob.room_id, "audiobridge": "event", "leaving": alice.reg_id}
    ]


async def test_s15_s103_tcp_loss_without_close_takes_the_participant_out(client: Clients) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    transport = alice.ws._response.connection.transport  # type: ignore[union-attr]  # an open connection has one
    transport.abort()  # type: ignore[union-attr]
    await bob.event(leaving=alice.reg_id)


async def test_s17_keepalive_is_acknowledged_with_its_transaction(client: Clients) -> None:
    raw = await client()
    await raw.create()
    reply = await raw.request("keepalive", transaction="k1")
    assert reply == {"janus": "ack", "session_id": raw.session_id, "transaction": "k1"}


async def test_s9_garbage_token_is_refused_with_401_and_no_transaction_is_left_open(client: Clients) -> None:
    raw = await client(token="no-token")
    assert await raw.request("create") == {
        "status_code": 401,
        "error_message": "The token is not three base64url parts joined by dots.",
    }


async def test_s9_missing_token_is_refused_with_401(client: Clients) -> None:
    raw = await client()
    reply = await raw.send({"janus": "create", "transaction": "t"})
    assert reply["status_code"] == 401


async def test_s9_token_of_another_room_is_refused_with_403(
    client: Clients, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    other = await RestRoom.create(emulator, http)
    raw = await client(token=await other.token())
    assert (await raw.request("create"))["status_code"] == 403


async def test_s9_refresh_token_does_not_join(client: Clients, room: RestRoom) -> None:
    tokens = (await room.post(f"rooms/{room.id}/actions/generate_join_client_token", {}))["data"]
    raw = await client(token=tokens["refresh_token"])
    assert (await raw.request("create"))["status_code"] == 401


async def test_s10_token_is_checked_on_every_frame(client: Clients) -> None:
    raw = await client(entered=True)
    raw.token = "forged"
    assert (await raw.request("keepalive"))["status_code"] == 401


async def test_r39_token_of_a_deleted_room_joins_no_more(client: Clients, room: RestRoom) -> None:
    raw = await client()
    await room.delete()
    assert (await raw.request("create"))["status_code"] == 404


async def test_refused_client_that_does_not_close_is_put_out(client: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.signaling.session.REFUSAL_GRACE_SECS", 0.05)
    alice, bob = await client(entered=True), await client(entered=True)
    alice.token = "forged"
    await alice.request("keepalive")
    await bob.event(leaving=alice.reg_id)
    assert await alice.closed() == 1008


async def test_s21_silent_session_is_ended_with_timeout_and_close_3999() -> None:
    config = Config(port=0, idle_timeout_secs=0.3)
    async with (
        Emulator(config) as emulator,
        aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as http,
    ):
        room = await RestRoom.create(emulator, http)
        silent = await (await RawClient.open(room)).enter()
        assert await silent.closed() == 3999
        assert silent.frames[-1] == {"janus": "timeout", "session_id": silent.session_id}
        (participant,) = await room.get("room_participants")
        assert "left_at" in participant
        await silent.close()


async def test_s23_sessions_of_different_rooms_never_see_each_other(
    client: Clients, emulator: Emulator, http: aiohttp.ClientSession
) -> None:
    alice = await client(entered=True)
    elsewhere = await RestRoom.create(emulator, http)
    stranger = await client(of=elsewhere, entered=True)
    bob = await client(entered=True)
    await alice.event(audiobridge="joined")
    assert stranger.events() == []
    assert (await stranger.join_mixer())["plugindata"]["data"]["participants"] == []
    assert bob.participant_id not in json.dumps(stranger.frames)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", 454),
        ("", 454),
        ("[" * 5000, 454),
        ("[1,2]", 455),
        ("null", 455),
        ('{"janus":"create"}', 456),
        ('{"janus":"create","transaction":7}', 467),
        ('{"janus":7,"transaction":"t"}', 467),
        ('{"transaction":"t"}', 456),
        ('{"janus":"create","transaction":"t","session_id":"one"}', 467),
        ('{"janus":"message","transaction":"t","body":[]}', 467),
        ('{"janus":"message","transaction":"t","jsep":{"type":"pranswer","sdp":""}}', 464),
        ('{"janus":"message","transaction":"t","jsep":{"type":"offer","sdp":7}}', 467),
    ],
)
async def test_s107_malformed_frame_gets_an_error_and_the_session_lives_on(
    client: Clients, text: str, code: int
) -> None:
    raw = await client(entered=True)
    before = len(raw.frames)
    await raw.ws.send_str(text)
    error = (await raw.wait(lambda: raw.frames[before:], "an error frame"))[0]
    assert error["janus"] == "error"
    assert error["error"]["code"] == code
    assert error["error"]["reason"]
    assert (await raw.request("keepalive"))["janus"] == "ack"


async def test_s4_binary_frame_gets_an_error_and_the_session_lives_on(client: Clients) -> None:
    raw = await client(entered=True)
    before = len(raw.frames)
    await raw.ws.send_bytes(b"\x00\x01")
    error = (await raw.wait(lambda: raw.frames[before:], "an error frame"))[0]
    assert error["error"]["code"] == 454
    assert (await raw.request("keepalive"))["janus"] == "ack"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"janus": "dance"}, 453),
        ({"janus": "keepalive", "session_id": 42}, 458),
        ({"janus": "keepalive", "session_id": None}, 457),
        ({"janus": "attach", "plugin": "janus.plugin.nosip"}, 460),
        ({"janus": "attach"}, 456),
        ({"janus": "message", "handle_id": 42, "body": {}}, 459),
        ({"janus": "message", "body": {}}, 457),
        ({"janus": "trickle", "handle_id": 42}, 459),
        ({"janus": "detach", "handle_id": 42}, 459),
        ({"janus": "create"}, 468),
    ],
)
async def test_s107_s115_unknown_requests_and_handles_get_a_janus_error(
    client: Clients, frame: dict[str, object], code: int
) -> None:
    raw = await client(entered=True)
    reply = await raw.send(raw.frame(**frame))  # type: ignore[arg-type]  # janus is among the fields
    assert reply["janus"] == "error"
    assert reply["error"]["code"] == code
    assert (await raw.request("keepalive"))["janus"] == "ack"


async def test_s115_handle_of_another_session_is_not_executed(client: Clients) -> None:
    alice, mallory = await client(entered=True), await client(entered=True)
    reply = await mallory.message(alice.reg, {"request": "configure"})
    assert reply["error"]["code"] == 459
    reply = await mallory.request("detach", handle_id=alice.reg)
    assert reply["error"]["code"] == 459
    assert (await alice.message(alice.reg, {"request": "configure"}))["plugindata"]["data"]["result"] == "ok"


async def test_s117_frames_behind_a_destroy_recreate_nothing(client: Clients, room: RestRoom) -> None:
    raw = await client(entered=True)
    await raw.ws.send_str(json.dumps(raw.frame("destroy")))
    await raw.ws.send_str(json.dumps(raw.frame("attach", plugin="janus.plugin.audiobridge")))
    await raw.close()
    participants = await room.get("room_participants")
    assert [("left_at" in p) for p in participants] == [True]


async def test_s109_s117_frames_behind_a_destroy_are_answered(client: Clients) -> None:
    """As stock Janus does; the SDK's page would otherwise poll for the reply until it is closed (1.2, rule 6)."""
    raw = await client(entered=True)
    await raw.request("destroy")
    for janus in ("keepalive", "create", "detach"):
        assert (await raw.request(janus))["error"]["code"] == 458
    await raw.ws.send_str("nonsense")
    await raw.wait(lambda: raw.frames[-1]["error"]["code"] == 454, "the last answer")


async def test_s114_two_sockets_with_one_token_are_two_participants(client: Clients, room: RestRoom) -> None:
    token = await room.token()
    await client(entered=True, token=token)
    await client(entered=True, token=token)
    session = await room.active_session()
    assert len(await room.get(f"room_sessions/{session}/participants")) == 2


async def test_the_same_participant_twice_closes_the_older_connection_with_4000(
    client: Clients, room: RestRoom
) -> None:
    first = await client(entered=True)
    second = await client()
    second.participant_id = first.participant_id
    await second.enter()
    assert await first.closed() == 4000
    assert len(await room.get("room_participants")) == 1
    assert "left_at" not in (await room.get("room_participants"))[0]


async def test_r84_join_above_max_participants_is_refused_with_403(
    emulator: Emulator, http: aiohttp.ClientSession, client: Clients
) -> None:
    small = await RestRoom.create(emulator, http, max_participants=2)
    await client(of=small, entered=True)
    await client(of=small, entered=True)
    third = await client(of=small)
    assert (await third.create())["janus"] == "success"
    assert (await third.join_register())["status_code"] == 403
    assert len(await small.get("room_participants")) == 2


async def test_s1_any_room_id_in_the_path_is_taken_and_judged_by_the_token(
    emulator: Emulator, http: aiohttp.ClientSession, room: RestRoom
) -> None:
    for name in (str(uuid4()), "my-room", "r%C3%A4um"):
        ws = await http.ws_connect(f"{emulator.ws_url}/{name}/janus", protocols=["janus-protocol"])
        await ws.send_json({"janus": "create", "transaction": "t", "client_token": await room.token()})
        assert (await ws.receive_json())["status_code"] == 403
        await ws.close()


async def test_client_that_reads_nothing_is_cut_off_and_taken_out(
    client: Clients, room: RestRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing piles up without bound for a stalled socket."""
    monkeypatch.setattr("emulator.signaling.session.MAX_OUTBOX", 20)
    bob = await client(entered=True)
    stalled = await client(entered=True)
    (session,) = [s for s in room.emulator.lobby.sessions if s.participant_id == stalled.participant_id]
    keepalive = json.dumps(stalled.frame("keepalive"))
    for _ in range(30):  # in one go: the writer has no chance to send in between
        session.receive(keepalive)
    await bob.event(leaving=stalled.reg_id)
    assert await stalled.closed() == 1006


@pytest.mark.errors_expected
async def test_s109_a_fault_of_the_emulator_itself_is_answered_too(
    client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = await client(entered=True)

    def broken(self: object, request: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("emulator.signaling.audiobridge.AudioBridge.message", broken)
    assert (await raw.message(raw.reg, {"request": "configure"}))["error"]["code"] == 490
    assert (await raw.request("keepalive"))["janus"] == "ack"


async def test_s8_no_ordinary_frame_has_a_status_code(client: Clients, room: RestRoom) -> None:
    """Replies, errors of both kinds, acks, events: the SDK closes its socket on any truthy top-level `status_code`."""
    bob, alice = await client(entered=True), await client(entered=True)
    await alice.join_mixer()
    await alice.message(alice.mix, {"request": "configure"})
    await alice.message(alice.mix, {"request": "join"})
    await alice.request("dance")
    handle = await alice.attach("videoroom")
    await alice.message(handle, {"request": "join", "ptype": "subscriber", "feed": 1})
    await alice.request("detach", handle_id=handle)
    session = await room.active_session()
    await room.post(f"room_sessions/{session}/actions/mute", {"participants": "all"})
    await alice.request("destroy")
    await alice.close()
    await bob.event(leaving=alice.reg_id)
    assert len({frame["janus"] for frame in alice.frames}) == 3
    for frame in (*alice.frames, *bob.frames):
        assert "status_code" not in frame
        assert "status_code" not in frame.get("plugindata", {}).get("data", {})


async def test_s18_keepalive_with_a_new_token_keeps_the_session_when_the_old_one_expires(
    client: Clients, room: RestRoom
) -> None:
    alice = await client(entered=True)
    old, alice.token = alice.token, await room.token()
    assert (await alice.request("keepalive"))["janus"] == "ack"
    room.emulator.lobby.expire(old)
    assert (await alice.request("keepalive"))["janus"] == "ack"
    await alice.join_mixer()
    assert (await alice.request("keepalive", client_token=old))["status_code"] == 401


async def test_s18_token_runs_out_for_who_does_not_renew_it(client: Clients, room: RestRoom) -> None:
    alice = await client(entered=True)
    room.emulator.lobby.expire(alice.token)
    assert await alice.request("keepalive") == {"status_code": 401, "error_message": "The token has expired."}


async def test_s104_who_reconnects_is_a_new_participant_and_the_old_one_is_gone(
    client: Clients, room: RestRoom
) -> None:
    bob, alice = await client(entered=True), await client(entered=True, context="Alice")
    await alice.close()
    await bob.event(leaving=alice.reg_id)
    again = await client(entered=True, context="Alice")
    told = [event["participants"][0]["id"] for event in bob.events(bob.reg) if "participants" in event]
    assert told == [alice.reg_id, again.reg_id]
    known = {each["id"]: "left_at" in each for each in await room.get("room_participants")}
    assert known == {bob.participant_id: False, alice.participant_id: True, again.participant_id: False}


async def test_s113_close_3999_of_a_client_whose_connect_timed_out_is_like_any_close(
    client: Clients, room: RestRoom
) -> None:
    """The SDK gives up after 30 s: `destroy`, then Close 3999, in the middle of its joins."""
    bob, alice = await client(entered=True), await client()
    await alice.create()
    await alice.join_register()
    await alice.ws.send_str(json.dumps(alice.frame("destroy")))
    await alice.ws.close(code=3999)
    assert alice.ws.close_code == 3999
    await bob.event(leaving=alice.reg_id)
    await bob.request("keepalive")
    assert sum(event.get("leaving") == alice.reg_id for event in bob.events()) == 1
    assert sum("left_at" in each for each in await room.get("room_participants")) == 1
