"""Golden conversations: what was said on the wire, as JSON lines, and their replay without browser, socket or packet.

A file of `fixtures/conversations/` is one flow as the vendor's SDK really produced it (`record_conversations`). The
first line describes it; each further line is one thing that happened, in the order the server saw it:

    {"enter": "alice"}                                     her connection opens
    {"from": "alice", "frame": {...}}                      a frame of the client, {"to": ...} one of the server
    {"from": "alice", "text": {...}}                       the same over the text room's data channel
    {"to": "alice", "close": 4000}                         the server closes, or orders it
    {"leave": "alice", "how": 1000}                        her Close frame's code; null: an empty one; "lost": none;
                                                           "echo": only the answer to the server's
    {"connected": "alice", "handle": 7}                    the media connection of a publishing handle is up
    {"disconnected": "alice", "handle": 7}                 it has ended; the SDK closes it before it says so
    {"talking": true, "participant": "...", "stream": ...} audio levels crossed the threshold (stream null: the mix)
    {"act": "mute", "participants": [...], "exclude": []}  somebody acted over REST

Numbers and texts are as they were, but for `<room>` and `<token 1>`, which stand for themselves, and the addresses of
the machine. A replay maps the numbers that servers give; what clients choose (transactions, participant and stream
ids, displays, SDP) is sent again as it is.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.media.transport.peer import Peer, PeerState
from emulator.rooms.room import RoomSettings
from emulator.signaling.session import SignalingSession
from emulator.signaling.surroundings import Close
from emulator.signaling.textroom import TextRoom
from emulator.wire.janus import serialise
from emulator.wire.sdp import SessionDescription
from tests.signaling.house import House

FOLDER = Path(__file__).parent.parent.parent / "fixtures" / "conversations"
ROOM = "<room>"

Json = Any
Line = dict[str, Any]

ID_KEYS = frozenset(
    {
        *("session_id", "handle_id", "sender", "id", "private_id", "feed", "room", "janus_room_id"),
        *("leaving", "kicked", "unpublished"),
    }
)
"""Where a server's numbers stand. `room` and `leaving` hold texts, too; those are compared as they are."""
WORDING = frozenset({"reason", "error", "error_message", "date"})
"""Texts for people, and the time: only that they are there, and texts."""


@dataclass(frozen=True)
class Conversation:
    head: Line
    lines: list[Line]

    @classmethod
    def load(cls, path: Path) -> Conversation:
        head, *lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
        return cls(head, lines)

    def save(self, path: Path) -> None:
        texts = [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in (self.head, *self.lines)]
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")

    def frames(self, way: str) -> Iterator[Line]:
        """The Janus frames "from" clients or "to" them."""
        return (line["frame"] for line in self.lines if way in line and "frame" in line)


