"""Messages between synthetic participants: over data channels, and without media through the memory transport."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from emulator.clients import RoomClient
from emulator.clients.errors import ClientStateError, MediaError, PluginRefusal, ProtocolViolation, RequestTimeout
from emulator.clients.events import MessageReceived, ParticipantJoined, ParticipantLeft
from emulator.clients.memory_transport import memory_opener
from emulator.clients.messaging import Messaging
from emulator.server import Emulator
from tests.clients.conftest import MakeClient
from tests.clients.scripted_server import SESSION, Frame, Reply, ScriptedServer
from tests.signaling.raw_client import RestRoom


@pytest.fixture(params=["data channel", "memory"])
def people(request: pytest.FixtureRequest, join: MakeClient, emulator: Emulator) -> MakeClient:
    """`await people("Ann")`: with media and without, the same to the application."""

    async def make(name: str, **options: Any) -> RoomClient:
        if request.param == "memory":
            options |= {"media": False, "open_transport": memory_opener(emulator.lobby)}
        return await join(name, messages=True, **options)

    return make


def received(client: RoomClient) -> list[Any]:
    return [event.payload for event in client.events if isinstance(event, MessageReceived)]


async def test_message_to_all_comes_back_to_the_sender(people: MakeClient) -> None:
    """S-40, S-42, S-43."""
    ann, ben = await people("Ann"), await people("Ben")
    await ann.send_message("Grüße 👋")
    wanted = MessageReceived(ann.participant_id, "text", "Grüße 👋")
    assert await ben.wait_for(MessageReceived) == wanted
    assert await ann.wait_for(MessageReceived) == wanted
    assert ben.participants[ann.participant_id].can_receive_messages


async def test_directed_message_reaches_those_only(people: MakeClient) -> None:
    """S-41."""
    ann, ben, cleo = await people("Ann"), await people("Ben"), await people("Cleo")
    await ann.send_message("for Ben", to=ben)
    await ann.send_message({"any": ["JSON"]}, to=[ben, cleo.participant_id], kind="custom")
    await ann.send_message("for all")
    for client in (ann, ben, cleo):
        await client.wait_for(MessageReceived, {"payload": "for all"})
    assert received(ann) == ["for all"]
    assert received(ben) == ["for Ben", {"any": ["JSON"]}, "for all"]
    custom = await cleo.wait_for(MessageReceived)
    assert custom.kind == "custom"
    assert custom.recipients == (ben.participant_id, cleo.participant_id)


async def test_hundred_messages_in_a_burst_keep_their_order(people: MakeClient) -> None:
    ann, ben = await people("Ann"), await people("Ben")
    texts = [f"{number} " + "x" * (20_000 if number % 25 == 0 else 5) for number in range(100)]
    await asyncio.gather(*(ann.send_message(text) for text in texts))
    await ben.wait_for(MessageReceived, {"payload": texts[-1]})
    assert received(ben) == texts


async def test_who_has_left_is_told_nothing_more(people: MakeClient) -> None:
    ann, ben = await people("Ann"), await people("Ben")
    await ben.leave()
    await ann.wait_for(ParticipantLeft, {"participant_id": ben.participant_id})
    await ann.send_message("gone?", to=ben)  # answered all the same (S-43)
    assert received(ben) == []
    with pytest.raises(ClientStateError, match="expected a connected client"):
        await ben.send_message("still here")


async def test_message_that_is_too_large_is_refused_with_the_limit(people: MakeClient) -> None:
    ann = await people("Ann")
    with pytest.raises((MediaError, PluginRefusal), match="262144"):
        await ann.send_message("x" * 300_000)
    await ann.send_message("x" * 65536)


async def test_client_made_without_messages_says_what_is_missing(join: MakeClient) -> None:
    """S-44, S-45."""
    ann, plain = await join("Ann", messages=True), await join("Plain")
    with pytest.raises(ClientStateError, match="Plain: expected a client made with messages=True"):
        await plain.send_message("hello")
    await ann.send_message("anybody?")
    await ann.wait_for(MessageReceived)
    await ann.wait_for(ParticipantJoined, {"participant_id": plain.participant_id})
    assert not ann.participants[plain.participant_id].can_receive_messages
    assert received(plain) == []


async def test_who_vanishes_leaves_the_text_room(join: MakeClient) -> None:
    ann, ben = await join("Ann", messages=True), await join("Ben", messages=True)
    await ben.vanish()
    await ann.wait_for(ParticipantLeft, {"participant_id": ben.participant_id})
    await ann.send_message("gone?")
    assert received(ben) == []


async def test_who_is_kicked_can_say_nothing_more(join: MakeClient, room: RestRoom) -> None:
    ann, ben = await join("Ann", messages=True), await join("Ben", messages=True)
    session = await room.active_session()
    await room.post(f"room_sessions/{session}/actions/kick", {"participants": [ben.participant_id]})
    await ben.wait_disconnected()
    await ann.send_message("gone?")
    assert received(ben) == []


# -- servers that do not keep to the rules -----------------------------------------------------------------------------


class Silent:
    """A text room that is told everything and answers nothing, unless a test does."""

    def __init__(self, request_timeout: float = 0.05) -> None:
        from random import Random

        self.sent: list[Frame] = []
        self.spoken = asyncio.Event()
        self.events: list[Any] = []
        self.faults: list[str] = []
        self.messaging = Messaging(
            "me",
            send=self._send,
            emit=self.events.append,
            on_fault=self.faults.append,
            rng=Random(1),
            request_timeout=request_timeout,
        )
        self.messaging.room = 4711

    def _send(self, text: str) -> None:
        self.sent.append(json.loads(text))
        self.spoken.set()

    def receive(self, **frame: Any) -> None:
        self.messaging.receive(json.dumps(frame))


async def test_frames_are_those_of_the_sdk() -> None:
    room = Silent()
    room.messaging.join()
    with pytest.raises(RequestTimeout, match=r"text message: no answer within 0\.05 s"):
        await room.messaging.message({"type": "text", "payload": "hi"}, ["you"])
    join, message = room.sent
    assert join.pop("transaction") != message.pop("transaction")
    assert join == {"textroom": "join", "room": 4711, "username": "me", "display": "me"}
    assert json.loads(message.pop("text")) == {"message": {"type": "text", "payload": "hi"}, "recipients": ["you"]}
    assert message == {"textroom": "message", "room": 4711, "tos": ["you"]}


async def test_refused_message_raises_and_refused_join_is_a_fault() -> None:
    room = Silent(request_timeout=5)
    sending = asyncio.ensure_future(room.messaging.message({"type": "text", "payload": "hi"}, []))
    await room.spoken.wait()
    room.receive(textroom="error", transaction=room.sent[0]["transaction"], error_code=422, error="not in the room")
    with pytest.raises(PluginRefusal, match="error_code 422: not in the room"):
        await sending
    room.messaging.join()
    room.receive(textroom="error", transaction=room.sent[1]["transaction"], error_code=417, error="no such room")
    assert room.faults == ["text room: error_code 417: no such room"]


async def test_end_of_the_connection_ends_the_waiting() -> None:
    room = Silent(request_timeout=5)
    sending = asyncio.ensure_future(room.messaging.message({"type": "text", "payload": "hi"}, []))
    await room.spoken.wait()
    room.messaging.end("the cable is out")
    with pytest.raises(MediaError, match="the cable is out"):
        await sending
    with pytest.raises(MediaError, match="the cable is out"):
        await room.messaging.message({"type": "text", "payload": "hi"}, [])


@pytest.mark.parametrize("text", ["no JSON", "[]", {"message": {}}, None, '{"message": "bare"}'])
async def test_message_the_sdk_would_choke_on_is_a_fault(text: object) -> None:
    """T-30."""
    room = Silent()
    room.receive(textroom="message", **{"from": "you"}, text=text)
    room.messaging.receive("no JSON at all")
    assert room.events == []
    assert len(room.faults) == 2
    assert "T-30" in room.faults[0]


async def test_what_the_sdk_ignores_is_ignored() -> None:
    room = Silent()
    for kind in ("join", "leave", "announcement", "destroyed", "success", "whatever"):
        room.receive(textroom=kind, transaction="unknown")
    assert (room.events, room.faults) == ([], [])


@pytest.mark.parametrize("jsep", [None, {"type": "offer", "sdp": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"}])
async def test_set_up_without_a_usable_offer_is_told_at_once(jsep: dict[str, str] | None) -> None:
    """S-36: the SDK would wait 30 s."""

    def answer(frame: Frame) -> list[Reply] | None:
        if frame["janus"] != "message":
            return None
        data = {"textroom": "event", "result": "ok", "janus_room_id": 1}
        reply: Frame = {
            "janus": "event",
            "session_id": SESSION,
            "sender": frame["handle_id"],
            "transaction": frame["transaction"],
            "plugindata": {"plugin": "janus.plugin.textroom", "data": data},
        }
        return [reply if jsep is None else {**reply, "jsep": jsep}]

    async with ScriptedServer() as server:
        server.answer = answer
        client = RoomClient(ws_url=server.ws_url, room_id=str(uuid4()), token="t", messages=True)
        with pytest.raises(ProtocolViolation if jsep is None else MediaError, match="TXT"):
            await client.connect()
        await client.leave()
