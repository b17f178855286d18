"""What one connection may use up, and what happens to one that wants more (S-107)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from uuid import uuid4

import aiohttp
import pytest

from emulator.config import Config
from emulator.server import Emulator
from emulator.signaling import rules
from emulator.signaling.pace import FRAMES_AT_ONCE, FRAMES_PER_SECOND, REFUSALS_AT_ONCE
from emulator.signaling.problems import Problem
from emulator.signaling.session import MAX_HANDLES
from emulator.signaling.surroundings import Close
from emulator.wire.janus import MAX_FRAME_BYTES, MAX_TRANSACTION_CHARS
from tests.signaling.conftest import Clients
from tests.signaling.house import Client, House
from tests.signaling.raw_client import RestRoom, display


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


@pytest.fixture
def sender(house: House) -> Client:
    account = house.account("key")
    client = Client(house, account, house.new_room(account), str(uuid4()))
    client.create()
    return client


def problems(sender: Client) -> list[Problem]:
    return sender.house.lobby.problems.of(sender.account).since(0)


def test_s107_frame_of_more_than_64_kib_is_refused_with_its_transaction_and_the_session_lives_on(
    sender: Client,
) -> None:
    frame = sender.frame("keepalive", body={"text": ""})
    room = MAX_FRAME_BYTES - len(json.dumps(frame))
    assert sender.ask(frame | {"body": {"text": "x" * room}})["janus"] == "ack"
    reply = sender.ask(frame | {"body": {"text": "x" * (room + 1)}})
    assert reply["error"]["reason"] == f"Expected a frame of at most 65536 bytes, got one of {MAX_FRAME_BYTES + 1}."
    assert problems(sender)[-1].rule is rules.FRAME_SIZE
    assert sender.request("keepalive")["janus"] == "ack"


def test_s107_transaction_without_end_is_refused(sender: Client) -> None:
    """Each comes back in a reply, which has to wait if the client does not read."""
    assert sender.ask(sender.frame("keepalive") | {"transaction": "x" * MAX_TRANSACTION_CHARS})["janus"] == "ack"
    sender.say(json.dumps(sender.frame("keepalive") | {"transaction": "x" * (MAX_TRANSACTION_CHARS + 1)}))
    assert "at most 1024 characters" in problems(sender)[-1].reason


def test_s6_transaction_with_half_a_surrogate_pair_comes_back(sender: Client) -> None:
    assert sender.ask(sender.frame("keepalive") | {"transaction": "\ud800é"})["janus"] == "ack"


def test_handles_of_a_session_are_bounded(sender: Client) -> None:
    for _ in range(MAX_HANDLES):
        assert sender.attach("videoroom") is not None
    assert sender.attach("videoroom") is None
    assert problems(sender)[-1].rule is rules.HANDLES_SPENT
    assert sender.request("detach", handle_id=sender.handles[0].id)["janus"] == "success"
    assert sender.attach("videoroom") is not None


def test_s107_frames_in_too_quick_a_row_are_refused_until_time_has_passed(sender: Client) -> None:
    for _ in range(FRAMES_AT_ONCE - 1):
        assert sender.request("keepalive")["janus"] == "ack"
    for _ in range(3):
        reply = sender.request("keepalive")
        assert reply["janus"] == "error"
        assert reply["error"]["reason"].startswith("Too many frames on this connection: 4000 frames are allowed")
    told = [problem for problem in problems(sender) if problem.rule is rules.FRAME_PACE]
    assert len(told) == 1, "one line, or a flood would push everything else out"
    sender.house.loop.run(3.5 / FRAMES_PER_SECOND)
    answers = [sender.request("keepalive")["janus"] for _ in range(4)]
    assert answers == ["ack", "ack", "ack", "error"]


def test_frames_of_too_many_bytes_in_a_row_are_refused(sender: Client) -> None:
    answers = [sender.request("keepalive", body={"text": "x" * 60_000})["janus"] for _ in range(200)]
    assert 130 < answers.count("ack") < 145  # 8 MiB
    assert answers[-1] == "error"
    sender.house.loop.run(1.0)
    assert sender.request("keepalive")["janus"] == "ack"


def test_client_that_does_not_stop_is_closed_with_a_reason(sender: Client) -> None:
    bystander = Client(sender.house, sender.account, sender.room_id, str(uuid4()))
    bystander.create()
    for _ in range(FRAMES_AT_ONCE - 1 + REFUSALS_AT_ONCE):
        sender.say("{")
    assert not sender.session.over
    sender.session.receive("{")
    assert list(sender.session.outbox) == [Close(1008)]
    last = problems(sender)[-1]
    assert (last.form, last.code, last.rule) == ("closed", 1008, rules.FRAME_PACE)
    assert bystander.request("keepalive")["janus"] == "ack"


def test_connection_inside_the_process_goes_at_any_pace(house: House) -> None:
    """It may live on a travelling clock, on which everything happens at once."""
    account = house.account("key")
    inside = Client(house, account, house.new_room(account), str(uuid4()), media=False)
    inside.create()
    for _ in range(FRAMES_AT_ONCE + 10):
        assert inside.request("keepalive")["janus"] == "ack"
    assert inside.request("keepalive", body={"text": "x" * 100_000})["janus"] == "ack"


# -- over a socket ----------------------------------------------------------------------------------------------------


async def open_socket(room: RestRoom) -> aiohttp.ClientWebSocketResponse:
    return await room.http.ws_connect(
        f"{room.emulator.ws_url}/{room.id}/janus", protocols=["janus-protocol"], max_msg_size=0
    )


def told(room: RestRoom, rule: rules.Rule) -> list[Problem]:
    account = room.emulator.accounts.by_key(room.emulator.api_key)
    assert account is not None
    return [problem for problem in room.emulator.lobby.problems.of(account).since(0) if problem.rule is rule]


async def test_s13_close_of_ours_leaves_the_client_time_to_answer_it() -> None:
    """A browser that finds the connection gone before it has answered says 1006, and the SDK `network_error`."""
    async with (
        Emulator(Config(port=0, idle_timeout_secs=0.3)) as emulator,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {emulator.api_key}"}) as http,
    ):
        room = await RestRoom.create(emulator, http)
        url = f"{emulator.ws_url}/{room.id}/janus"
        async with http.ws_connect(url, protocols=["janus-protocol"], autoclose=False) as ws:
            transport = ws._response.connection.transport  # type: ignore[union-attr]  # an open connection has one
            async with asyncio.timeout(20):
                last = await ws.receive()
            assert (last.type, last.data) == (aiohttp.WSMsgType.CLOSE, 3999)
            for _ in range(3):  # time enough for the server to hang up, if it did so
                await room.get(f"rooms/{room.id}")
            assert not transport.is_closing()  # type: ignore[union-attr]  # one of asyncio's


async def test_s21_socket_that_is_left_open_behind_a_destroy_is_closed_like_a_silent_one() -> None:
    async with (
        Emulator(Config(port=0, idle_timeout_secs=0.3)) as emulator,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {emulator.api_key}"}) as http,
    ):
        room = await RestRoom.create(emulator, http)
        token = await room.token()
        async with await open_socket(room) as ws:
            await ws.send_json({"janus": "create", "transaction": "a", "client_token": token})
            session_id = (await ws.receive_json())["data"]["id"]
            frame = {"janus": "destroy", "session_id": session_id, "transaction": "b", "client_token": token}
            await ws.send_json(frame)
            assert (await ws.receive_json())["janus"] == "success"
            async with asyncio.timeout(20):
                last = await ws.receive()
            assert (last.type, last.data) == (aiohttp.WSMsgType.CLOSE, 3999)


async def test_frame_that_goes_on_and_on_ends_the_connection_with_1009(room: RestRoom) -> None:
    ws = await open_socket(room)
    await ws.send_str("x" * (MAX_FRAME_BYTES * 4 + 1))
    assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
    assert ws.close_code == 1009
    assert [(problem.form, problem.code) for problem in told(room, rules.FRAME_SIZE)] == [("closed", 1009)]


async def flood(ws: aiohttp.ClientWebSocketResponse) -> None:
    for _ in range(FRAMES_AT_ONCE // 2):
        await ws.ping()
    for _ in range(1000):
        for _ in range(100):
            await ws.send_str("")
        await asyncio.sleep(0.001)


async def test_flood_is_closed_with_1008_or_cut_off_if_it_does_not_read_that(
    room: RestRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.signaling.gateway.CLOSE_HANDSHAKE_SECS", 0.1)
    ws = await open_socket(room)
    with pytest.raises(ConnectionError):
        await flood(ws)
    assert told(room, rules.FRAME_PACE)[-1].code == 1008
    await ws.close()


async def test_ping_is_answered(room: RestRoom) -> None:
    url = f"{room.emulator.ws_url}/{room.id}/janus"
    async with room.http.ws_connect(url, protocols=["janus-protocol"], autoping=False) as ws:
        await ws.ping(b"are you there")
        message = await ws.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"are you there")


async def test_client_that_never_reads_is_cut_off_and_disturbs_nobody(
    client: Clients, room: RestRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.signaling.session.MAX_OUTBOX", 20)
    bob, stalled = await client(entered=True), await client(entered=True)
    transport = stalled.ws._response.connection.transport  # type: ignore[union-attr]  # an open connection has one
    transport.pause_reading()  # type: ignore[union-attr]  # one of asyncio's
    stream = {"id": "s", "key": "audiobridge"}
    big = display(bob.participant_id, stream=stream, context="x" * 40_000)
    for _ in range(140):  # each join is told to the other with that display
        handle = await bob.attach("audiobridge")
        await bob.message(handle, {"request": "join", "display": big, "muted": False})
        assert (await bob.request("detach", handle_id=handle))["janus"] == "success"
        if told(room, rules.UNREAD):
            break
    assert [problem.reason for problem in told(room, rules.UNREAD)] == ["It has left 20 frames unread."]
    await bob.event(leaving=stalled.reg_id)
    transport.resume_reading()  # type: ignore[union-attr]  # one of asyncio's
    assert await stalled.closed() == 1006


async def test_longest_frame_can_be_set() -> None:
    async with (
        Emulator(Config(port=0, max_frame_bytes=16 * 1024)) as emulator,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {emulator.api_key}"}) as http,
    ):
        ws = await open_socket(await RestRoom.create(emulator, http))
        await ws.send_str("x" * 20_000)
        assert "at most 16384 bytes" in (await ws.receive_json())["error"]["reason"]
        await ws.close()
