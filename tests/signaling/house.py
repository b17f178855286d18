"""A whole signaling side without sockets, in simulated time; and clients that check every frame they get."""

from __future__ import annotations

import base64
import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emulator.conference.conferences import Conferences
from emulator.media.transport.dtls import Certificate
from emulator.media.transport.udp import MediaSocket
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts
from emulator.rooms.room import RoomSettings
from emulator.rooms.tokens import TokenMint
from emulator.signaling.hub import Hub
from emulator.signaling.lobby import Lobby
from emulator.signaling.surroundings import Close
from emulator.wire.janus import MAX_ID, serialise
from tests.media.simulated_time import SimulatedTime, Timer

CERTIFICATE = Certificate.generate()
SIGNING_KEY = Ed25519PrivateKey.generate()
YEAR_SECS = 365 * 86400

Frame = dict[str, Any]


class SimulatedLoop(SimulatedTime):
    """What the parts use of an event loop. Media sockets are never readable in here."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        return self.call_later(when - self.now, callback)

    def add_reader(self, fd: int, callback: Callable[[], None]) -> None:
        pass

    def remove_reader(self, fd: int) -> None:
        pass

    @property
    def waiting(self) -> list[Timer]:
        return [timer for _, _, timer in self._due if not timer.cancelled]


class _Faults(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class House:
    """Lobby, conferences and accounts as `Emulator` wires them."""

    def __init__(self, seed: int = 1) -> None:
        rng = random.Random(seed)
        self.loop = SimulatedLoop()
        loop = cast("Any", self.loop)  # stands in for the parts of asyncio's loop that are used
        self.socket = MediaSocket.open("127.0.0.1", loop=loop, certificate=CERTIFICATE, random_bytes=rng.randbytes)
        self.conferences = Conferences(self.socket, loop=loop, rng=rng)
        self.mint = TokenMint(SIGNING_KEY)
        self.accounts = Accounts(on_created=self._watch)
        self.lobby = Lobby(
            accounts=self.accounts, mint=self.mint, conferences=self.conferences, scheduler=self.loop, rng=rng
        )
        self.ids_given: set[int] = set()
        self.faults = _Faults()
        logging.getLogger("emulator").addHandler(self.faults)

    def _watch(self, account: Account) -> None:
        self.conferences.watch(account)
        self.lobby.watch(account)

    def close(self) -> None:
        self.conferences.close()
        self.socket.close()
        logging.getLogger("emulator").removeHandler(self.faults)

    def account(self, key: str) -> Account:
        account = self.accounts.by_key(key)
        assert account is not None
        return account

    def new_room(self, account: Account, limit: int = 10) -> str:
        return account.create_room(RoomSettings(max_participants=limit)).id

    def token(self, account: Account, room_id: str, *, expired: bool = False) -> str:
        now = account.now() - timedelta(days=1 if expired else 0)
        ttl = 600 if expired else YEAR_SECS
        return self.mint.mint(
            "access", room_id=room_id, account_id=account.id, ttl_secs=ttl, now=now, new_id=account.new_id
        ).text

    def hub(self, account: Account, room_id: str) -> Hub | None:
        return self.lobby._hubs.get((account.id, room_id))

    def note_id(self, number: object) -> int:
        """S-110: an integer from 1 to 2^53-1 that was never given before."""
        assert isinstance(number, int)
        assert 1 <= number <= MAX_ID
        assert number not in self.ids_given, f"the id {number} was given twice"
        self.ids_given.add(number)
        return number


@dataclass
class Handle:
    id: int
    plugin: str
    role: str | None = None
    stream_id: str = ""
    key: str = ""
    detached: bool = False
    offer: str | None = None
    """Of a subscription or a text room: what the server offers."""
    text_room: object = None
    """Of a text room: `janus_room_id`."""
    known: dict[int, str] = field(default_factory=dict)
    """What this handle was told of the others: entry or feed id -> participant id."""

    def add(self, entry: Frame) -> None:
        assert entry["id"] not in self.known, f"told twice of {entry}"
        self.known[entry["id"]] = participant_of(entry["display"])


class Client:
    """One connection. `house` is where it comes in; every frame is checked as it arrives."""

    def __init__(
        self, house: House, account: Account, room_id: str, participant_id: str, *, media: bool = True
    ) -> None:
        self.house = house
        self.account = account
        self.room_id = room_id
        self.participant_id = participant_id
        self.token = house.token(account, room_id)
        self.session = house.lobby.open(room_id, lambda: None, media=media)
        self.session_id: int | None = None
        self.handles: list[Handle] = []
        self.own_ids: set[int] = set()
        self.text_replies: list[Frame] = []
        self.text_number = 0
        self.gone = False
        self._number = 0

    # -- sending --------------------------------------------------------------------------------------------------

    def frame(self, janus: str, **fields: Any) -> Frame:
        self._number += 1
        frame = {"janus": janus, "transaction": f"t{self._number}", "client_token": self.token, **fields}
        if self.session_id is not None:
            frame.setdefault("session_id", self.session_id)
        return frame

    def ask(self, frame: Frame) -> Frame:
        """Send a frame that names a transaction; its one answer (or refusal)."""
        over = self.session.over
        came = self._exchange(json.dumps(frame))
        if over:
            self._check_late(came)
            return {}
        answers = [reply for reply in came if "transaction" in reply or "status_code" in reply]
        assert len(answers) == 1, f"expected one answer to {frame}, got {answers}"
        reply = answers[0]
        if "status_code" not in reply:
            assert reply["transaction"] == frame["transaction"]
            assert reply["janus"] in ("success", "ack", "event", "error"), reply
        return reply

    def say(self, text: str) -> None:
        """Send whatever text: at most one answer, and exactly one unless the session is over (S-109)."""
        over = self.session.over
        came = [reply for reply in self._exchange(text) if reply.get("janus") == "error" or "status_code" in reply]
        if over:
            self._check_late(came)
        else:
            assert len(came) == 1, came

    def _check_late(self, came: list[Frame]) -> None:
        """The session is over: behind the client's own `destroy` frames are refused, else there is no answer."""
        assert [reply["janus"] for reply in came] == (["error"] if self.session._destroyed else [])

    def _exchange(self, text: str) -> list[Frame]:
        assert self.take() == [], "everything of before was taken"
        self.session.receive(text)
        return self.take(in_reply=True)

    def request(self, janus: str, **fields: Any) -> Frame:
        return self.ask(self.frame(janus, **fields))

    def message(self, handle: Handle, body: object, jsep: object = None) -> Frame:
        """A plugin message; what a success means for this client's picture of the room is noted."""
        extra = {} if jsep is None else {"jsep": jsep}
        return self.request("message", handle_id=handle.id, body=body, **extra)

    def create(self) -> None:
        reply = self.request("create")
        if reply.get("janus") == "success":
            self.session_id = self.house.note_id(reply["data"]["id"])

    def attach(self, plugin: str) -> Handle | None:
        reply = self.request("attach", plugin=f"janus.plugin.{plugin}")
        if reply.get("janus") != "success":
            return None
        handle = Handle(self.house.note_id(reply["data"]["id"]), plugin)
        self.handles.append(handle)
        return handle

    def leave(self, *, lost: bool) -> None:
        """The socket goes: with a Close frame, or without one."""
        self.take()
        if not self.gone:
            self.gone = True
            self.house.lobby.closed(self.session, lost=lost)
        self.session.outbox.clear()

    # -- receiving ------------------------------------------------------------------------------------------------

    def take(self, *, in_reply: bool = False) -> list[Frame]:
        """Everything that has come since; when nothing was asked, only broadcasts may have."""
        frames: list[Frame] = []
        outbox = self.session.outbox
        while outbox and not self.gone:
            item = outbox.popleft()
            if isinstance(item, Close):
                assert 1000 <= item.code <= 4999
                outbox.clear()
                self.leave(lost=False)
                break
            frame = json.loads(serialise(item).encode())
            frames.append(frame)
            if "transaction" not in frame and frame.get("janus") == "event":
                self._hear(frame)
            elif not in_reply:
                assert frame.get("janus") == "timeout", f"nobody asked for {frame}"
            else:
                self._read_reply(frame)
        return frames if in_reply else []

    def _read_reply(self, frame: Frame) -> None:
        data = frame.get("plugindata", {}).get("data", {})
        if frame.get("janus") != "event":
            return
        handle = self._handle(frame["sender"])
        if "joined" in (data.get("audiobridge"), data.get("videoroom")):
            self.own_ids.add(self.house.note_id(data["id"]))
        if data.get("audiobridge") == "joined":
            for entry in data["participants"]:
                handle.add(entry)
        if data.get("videoroom") == "joined":
            self.house.note_id(data["private_id"])
            if handle.id == self.session.listener_id:  # a publisher's handle ignores them
                for entry in data["publishers"]:
                    self._add_feed(handle, entry)

    def _handle(self, number: int | None) -> Handle:
        return next(handle for handle in self.handles if handle.id == number)

    @property
    def audio(self) -> dict[int, str]:
        """Whom the register handle knows of."""
        return {} if self.session.register_id is None else self._handle(self.session.register_id).known

    @property
    def feeds(self) -> dict[int, str]:
        """Of what the listener handle knows."""
        return {} if self.session.listener_id is None else self._handle(self.session.listener_id).known

    def _hear(self, frame: Frame) -> None:
        assert frame["session_id"] == self.session_id
        handle = self._handle(frame["sender"])
        assert frame["plugindata"]["plugin"] == f"janus.plugin.{handle.plugin}"
        data = frame["plugindata"]["data"]
        if handle.plugin == "textroom":
            self._hear_text(handle, data)
            return
        assert data["room"] == self.room_id
        if handle.plugin == "audiobridge":
            self._hear_register(handle, data)
        else:
            self._hear_listener(handle, data)

    def _hear_register(self, handle: Handle, data: Frame) -> None:
        match data:
            case {"audiobridge": "joined", "participants": [entry]}:  # E1 to E3
                assert "id" not in data, "S-50"
                handle.add(entry)
            case {"audiobridge": "event", "leaving": number}:
                assert number in handle.known, f"{number} leaves, who never came"
                del handle.known[number]
            case {"audiobridge": "event", "kicked": number}:
                assert number in handle.known or number in self.own_ids
                handle.known.pop(number, None)
            case {"audiobridge": "talking" | "stopped-talking", "id": int()}:
                pass
            case _:
                raise AssertionError(f"no event of a register handle: {data}")

    def _hear_listener(self, handle: Handle, data: Frame) -> None:
        match data:
            case {"videoroom": "event", "publishers": [entry]}:  # E6
                self._add_feed(handle, entry)
            case {"videoroom": "event", "unpublished": number}:
                assert number in handle.known, f"{number} is unpublished, which never was published"
                del handle.known[number]
            case {"videoroom": "event", "leaving": number}:
                assert number not in handle.known, f"{number} leaves before it is unpublished"
            case {"videoroom": "event", "id": number, "display": text}:  # E10
                assert number in handle.known, f"a new display of {number}, which is not there"
                assert participant_of(text) == handle.known[number], "a display that names somebody else"
            case {"videoroom": "event", "id": number, "audio-moderation": "muted" | "unmuted"}:  # E11
                assert number in handle.known or number in self.own_ids
            case {"videoroom": "talking" | "stopped-talking", "id": int()}:
                pass
            case _:
                raise AssertionError(f"no event of a listener handle: {data}")

    def _hear_text(self, handle: Handle, data: Frame) -> None:
        """Of a client without media: what would come over the data channel."""
        match data:
            case {"textroom": "success" | "error", "transaction": str()} | {"textroom": "error"}:
                self.text_replies.append(data)
            case {"textroom": "message", "room": number, "from": str(), "text": str(), "date": str()}:
                assert number == handle.text_room
                assert "transaction" not in data
            case {"textroom": "join", "room": number, "username": name}:
                assert number == handle.text_room
                assert hash(name) not in handle.known, f"told twice of {name}"
                handle.known[hash(name)] = name
            case {"textroom": "leave", "room": number, "username": name}:
                assert number == handle.text_room
                assert hash(name) in handle.known, f"{name} leaves, who never came"
                del handle.known[hash(name)]
            case _:
                raise AssertionError(f"no frame of a text room: {data}")

    def _add_feed(self, handle: Handle, entry: Frame) -> None:
        handle.add(entry)
        whose = handle.known[entry["id"]]
        if whose != self.participant_id and self.session.register_id is not None:
            assert whose in self.audio.values(), f"a stream of {whose}, of whose coming nothing was heard"


def participant_of(text: str) -> str:
    return str(json.loads(base64.b64decode(text))["participantId"])
