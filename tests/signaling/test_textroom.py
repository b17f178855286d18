"""The text room over aiortc's own peer connection (S-36 to S-45)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from emulator.server import Emulator
from emulator.signaling import textroom
from emulator.wire.sdp import SessionDescription
from tests.signaling.aiortc_peer import new_connection
from tests.signaling.conftest import Clients
from tests.signaling.raw_client import RawClient, RestRoom

Frame = dict[str, Any]


@pytest.fixture(autouse=True)
def loopback_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves 127.0.0.1 out of its host candidates; here it is the only address that may be used."""
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


class Talker:
    """A raw client with a textroom handle and aiortc's data channel behind it."""

    def __init__(self, client: RawClient) -> None:
        self.client = client
        self.me = client.participant_id
        self.pc: RTCPeerConnection = new_connection()
        self.handle = 0
        self.room: object = None
        self.offer = ""
        self.channel: RTCDataChannel | None = None
        self.frames: list[Frame] = []
        self._changed = asyncio.Event()

    async def set_up(self) -> Frame:
        """R3."""
        self.handle = await self.client.attach("textroom")
        reply = await self.client.message(self.handle, {"request": "setup", "room": self.client.room_id})
        self.room = reply["plugindata"]["data"]["janus_room_id"]
        self.offer = reply["jsep"]["sdp"]
        return reply

    async def open(self, label: str = "JanusDataChannel") -> Talker:
        """R4, and the channel opened by the client."""
        await self.pc.setRemoteDescription(RTCSessionDescription(self.offer, "offer"))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        self.channel = channel = self.pc.createDataChannel(label)
        channel.on("open", self._changed.set)
        channel.on("message", self._heard)
        channel.on("close", self._changed.set)
        jsep = {"type": "answer", "sdp": self.pc.localDescription.sdp}
        reply = await self.client.message(self.handle, {"request": "ack"}, jsep)
        assert reply["janus"] == "event", reply
        assert reply["plugindata"]["data"] == {"textroom": "event", "result": "ok"}  # S-37
        await self.until(lambda: channel.readyState == "open")
        return self

    def _heard(self, message: str) -> None:
        self.frames.append(json.loads(message))
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    @property
    def closed(self) -> bool:
        return self.channel is not None and self.channel.readyState == "closed"

    def send(self, kind: str, **fields: Any) -> str:
        """The transaction."""
        assert self.channel is not None
        transaction = str(uuid4())
        self.channel.send(
            json.dumps({"textroom": kind, "transaction": transaction, "room": self.room, **fields}, ensure_ascii=False)
        )
        return transaction

    async def ask(self, kind: str, **fields: Any) -> Frame:
        transaction = self.send(kind, **fields)
        return await self.frame(lambda frame: frame.get("transaction") == transaction)

    async def frame(self, wanted: Callable[[Frame], bool]) -> Frame:
        await self.until(lambda: any(map(wanted, self.frames)))
        return next(filter(wanted, self.frames))

    async def join(self) -> Talker:
        reply = await self.ask("join", username=self.me, display=self.me)
        assert reply["textroom"] == "success", reply
        return self

    async def said(self, text: str) -> Frame:
        return await self.frame(lambda frame: frame.get("text") == text)

    @property
    def messages(self) -> list[str]:
        return [frame["text"] for frame in self.frames if frame["textroom"] == "message"]

    def events(self, kind: str) -> list[Frame]:
        return [frame for frame in self.frames if frame["textroom"] == kind]

    async def enter(self) -> Talker:
        """As the SDK: the text room first, then the participant."""
        await self.client.create()
        await self.set_up()
        await (await self.open()).join()
        await self.client.join_register()
        await self.client.join_listener()
        return self


Talkers = Callable[..., Any]


@pytest.fixture
async def talker(client: Clients) -> AsyncIterator[Talkers]:
    made: list[Talker] = []

    async def make(*, entered: bool = True) -> Talker:
        one = Talker(await client())
        made.append(one)
        return await one.enter() if entered else one

    yield make
    for one in made:
        await one.pc.close()