class Numbers:
    """Which number of this replay stands for which of the recording; one for one."""

    def __init__(self) -> None:
        self._here: dict[int, int] = {}
        self._there: dict[int, int] = {}

    def pair(self, recorded: int, replayed: int) -> None:
        assert self._here.setdefault(recorded, replayed) == replayed, f"{replayed} for {self._here[recorded]}"
        assert self._there.setdefault(replayed, recorded) == recorded, f"{replayed} stands for two numbers"

    def here(self, recorded: int) -> int:
        return self._here[recorded]

    def translate(self, value: Json, key: str = "") -> Json:
        """A client's frame of the recording as that client would say it here."""
        if isinstance(value, dict):
            return {name: self.translate(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [self.translate(each) for each in value]
        if key in ID_KEYS and isinstance(value, int) and not isinstance(value, bool):
            return self.here(value)
        return value

    def compare(self, recorded: Json, replayed: Json, path: str = "") -> None:
        """Same types, keys and order, same values but for numbers that are given, SDP, and wording."""
        key = path.rpartition(".")[2]
        assert type(recorded) is type(replayed), f"{path}: {recorded!r:.200} was, {replayed!r:.200} is"
        if isinstance(recorded, dict):
            assert recorded.keys() == replayed.keys(), f"{path}: {list(recorded)} was, {list(replayed)} is"
            for name in recorded:
                self.compare(recorded[name], replayed[name], f"{path}.{name}")
        elif isinstance(recorded, list):
            assert len(recorded) == len(replayed), f"{path}: {recorded} was, {replayed} is"
            for number, (was, now) in enumerate(zip(recorded, replayed, strict=True)):
                self.compare(was, now, f"{path}.{number}")
        elif key in ID_KEYS and isinstance(recorded, int):
            self.pair(recorded, replayed)
        elif key == "sdp":
            assert outline(recorded) == outline(replayed), f"{path}: another description"
        elif key not in WORDING:
            assert recorded == replayed, f"{path}: {recorded!r:.200} was, {replayed!r:.200} is"


def outline(sdp: str) -> Json:
    """What of a description does not differ from one negotiation to the next."""
    kept = ("mid:", "setup:", "rtpmap:", "fmtp:", "rtcp-fb:", "rid:", "simulcast:", "sctp-port:", "extmap:", "ice-lite")
    directions = ("sendrecv", "sendonly", "recvonly", "inactive", "rtcp-mux", "end-of-candidates")
    SessionDescription.parse(sdp)
    lines = sdp.splitlines()
    media = [(kind, port == "0", rest) for kind, port, *rest in (line.split() for line in lines if line[:2] == "m=")]
    attributes = [line for line in lines if line[:2] == "a=" and (line[2:] in directions or line[2:].startswith(kept))]
    return media, attributes


@dataclass
class Seat:
    """One connection of the replay."""

    session: SignalingSession
    unread: list[Line] = field(default_factory=list)
    texts: deque[Line] = field(default_factory=deque)
    peers: dict[int, Peer] = field(default_factory=dict)
    """By the handle's number in the recording."""

    def read(self) -> None:
        while self.session.outbox:
            item = self.session.outbox.popleft()
            self.unread.append({"close": item.code} if isinstance(item, Close) else json.loads(serialise(item)))
        for plugin in self.session.handles():
            if isinstance(plugin, TextRoom) and plugin._leg is not None:
                plugin._leg.send = self._send  # type: ignore[method-assign]  # no packets: no channel to send over

    def _send(self, text: str) -> bool:
        self.texts.append(json.loads(text))
        return True

    @property
    def text_room(self) -> TextRoom:
        (found,) = (plugin for plugin in self.session.handles() if isinstance(plugin, TextRoom))
        return found


class Replay:
    """One conversation again, against the sans-I/O machines in simulated time."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.house = House()
        self._account = self.house.account("KEY")
        limit = conversation.head["max_participants"]
        self.room_id = self._account.create_room(RoomSettings(max_participants=limit)).id
        self._numbers = Numbers()
        self._seats: dict[str, Seat] = {}
        self._words = {ROOM: self.room_id}
        for name, kind in conversation.head["tokens"].items():
            self._words[name] = self._token(kind)

    def _token(self, kind: str) -> str:
        good = self.house.token(self._account, self.room_id)
        match kind:
            case "good":
                return good
            case "of another room":
                return self.house.token(self._account, self.house.new_room(self._account))
            case "forged":
                return good[:-8] + ("AAAAAAAA" if not good.endswith("AAAAAAAA") else "BBBBBBBB")
            case _:
                raise AssertionError(f"no kind of token: {kind}")

    def run(self) -> None:
        """AssertionError with the line where the server says something else than it did."""
        for number, line in enumerate(self._conversation.lines, 2):
            try:
                self._do(self._localise(line))
            except (AssertionError, KeyError) as error:
                raise AssertionError(f"line {number}, {json.dumps(line)[:300]}: {error}") from error
        self.house.loop.run(0.3)
        for name, seat in self._seats.items():
            seat.read()
            assert seat.unread == [], f"{name} is told more than was recorded: {seat.unread}"
            assert not seat.texts, f"{name} is written more than was recorded: {list(seat.texts)}"
        assert self.house.faults.lines == []

    def close(self) -> None:
        for seat in self._seats.values():
            self.house.lobby.closed(seat.session, lost=True)
        self.house.close()

    def _localise(self, line: Line) -> Line:
        text = json.dumps(line)
        for word, meaning in self._words.items():
            text = text.replace(word, meaning)
        localised: Line = json.loads(text)
        return localised

    def _do(self, line: Line) -> None:
        match line:
            case {"enter": name}:
                self._seats[name] = Seat(self.house.lobby.open(self.room_id, lambda: None))
            case {"from": name, "frame": frame}:
                self._say(self._seats[name], frame)
            case {"from": name, "text": text}:
                self._seats[name].text_room._heard(json.dumps(self._numbers.translate(text), ensure_ascii=False))
            case {"to": name, "text": text}:
                seat = self._seats[name]
                assert seat.texts, "nothing is written"
                self._numbers.compare(text, seat.texts.popleft())
            case {"to": name, "frame": frame}:
                self._hear(self._seats[name], frame)
            case {"to": name, "close": code}:
                self._hear(self._seats[name], {"close": code})
            case {"leave": name, "how": how}:
                self.house.lobby.closed(self._seats[name].session, lost=how == "lost")
            case {"connected": name, "handle": handle}:
                bring_up(self._seats[name].peers[handle])
            case {"disconnected": name, "handle": handle}:
                self._seats[name].peers[handle].ice_failed("the client has closed it")
            case {"talking": talking, "participant": participant_id, "stream": stream_id}:
                self._account.tell_talking(participant_id, stream_id=stream_id, talking=talking)
            case {"act": act}:
                self._act(act, line)
            case _:
                raise AssertionError("no line of a conversation")
        for seat in self._seats.values():
            seat.read()

    def _say(self, seat: Seat, frame: Line) -> None:
        before = set(self.house.socket.peers)
        seat.session.receive(json.dumps(self._numbers.translate(frame), ensure_ascii=False))
        for peer in set(self.house.socket.peers) - before:
            seat.peers[frame["handle_id"]] = peer

    def _hear(self, seat: Seat, recorded: Line) -> None:
        """The next frame of the same handle; the last ones may have to wait for their time (S-69)."""
        wanted = self._lane(recorded, self._numbers.here)
        for _ in range(20):
            for number, frame in enumerate(seat.unread):
                if self._lane(frame, int) == wanted:
                    del seat.unread[number]
                    self._numbers.compare(recorded, frame)
                    return
            self.house.loop.run(0.05)
            seat.read()
        raise AssertionError(f"it does not come; unread: {seat.unread}")

    def _lane(self, frame: Line, number: Any) -> Json:
        """Frames of one lane come in order: those of a handle, the connection's own replies, the close."""
        if "close" in frame:
            return "close"
        return number(frame["sender"]) if "sender" in frame else "connection"

    def _act(self, act: str, line: Line) -> None:
        account = self._account
        if act == "delete room":
            account.delete_room(self.room_id)
            return
        if act == "expire":
            self.house.lobby.expire(line["token"])
            return
        if act == "cut":
            self._seats[line["who"]].session.break_off(None)
            return
        (session_id,) = (session.id for session in account.records.sessions.values() if session.active)
        match act:
            case "mute":
                account.mute(session_id, line["participants"], line["exclude"])
            case "unmute":
                account.unmute(session_id, line["participants"], line["exclude"])
            case "kick":
                account.kick(session_id, line["participants"], line["exclude"])
            case "end":
                account.end_session(session_id)
            case _:
                raise AssertionError(f"no act: {act}")


def bring_up(peer: Peer) -> None:
    """The connection comes up, as far as anybody outside of the peer can tell."""
    assert peer.state is PeerState.CONNECTING
    peer._cancel_connect_timer()
    peer.state = PeerState.CONNECTED
    peer.on_connected()
