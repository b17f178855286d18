"""The Janus client against a server that follows a script."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from emulator.clients.answers import PluginEvent, reason_for
from emulator.clients.errors import (
    ConnectError,
    ConnectionLost,
    JanusRefusal,
    PluginRefusal,
    ProtocolViolation,
    Refused,
    RequestTimeout,
)
from emulator.clients.signaling import JanusClient
from emulator.clients.websocket import open_websocket
from tests.clients.scripted_server import SESSION, Frame, Reply, ScriptedServer

HANDLE = 7


class Session:
    """A client and what it told."""

    def __init__(self) -> None:
        self.events: list[PluginEvent] = []
        self.closed: list[int] = []
        self.client: JanusClient

    async def join(self, **more: Any) -> Any:
        return await self.client.message(
            HANDLE, {"request": "join"}, name="REG join", expect={"audiobridge": "joined"}, **more
        )


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


@asynccontextmanager
async def _session(server: ScriptedServer, **options: Any) -> AsyncIterator[Session]:
    session = Session()
    session.client = JanusClient(
        await open_websocket(server.url),
        token="jwt",
        rng=Random(1),
        on_event=session.events.append,
        on_closed=session.closed.append,
        **options,
    )
    try:
        yield session
    finally:
        await session.client.destroy()


def _event(data: Frame, **more: Any) -> Frame:
    return {"janus": "event", "sender": HANDLE, "plugindata": {"plugin": "p", "data": data}, **more}


def _answering(server: ScriptedServer, *replies: Reply) -> None:
    """Let plugin messages be answered with these frames; `T` stands for the transaction."""

    def fill(reply: Reply, transaction: str) -> Reply:
        if isinstance(reply, dict) and reply.get("transaction") == "T":
            return {**reply, "transaction": transaction}
        return reply

    def answer(frame: Frame) -> list[Reply] | None:
        if frame["janus"] != "message":
            return None
        return [fill(reply, frame["transaction"]) for reply in replies]

    server.answer = answer


JOINED = _event({"audiobridge": "joined", "id": 51, "participants": []}, transaction="T")


async def test_every_frame_carries_token_and_transaction_and_the_session_once_there_is_one(
    server: ScriptedServer,
) -> None:
    async with _session(server) as session:
        assert await session.client.create() == SESSION
        await session.client.attach("janus.plugin.audiobridge")
        await session.client.trickle_completed(HANDLE, name="MIX")
        await session.client.detach(HANDLE, name="PUB")
    await server.closed.wait()
    assert server.requests() == ["create", "attach", "trickle", "detach", "destroy"]
    assert {frame["client_token"] for frame in server.frames} == {"jwt"}
    assert len({frame["transaction"] for frame in server.frames}) == 5
    assert [frame.get("session_id") for frame in server.frames] == [None, *[SESSION] * 4]
    assert server.frames[2]["candidate"] == {"completed": True}
    assert server.close_code == 1000


async def test_the_ack_before_and_after_the_answer_is_passed_over(server: ScriptedServer) -> None:
    ack: Frame = {"janus": "ack", "transaction": "T"}
    _answering(server, ack, JOINED, ack)
    async with _session(server) as session:
        answer = await session.join()
        assert answer.data["id"] == 51
        assert not session.client.faults


async def test_the_answers_description_comes_with_it(server: ScriptedServer) -> None:
    _answering(server, JOINED | {"jsep": {"type": "answer", "sdp": "v=0"}})
    async with _session(server) as session:
        answer = await session.join()
        assert (answer.jsep.type, answer.jsep.sdp) == ("answer", "v=0")


async def test_answers_are_matched_by_transaction_whatever_their_order(server: ScriptedServer) -> None:
    waiting: list[str] = []

    def answer(frame: Frame) -> list[Reply] | None:
        if frame["janus"] != "attach":
            return None
        waiting.append(frame["transaction"])
        if len(waiting) < 3:
            return []
        return [
            {"janus": "success", "transaction": t, "data": {"id": n}} for n, t in reversed([*enumerate(waiting, 1)])
        ]

    server.answer = answer
    async with _session(server) as session:
        assert await asyncio.gather(*(session.client.attach("p") for _ in range(3))) == [1, 2, 3]


async def test_events_come_in_order_and_after_the_answer_before_them(server: ScriptedServer) -> None:
    order: list[str] = []
    _answering(server, JOINED, *(_event({"n": n}) for n in range(5)))
    async with _session(server) as session:
        await session.join(on_answer=lambda _data: order.append(f"answer before {len(session.events)} events"))
        await _until(lambda: len(session.events) == 5)
        assert [event.data["n"] for event in session.events] == [0, 1, 2, 3, 4]
    assert order == ["answer before 0 events"]


async def test_frames_the_sdk_ignores_are_ignored(server: ScriptedServer) -> None:
    noise: list[Reply] = [
        {"janus": "webrtcup", "sender": HANDLE},
        {"janus": "hangup", "sender": HANDLE, "reason": "x"},
        {"janus": "timeout", "session_id": SESSION},
        {"janus": "success", "transaction": "nobody's"},
    ]
    _answering(server, *noise, JOINED)
    async with _session(server) as session:
        await session.join()
        assert session.events == []
        assert not session.client.faults


REFUSALS: list[Any] = [
    pytest.param(
        {"janus": "error", "transaction": "T", "error": {"code": 459, "reason": "No such handle"}},
        JanusRefusal,
        "REG join: Janus error 459: No such handle",
        id="janus-error",
    ),
    pytest.param(
        {"janus": "error", "transaction": "T"},
        JanusRefusal,
        "REG join: Janus error 0: no reason given",
        id="bare-error",
    ),
    pytest.param(
        _event({"videoroom": "event", "error_code": 428, "error": "No such feed"}, transaction="T"),
        PluginRefusal,
        "REG join: error_code 428: No such feed",
        id="plugin-error",
    ),
    pytest.param(
        _event({"audiobridge": "event"}, transaction="T"),
        ProtocolViolation,
        "REG join: expected {'audiobridge': 'joined'}, got {'audiobridge': 'event'}",
        id="wrong-answer",
    ),
    pytest.param(
        JOINED | {"janus": "success"},
        ProtocolViolation,
        "asynchronous answer .* got a synchronous one",
        id="synchronous",
    ),
    pytest.param(
        {"janus": "event", "sender": HANDLE, "plugindata": {}, "transaction": "T"},
        ProtocolViolation,
        "plugindata.data to be an object",
        id="no-data",
    ),
    pytest.param(
        JOINED | {"jsep": {"type": "answer"}}, ProtocolViolation, "expected jsep with type and sdp", id="jsep"
    ),
    pytest.param(
        {"status_code": 401, "error_message": "The token has expired"},
        Refused,
        "REG join: refused with status_code 401: The token has expired",
        id="status-code",
    ),
]


@pytest.mark.parametrize(("reply", "error", "text"), REFUSALS)
async def test_a_refusal_is_raised_at_once_and_names_the_request(
    server: ScriptedServer, reply: Frame, error: type[Exception], text: str
) -> None:
    _answering(server, reply)
    async with _session(server) as session:
        await session.client.create()
        async with asyncio.timeout(5):
            with pytest.raises(error, match=text):
                await session.join()


async def test_an_error_frame_is_answered_with_an_empty_close_and_ends_everything(server: ScriptedServer) -> None:
    _answering(server, {"status_code": 403, "error_message": "The room is full", "transaction": "T"})
    async with _session(server) as session:
        await session.client.create()
        with pytest.raises(Refused):
            await session.join()
        assert await session.client.wait_ended() == 1005
        with pytest.raises(Refused, match="attach: refused with status_code 403: The room is full"):
            await session.client.attach("p")
    assert server.close_code == 0  # aiohttp's word for an empty Close
    assert session.closed == [1005]


async def test_silence_is_a_timeout_that_names_the_request(server: ScriptedServer) -> None:
    _answering(server)
    async with _session(server, request_timeout=0.05) as session:
        with pytest.raises(RequestTimeout, match=r"REG join: no answer within 0\.05 s"):
            await session.join()


@pytest.mark.parametrize("number", ["17", 0, -1, 2**53, True, None, 1.5])
async def test_an_id_that_javascript_could_not_use_is_refused(server: ScriptedServer, number: object) -> None:
    server.answer = lambda frame: [{"janus": "success", "transaction": frame["transaction"], "data": {"id": number}}]
    async with _session(server) as session:
        with pytest.raises(ProtocolViolation, match=r"create: expected data\.id to be an integer from 1 to 2\^53-1"):
            await session.client.create()


GARBAGE = [
    ("{", "expected a JSON frame"),
    ("[1]", "expected a JSON object"),
    ("null", "expected a JSON object"),
    (b"\x00\x01", "expected a text frame, got a binary frame of 2 bytes"),
    ({"janus": "event", "transaction": 7}, "expected a transaction to be a string"),
    (_event({}) | {"sender": "7"}, "expected an event with an integer sender"),
    ({"janus": "event", "sender": 7, "plugindata": {"data": []}}, "expected an event with an integer sender and data"),
    ({"janus": "joined", "transaction": "T"}, "REG join: expected janus 'event'"),
]


@pytest.mark.parametrize(("garbage", "fault"), GARBAGE)
async def test_garbage_is_told_and_the_session_goes_on(server: ScriptedServer, garbage: Reply, fault: str) -> None:
    _answering(server, garbage, JOINED)
    async with _session(server) as session:
        await session.client.create()
        assert (await session.join()).data["id"] == 51
        assert len(session.client.faults) == 1
        assert fault in session.client.faults[0]


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1000, "user_initiated"), (3999, "timed_out"), (4000, "session_terminated"), (1011, "unknown")],
)
async def test_the_servers_close_code_is_reported_and_echoed(server: ScriptedServer, code: int, reason: str) -> None:
    async with _session(server) as session:
        await session.client.create()
        waiting = asyncio.create_task(session.join())
        await _until(lambda: len(server.frames) == 2)
        await server.close(code)
        with pytest.raises(ConnectionLost, match=f"REG join: the connection ended with {code} \\({reason}\\)"):
            await waiting
    assert session.closed == [code]
    assert reason_for(code) == reason


async def test_a_connection_that_breaks_is_1006_and_requests_in_flight_fail(server: ScriptedServer) -> None:
    _answering(server)
    async with _session(server) as session:
        await session.client.create()
        waiting = asyncio.create_task(session.join())
        await _until(lambda: len(server.frames) == 2)
        assert server.ws is not None
        writer = server.ws._writer
        assert writer is not None
        writer.transport.abort()
        with pytest.raises(ConnectionLost, match="1006"):
            await waiting
        with pytest.raises(ConnectionLost, match="attach: the connection ended with 1006"):
            await session.client.attach("p")
    assert session.closed == [1006]


async def test_abort_cuts_the_connection_without_destroy_or_close(server: ScriptedServer) -> None:
    async with _session(server) as session:
        await session.client.create()
        await session.client.abort()
    await server.closed.wait()
    assert server.requests() == ["create"]
    assert server.close_code is None
    assert session.closed == [1006]


async def test_keepalives_go_out_at_their_interval_and_unanswered_ones_do_no_harm(server: ScriptedServer) -> None:
    server.answer = lambda frame: [] if frame["janus"] == "keepalive" and len(server.frames) == 2 else None
    async with _session(server, keepalive_interval=0.02) as session:
        await session.client.create()
        await _until(lambda: server.requests().count("keepalive") >= 4)
        assert len(session.client.keepalives.round_trips) >= 2
        assert await session.client.attach("p") > 0


async def test_a_new_token_goes_out_with_a_keepalive_and_with_everything_after_it(server: ScriptedServer) -> None:
    async with _session(server) as session:
        await session.client.create()
        await session.client.update_token("fresh")
        await session.client.attach("p")
    assert [(frame["janus"], frame["client_token"]) for frame in server.frames[:3]] == [
        ("create", "jwt"),
        ("keepalive", "fresh"),
        ("attach", "fresh"),
    ]


async def test_a_server_that_ignores_the_close_does_not_keep_us(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("emulator.clients.signaling.CLOSE_TIMEOUT_SECS", 0.05)
    stalled = asyncio.Event()

    async def stall(_reply: object) -> None:
        await stalled.wait()

    monkeypatch.setattr(server, "send", stall)
    caplog.set_level(logging.WARNING)
    async with _session(server, request_timeout=0.05) as session:
        with pytest.raises(RequestTimeout):
            await session.client.create()
    assert "did not answer the Close" in caplog.text
    assert session.closed == [1006]
    stalled.set()


async def test_a_server_without_the_subprotocol_is_refused() -> None:
    async with ScriptedServer(subprotocols=()) as server:
        with pytest.raises(ConnectError, match="expected the subprotocol 'janus-protocol' to be selected, got None"):
            await open_websocket(server.url)


async def test_nobody_there_and_no_such_path_are_told(server: ScriptedServer) -> None:
    with pytest.raises(ConnectError, match=r"nobody answers at ws://127.0.0.1:1 \(Connection refused\)") as nobody:
        await open_websocket("ws://127.0.0.1:1/room/janus")
    assert nobody.value.status is None
    with pytest.raises(ConnectError, match="the handshake was refused with 404") as missing:
        await open_websocket(f"{server.ws_url}/elsewhere")
    assert missing.value.status == 404


async def _until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the other side's state has no event
            await asyncio.sleep(0.005)