async def test_set_up_is_answered_with_room_number_and_offer_in_one_frame(talker: Talkers) -> None:
    """S-36."""
    one = await talker(entered=False)
    await one.client.create()
    reply = await one.set_up()
    data = reply["plugindata"]["data"]
    assert reply["janus"] == "event"
    assert reply["plugindata"]["plugin"] == "janus.plugin.textroom"
    assert (data["textroom"], data["result"]) == ("event", "ok")
    assert isinstance(data["janus_room_id"], int)
    assert reply["jsep"]["type"] == "offer"
    (media,) = SessionDescription.parse(reply["jsep"]["sdp"]).media
    assert (media.kind, media.protocol, media.formats) == ("application", "UDP/DTLS/SCTP", ["webrtc-datachannel"])
    assert (media.sctp_port, media.max_message_size) == (5000, 262144)
    assert media.candidates  # S-35


async def test_join_is_answered_with_those_who_are_there_and_told_to_them(talker: Talkers) -> None:
    """S-38, S-39."""
    one = await talker()
    two = await talker(entered=False)
    await two.client.create()
    await two.set_up()
    await two.open()
    assert two.room == one.room
    reply = await two.ask("join", username=two.me, display=two.me)
    assert reply["textroom"] == "success"
    assert reply["participants"] == [{"username": one.me, "display": one.me}]
    event = await one.frame(lambda frame: frame["textroom"] == "join")
    assert event == {"textroom": "join", "room": one.room, "username": two.me, "display": two.me}
    assert two.events("join") == []


async def test_public_message_reaches_all_members_the_sender_included(talker: Talkers) -> None:
    """S-40, S-42, S-43: the echo comes before the success (signaling.md 6.6)."""
    one, two, three = await talker(), await talker(), await talker()
    text = json.dumps({"message": {"type": "text", "payload": "Grüße 👋"}, "recipients": []}, ensure_ascii=False)
    reply = await one.ask("message", text=text)
    assert reply == {"textroom": "success", "transaction": reply["transaction"]}
    for each in (one, two, three):
        frame = await each.said(text)
        assert set(frame) == {"textroom", "room", "from", "date", "text"}
        assert (frame["from"], frame["room"]) == (one.me, one.room)
        assert frame["date"].endswith("+0000")
    assert [frame["textroom"] for frame in one.frames[-2:]] == ["message", "success"]


async def test_directed_message_reaches_the_listed_only(talker: Talkers) -> None:
    """S-41, S-43: `sent` tells who got it; unknown ids do not hinder."""
    one, two, three = await talker(), await talker(), await talker()
    reply = await one.ask("message", text="for two", tos=[two.me, "nobody", two.me])
    assert reply["textroom"] == "success"
    assert reply["sent"] == {two.me: True, "nobody": False}
    assert (await two.said("for two"))["whisper"] is True
    await one.ask("message", text="by to", to=three.me)
    await one.ask("message", text="for all")
    for each in (one, two, three):
        await each.said("for all")
    assert one.messages == ["for all"]
    assert two.messages == ["for two", "for all"]
    assert three.messages == ["by to", "for all"]


@pytest.mark.parametrize("text", ["", "no JSON", "{}", "\u2028\u0000", "null"])
async def test_unusual_text_is_passed_on_unmodified(talker: Talkers, text: str) -> None:
    """S-42, S-43."""
    one = await talker()
    assert (await one.ask("message", text=text))["textroom"] == "success"
    assert one.messages == [text]


async def test_half_a_surrogate_pair_passes(talker: Talkers) -> None:
    """JSON may carry as an escape what UTF-8 cannot."""
    one = await talker()
    one.channel.send(f'{{"textroom":"message","transaction":"t","room":{one.room},"text":"\\ud83d!"}}')
    assert (await one.frame(lambda frame: frame.get("transaction") == "t"))["textroom"] == "success"
    assert one.messages == ["\ud83d!"]


async def test_large_messages_and_bursts_keep_their_order(talker: Talkers) -> None:
    one, two = await talker(), await talker()
    texts = [f"{number} " + "x" * (60_000 if number % 20 == 0 else 10) for number in range(100)]
    for text in texts:
        one.send("message", text=text)
    await two.said(texts[-1])
    await one.until(lambda: len(one.events("success")) == 101)  # the join's is one of them
    assert two.messages == texts
    assert one.messages == texts


