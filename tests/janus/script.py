"""One script for two servers: what the official SDK says, and what a wrong client says. It checks nothing itself.

Whoever hears of something is waited for before the next step, so that the order of events is the servers' doing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from tests.janus.client import Client, Frame, data_of
from tests.janus.conversation import Conversation
from tests.signaling.aiortc_peer import CountingTrack, connected, new_connection, take

Connect = Callable[[str], Awaitable[Client]]

PEOPLE = {"A": "3f1c7a52-5d0e-4b0e-9a53-0d6f6a1b2c11", "B": "9f0a4f5e-6a43-4c0e-8b5d-77f3c1f0a001"}
STREAMS = {"self": "2d8e3049-fada-4c86-9551-011fc691ebc6", "presentation": "141b0b23-fc2c-4021-bec0-8f572bd74061"}
HOST_CANDIDATE = "candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host"
MDNS_CANDIDATE = "candidate:2 1 udp 2113937151 1f1a3c2e-0d6f-4b0e-9a53-0d6f6a1b2c11.local 50001 typ host"
TRICKLES: dict[str, Any] = {
    "candidate": {"candidate": HOST_CANDIDATE, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "MXCm"},
    "mDNS name": {"candidate": MDNS_CANDIDATE, "sdpMid": "0", "sdpMLineIndex": 0},
    "empty candidate": {"candidate": "", "sdpMid": "0", "sdpMLineIndex": 0},
    "completed": {"completed": True},
}
PLUGINS = ("audiobridge", "videoroom", "textroom")


def display(**fields: Any) -> str:
    return base64.b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()


def stream(person: str, key: str, stream_id: str, *, video: bool) -> str:
    flags = {"id": stream_id, "key": key, "isAudioEnabled": True, "isVideoEnabled": video}
    return display(participantId=person, stream=flags)


class Script:
    """`stock` says whether the server is Janus: what only Janus tells is waited for only there."""

    def __init__(self, connect: Connect, talk: Conversation, room_id: str, *, stock: bool) -> None:
        self._connect = connect
        self._talk = talk
        self._room = room_id
        self._stock = stock
        self._peers: dict[str, RTCPeerConnection] = {}

    async def run(self) -> None:
        clients: list[Client] = []

        async def enter(name: str) -> Client:
            clients.append(await self._connect(name))
            return clients[-1]

        try:
            await self._strangers(await enter("S"))
            await self._conference(await enter("A"), await enter("B"))
        finally:
            for client in clients:  # first, so that no end of media comes into the conversation
                await client.close()
            for peer in self._peers.values():
                await peer.close()

    # -- what a wrong client says ---------------------------------------------------------------------------------

    async def _strangers(self, s: Client) -> None:
        await s.say("bad JSON", "{nope")
        await s.say("array", "[1]")
        await s.say("number", "7")
        await s.say("no transaction", {"janus": "create"})
        await s.say("transaction of a wrong type", {"janus": "create", "transaction": 7})
        await s.say("no request", {"transaction": "t1", "client_token": s.token})
        await s.say("request of a wrong type", {"transaction": "t2", "janus": 1, "client_token": s.token})
        await s.ask("before create", "keepalive")
        await s.create()
        await s.ask("create again", "create")
        await s.ask("keepalive", "keepalive")
        await s.ask("unknown request", "nonsense")
        await s.ask("wrong session", "keepalive", session_id=s.session_id + 1)
        await s.ask("session of a wrong type", "keepalive", session_id="x")
        await s.ask("attach nothing", "attach")
        await s.ask("attach unknown plugin", "attach", plugin="janus.plugin.none")
        await s.ask("attach wrong type", "attach", plugin=7)
        for request in ("message", "trickle", "detach", "hangup"):
            body = {"body": {"request": "configure"}} if request == "message" else {}
            await s.ask(f"{request} to a wrong handle", request, handle_id=5, candidate={"completed": True}, **body)
        await s.ask("message to no handle", "message", body={"request": "configure"})
        for plugin in PLUGINS:
            await self._wrong_messages(s, plugin)
        await s.ask("destroy", "destroy")
        await s.ask("after destroy", "keepalive")

    async def _wrong_messages(self, s: Client, plugin: str) -> None:
        await s.attach(plugin, plugin)
        handle = s.handles[plugin]
        await s.ask(f"{plugin} no body", "message", handle_id=handle)
        await s.message(plugin, "body of a wrong type", [])
        await s.message(plugin, "no request", {})
        await s.message(plugin, "unknown request", {"request": "nonsense"})
        await s.message(plugin, "request of a wrong type", {"request": 7})
        configure = {"request": "configure"}
        await s.message(plugin, "jsep of an unknown type", configure, jsep={"type": "x", "sdp": "v=0"})
        await s.message(plugin, "jsep without sdp", configure, jsep={"type": "offer"})
        await s.message(plugin, "jsep of a wrong type", configure, jsep=7)
        if plugin != "textroom":
            await s.message(plugin, "configure before join", configure)
            somebody = display(participantId="0b9c4c1e-5d0e-4b0e-9a53-0d6f6a1b2c11")
            join = {"request": "join", "ptype": "publisher", "display": somebody}
            await s.message(plugin, "join elsewhere", join | {"room": "another room"})
        if plugin == "videoroom":
            await s.message(plugin, "join as a wrong type", join | {"room": self._room, "ptype": 7})
            await s.message(plugin, "start before join", {"request": "start"})
        if plugin == "audiobridge":
            await s.message(plugin, "leave before join", {"request": "leave"})
            await s.message(plugin, "join without a display", {"request": "join", "room": self._room})
        await s.ask(f"{plugin} trickle nothing", "trickle", handle_id=handle)
        await s.ask(f"{plugin} trickle early", "trickle", handle_id=handle, candidate=TRICKLES["candidate"])
        await s.ask(f"{plugin} hangup", "hangup", handle_id=handle)
        await s.ask(f"{plugin} detach", "detach", handle_id=handle)
        await s.ask(f"{plugin} detach twice", "detach", handle_id=handle)
        await s.ask(f"{plugin} trickle late", "trickle", handle_id=handle, candidate={"completed": True})
        await s.ask(f"{plugin} message late", "message", handle_id=handle, body=configure)

    # -- a meeting ------------------------------------------------------------------------------------------------

    async def _conference(self, a: Client, b: Client) -> None:
        await self._enter(a)
        await self._publish(a, "PUB", "self")
        await self._enter(b, after=a)
        await self._publish(a, "TWO", "presentation")
        await b.hear("LST", "publishers <A.TWO id>")
        await self._subscribe(b)
        await self._change(a, b)
        await self._talk_in_text(a, b)
        await self._refused(a, b)
        await self._take_down(a, b)
        await self._leave(a, b)

    async def _enter(self, client: Client, *, after: Client | None = None) -> None:
        """As the SDK connects (signaling.md 1.8), with messages."""
        name, person = client.name, PEOPLE[client.name]
        await client.create()
        await self._open_text_room(client)
        if after is not None:
            await after.hear("text", f"join {person}")
        await client.attach("REG", "audiobridge")
        presence = display(participantId=person, canReceiveMessages=True)
        await client.join("REG", {"room": self._room, "display": presence, "muted": True})
        if after is not None:
            await after.hear("REG", f"joined <{name}.REG id>")
        await client.attach("LST", "videoroom")
        await client.join("LST", {"room": self._room, "ptype": "publisher", "display": display(participantId=person)})
        await client.attach("MIX", "audiobridge")
        leg = stream(person, "audiobridge", f"b4ab238d-bfda-4268-9d12-{name * 12}", video=False)
        await client.join("MIX", {"room": self._room, "display": leg, "muted": False})
        if after is not None:
            await after.hear("REG", f"joined <{name}.MIX id>")
        pc = self._peer(f"{name}.MIX")
        pc.addTransceiver(AudioStreamTrack(), direction="sendrecv")
        await self._offer(client, "MIX", {"request": "configure", "display": leg}, pc)
        await self._up(client, "MIX", pc)
        await client.message("MIX", "configure empty", {"request": "configure"})
        for form, candidate in TRICKLES.items():
            await client.ask(f"MIX trickle {form}", "trickle", handle_id=client.handles["MIX"], candidate=candidate)
        if self._stock:  # the mixer leg's media is up, which Janus tells everybody
            await client.hear("REG", f"participants <{name}.MIX id>")
            if after is not None:
                await after.hear("REG", f"participants <{name}.MIX id>")

    async def _open_text_room(self, client: Client) -> None:
        await client.attach("TXT", "textroom")
        reply = await client.message("TXT", "setup", {"request": "setup", "room": self._room})
        room = data_of(reply)["janus_room_id"]
        self._talk.name(room, "<text room>")
        pc = self._peer(f"{client.name}.TXT")
        await pc.setRemoteDescription(RTCSessionDescription(reply["jsep"]["sdp"], "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        client.listen(pc.createDataChannel("JanusDataChannel"))
        await client.message("TXT", "ack", {"request": "ack"}, jsep=_local(pc))
        person = PEOPLE[client.name]
        await client.text("join", "join", room=room, username=person, display=person)

    async def _publish(self, a: Client, role: str, key: str) -> None:
        await a.attach(role, "videoroom")
        shown = stream(PEOPLE["A"], key, STREAMS[key], video=True)
        await a.join(role, {"room": self._room, "ptype": "publisher", "display": shown})
        pc = self._peer(f"A.{role}")
        pc.addTransceiver(AudioStreamTrack(), direction="sendonly")
        pc.addTransceiver(CountingTrack(), direction="sendonly")
        body = {"request": "configure", "audio": True, "video": True, "bitrate": 500_000, "display": shown}
        await self._offer(a, role, body, pc)
        await self._up(a, role, pc)
        if self._stock:
            await a.hear("LST", f"publishers <A.{role} id>")

    async def _subscribe(self, b: Client) -> None:
        await b.attach("SUB", "videoroom")
        number = next(number for number, name in self._talk.names.items() if name == "<A.PUB id>")
        body = {"request": "join", "room": self._room, "ptype": "subscriber", "audio": True, "video": True}
        await b.message("SUB", "join unknown feed", body | {"feed": 987_654})
        await b.message("SUB", "join feed of a wrong type", body | {"feed": "x"})
        reply = await b.message("SUB", "join", body | {"feed": number})
        pc = self._peer("B.SUB")
        await pc.setRemoteDescription(RTCSessionDescription(reply["jsep"]["sdp"], "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        await b.message("SUB", "start", {"request": "start", "room": self._room}, jsep=_local(pc))
        await self._up(b, "SUB", pc)
        video = next(each.receiver.track for each in pc.getTransceivers() if each.kind == "video")
        await take(video, 1)
        for audio in (False, True):
            body = {"request": "configure", "audio": audio, "video": True}
            await b.message("SUB", f"configure audio {audio}", body)

    async def _change(self, a: Client, b: Client) -> None:
        changed = stream(PEOPLE["A"], "self", STREAMS["self"], video=False)
        body = {"request": "configure", "audio": True, "video": True, "display": changed}
        await a.message("PUB", "configure display", body)
        await b.hear("LST", "display <A.PUB id>")

    async def _talk_in_text(self, a: Client, b: Client) -> None:
        room = next(number for number, name in self._talk.names.items() if name == "<text room>")
        hello = json.dumps({"message": {"type": "text", "payload": "Zoë"}, "recipients": []})
        await a.text("message to all", "message", room=room, text=hello)
        await a.hear("text", f"message {hello}")
        await b.hear("text", f"message {hello}")
        for whom, people in {"A": [PEOPLE["A"]], "A and nobody": [PEOPLE["A"], "nobody"], "nobody": ["nobody"]}.items():
            psst = json.dumps({"message": {"type": "text", "payload": whom}, "recipients": people})
            await b.text(f"message to {whom}", "message", room=room, text=psst, tos=people)
            if "A" in whom:
                await a.hear("text", f"message {psst}")
        await b.text("wrong room", "message", room=7, text="hi")
        await b.text("no text", "message", room=room)
        await b.text("unknown request", "nonsense", room=room)
        await b.text("join again", "join", room=room, username=PEOPLE["B"], display=PEOPLE["B"])

    async def _refused(self, a: Client, b: Client) -> None:
        """What fits no handle that has joined."""
        join = {"request": "join", "room": self._room, "display": display(participantId=PEOPLE["B"])}
        await b.message("REG", "join twice", join)
        await b.message("LST", "join twice", {**join, "ptype": "publisher"})
        await b.message("LST", "start as a publisher", {"request": "start"})
        await a.message("PUB", "bitrate of a wrong type", {"request": "configure", "bitrate": "much"})
        await a.message("MIX", "muted of a wrong type", {"request": "configure", "muted": "yes"})
        await b.ask("session of another client", "keepalive", session_id=a.session_id)

    async def _take_down(self, a: Client, b: Client) -> None:
        await b.ask("SUB detach", "detach", handle_id=b.handles["SUB"])
        await b.ask("SUB detach twice", "detach", handle_id=b.handles["SUB"])
        await a.ask("TWO detach", "detach", handle_id=a.handles["TWO"])
        await b.hear("LST", "leaving <A.TWO id>")
        await a.message("PUB", "unpublish", {"request": "unpublish"})
        await b.hear("LST", "unpublished <A.PUB id>")
        await a.message("PUB", "unpublish again", {"request": "unpublish"})
        await a.ask("PUB detach", "detach", handle_id=a.handles["PUB"])
        await b.hear("LST", "leaving <A.PUB id>")
        if self._stock:
            await a.hear("LST", "leaving <A.PUB id>")
        await a.message("MIX", "leave", {"request": "leave"})
        await b.hear("REG", "leaving <A.MIX id>")
        if self._stock:
            await a.hear("REG", "leaving <A.MIX id>")
        await a.message("MIX", "leave again", {"request": "leave"})
        await a.ask("MIX detach", "detach", handle_id=a.handles["MIX"])

    async def _leave(self, a: Client, b: Client) -> None:
        await a.ask("destroy", "destroy")
        await b.hear("REG", "leaving <A.REG id>")
        await b.hear("text", f"leave {PEOPLE['A']}")
        if self._stock:
            await b.hear("LST", "leaving <A.LST id>")
        await b.ask("the last keepalive", "keepalive")

    # -- media ----------------------------------------------------------------------------------------------------

    def _peer(self, name: str) -> RTCPeerConnection:
        pc = self._peers[name] = new_connection()
        return pc

    async def _offer(self, client: Client, role: str, body: Frame, pc: RTCPeerConnection) -> None:
        await pc.setLocalDescription(await pc.createOffer())
        reply = await client.message(role, "configure with an offer", body, jsep=_local(pc))
        await pc.setRemoteDescription(RTCSessionDescription(reply["jsep"]["sdp"], "answer"))

    async def _up(self, client: Client, role: str, pc: RTCPeerConnection) -> None:
        await connected(pc)
        if self._stock:
            await client.noticed("webrtcup", role)


def _local(pc: RTCPeerConnection) -> dict[str, str]:
    return {"type": pc.localDescription.type, "sdp": pc.localDescription.sdp}