@pytest.mark.parametrize("leaving", ["leave", "detach", "close", "vanish", "kick", "give up"])
async def test_membership_ends_with_the_participant(talker: Talkers, room: RestRoom, leaving: str) -> None:
    one, two = await talker(), await talker()
    match leaving:
        case "leave":
            assert (await two.ask("leave"))["textroom"] == "success"
        case "detach":
            await two.client.request("detach", handle_id=two.handle)
        case "close":
            await two.client.close()
        case "vanish":
            two.client.ws.get_extra_info("socket").shutdown(2)
        case "kick":
            session = await room.active_session()
            await room.post(f"room_sessions/{session}/actions/kick", {"participants": [two.me]})
        case "give up":
            await two.client.request("detach", handle_id=two.client.reg)
    event = await one.frame(lambda frame: frame["textroom"] == "leave")
    assert event == {"textroom": "leave", "room": one.room, "username": two.me}
    if leaving != "leave":
        await two.until(lambda: two.closed)
    reply = await one.ask("message", text="anybody?", tos=[two.me])
    assert reply["sent"] == {two.me: False}
    assert two.messages == []


@pytest.mark.parametrize("ending", ["session", "room"])
async def test_end_of_session_or_room_closes_the_channels(talker: Talkers, room: RestRoom, ending: str) -> None:
    one, two = await talker(), await talker()
    if ending == "room":
        await room.delete()
    else:
        await room.post(f"room_sessions/{await room.active_session()}/actions/end", {})
    for each in (one, two):
        assert await each.client.closed() == 4000
        await each.until(lambda each=each: each.closed)


async def test_same_participant_on_a_new_connection_takes_the_place(talker: Talkers, client: Clients) -> None:
    one, two = await talker(), await talker()
    again = Talker(await client())
    again.client.participant_id = again.me = two.me
    await again.enter()
    await two.until(lambda: two.closed)
    await one.ask("message", text="which of you?")
    await again.said("which of you?")
    assert two.messages == []
    await again.pc.close()


async def test_refusals_are_answered_with_their_transaction_and_told_aloud(
    talker: Talkers, caplog: pytest.LogCaptureFixture
) -> None:
    """The SDK ignores a textroom error and hangs: so the log says what is wrong."""
    one = await talker()
    cases: list[tuple[str, Frame, int]] = [
        ("join", {"username": one.me}, 421),
        ("message", {}, 413),
        ("message", {"text": {"a": 1}}, 414),
        ("message", {"text": "a", "tos": "everyone"}, 414),
        ("message", {"text": "a", "to": "b", "tos": ["c"]}, 414),
        ("message", {"text": "a", "room": 1}, 417),
        ("destroy", {}, 415),
    ]
    for kind, fields, code in cases:
        reply = await one.ask(kind, **fields)
        assert (reply["textroom"], reply["error_code"]) == ("error", code), (kind, fields, reply)
    assert sum("textroom message" in line and one.me in line for line in caplog.messages) == 5
    await one.ask("leave")
    assert (await one.ask("message", text="a"))["error_code"] == 422
    assert (await one.ask("join", username=str(uuid4())))["error_code"] == 419  # somebody else's name
    await one.join()


@pytest.mark.parametrize(
    "garbage", ["", "nonsense", "[]", "[" * 100_000, b"\x00\xff", '{"textroom":"message"}', "1e999"]
)
async def test_garbage_is_answered_and_the_channel_lives_on(talker: Talkers, garbage: str | bytes) -> None:
    """S-107."""
    one = await talker()
    one.channel.send(garbage)
    error = await one.frame(lambda frame: frame["textroom"] == "error")
    assert error["error_code"] in (412, 413)
    assert (await one.ask("message", text="still here"))["textroom"] == "success"


async def test_room_may_be_named_by_number_by_id_or_not_at_all(talker: Talkers) -> None:
    one = await talker()
    for number, room in enumerate((one.room, str(one.room), one.client.room_id, None)):
        assert (await one.ask("message", text=str(number), room=room))["textroom"] == "success"
    assert one.messages == ["0", "1", "2", "3"]


async def test_message_that_nobody_could_be_sent_is_refused_with_the_sizes(talker: Talkers) -> None:
    """The sender's frame is within the limit of browsers, the recipient's would not be."""
    one = await talker()
    reply = await one.ask("message", text="x" * 262_020)
    assert reply["error_code"] == 414
    assert "fits a frame of 262144 bytes" in reply["error"]
    assert (await one.ask("message", text="x" * 261_000))["textroom"] == "success"


async def test_flood_of_messages_is_refused_beyond_the_allowance(
    talker: Talkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(textroom, "MESSAGES_AT_ONCE", 5)
    monkeypatch.setattr(textroom, "MESSAGES_PER_SECOND", 0.001)
    one = await talker()
    replies = [await one.ask("message", text=str(number)) for number in range(6)]
    assert [reply["textroom"] for reply in replies] == ["success"] * 5 + ["error"]
    assert replies[-1]["error_code"] == 499
    assert "5 messages are allowed at once" in replies[-1]["error"]


async def test_member_that_does_not_read_is_disconnected_and_disturbs_nobody(
    talker: Talkers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from emulator.conference import conferences
    from emulator.media.transport.parameters import DataLimits

    monkeypatch.setattr(conferences, "DataLimits", lambda: DataLimits(unsent=300_000))
    one, two, deaf = await talker(), await talker(), await talker()

    async def nothing(_packet: bytes) -> None:
        """Acknowledges nothing."""

    monkeypatch.setattr(deaf.pc.sctp, "_handle_data", nothing)
    texts = [f"{number} " + "x" * 20_000 for number in range(30)]
    for text in texts:
        assert (await one.ask("message", text=text))["textroom"] == "success"
    await two.said(texts[-1])
    assert two.messages == texts
    left = await two.frame(lambda frame: frame["textroom"] == "leave")
    assert left["username"] == deaf.me
    (line,) = [line for line in caplog.messages if "does not read" in line]
    assert deaf.me in line
    reply = await deaf.client.request("keepalive")  # presence follows the socket only (T-35)
    assert reply["janus"] == "ack"


async def test_channel_with_another_label_will_do(talker: Talkers) -> None:
    one = await talker(entered=False)
    await one.client.create()
    await one.set_up()
    await (await one.open(label="chat")).join()
    assert (await one.ask("message", text="hello"))["textroom"] == "success"


async def test_who_has_no_text_room_gets_nothing_and_all_else_works(talker: Talkers, client: Clients) -> None:
    """S-44, S-45."""
    one, plain = await talker(), await client(entered=True)
    await one.ask("message", text="anybody?")
    assert all("textroom" not in frame.get("plugindata", {}).get("data", {}) for frame in plain.frames)
    assert (await plain.request("keepalive"))["janus"] == "ack"


async def test_requests_that_do_not_fit_are_refused(client: Clients, room: RestRoom) -> None:
    raw = await client()
    await raw.create()
    handle = await raw.attach("textroom")

    async def code(body: Frame, jsep: dict[str, str] | None = None) -> int:
        reply = await raw.message(handle, body, jsep)
        if reply["janus"] == "error":
            return int(reply["error"]["code"])
        return int(reply["plugindata"]["data"].get("error_code", 0))

    assert await code({"request": "ack"}) == 415
    assert await code({"request": "setup", "room": "another"}) == 417
    assert await code({"request": "setup", "room": room.id}) == 0
    assert await code({"request": "setup", "room": room.id}) == 416
    assert await code({"request": "ack"}) == 464
    assert await code({"request": "ack"}, {"type": "offer", "sdp": "v=0"}) == 464
    assert await code({"request": "ack"}, {"type": "answer", "sdp": "v=0"}) == 465
    assert await code({"textroom": "message", "text": "a", "transaction": "t"}) == 453
    assert await code({"request": "create"}) == 453
    second = await raw.attach("textroom")
    reply = await raw.message(second, {"request": "setup"})
    assert reply["plugindata"]["data"]["error_code"] == 416
    await raw.request("detach", handle_id=handle)
    assert "jsep" in await raw.message(second, {"request": "setup"})


async def test_text_connections_are_all_gone_in_the_end(talker: Talkers, emulator: Emulator) -> None:
    """S-22."""
    for _ in range(3):
        one = await talker()
        await one.client.close()
        await one.until(lambda one=one: one.closed)
    conferences = emulator.lobby.conferences
    assert conferences._texts == set()
    assert conferences._socket.peers == ()
