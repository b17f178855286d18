"""Clients that do anything in any order, and what must hold after every step.

A run is a list of steps, and a step is an act with three numbers that choose among what there is at that moment. So a
run can be made from a seed, run again, and cut down to the few steps that matter.

What each client hears is checked as it comes (`tests.signaling.house`); what the emulator holds is checked here.
"""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from emulator.conference.legs import MixerLeg, PublisherLeg
from emulator.media.transport.answer import make_answer
from emulator.media.transport.negotiation import VIEWER_POLICY, LocalSource
from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.media.transport.parameters import TransportParameters
from emulator.media.transport.peer import Peer, PeerState
from emulator.rooms.errors import DomainError
from emulator.wire.janus import ErrorCode
from emulator.wire.sdp import Direction
from tests.signaling.house import CERTIFICATE, Client, Frame, Handle, House
from tests.signaling.raw_client import display, stream_display
from tests.signaling.text_acts import acknowledge, any_talk, check_text_rooms, open_text, say

PEOPLE = [f"person-{number}" for number in range(6)]
KEYS = ["self", "screen", "more", "even more"]
MAX_CLIENTS = 6

TRANSPORT = TransportParameters("ufrg", "a-password-of-24-letters", CERTIFICATE.fingerprint)
STREAM_OFFER = make_offer(
    (
        OfferedMedia.audio("0", Direction.SENDONLY, source=LocalSource(0x1234, "cname", "stream", "audio")),
        OfferedMedia.video("1", Direction.SENDONLY, source=LocalSource(0x5678, "cname", "stream", "video")),
    ),
    TRANSPORT,
)
MIX_OFFER = make_offer(
    (OfferedMedia.audio("0", Direction.SENDRECV, source=LocalSource(0x9ABC, "cname", "mix", "audio")),), TRANSPORT
)


class Step(NamedTuple):
    act: str
    a: int
    b: int
    c: int


class SignalingMachine:
    """One run. `do` takes a step and checks everything; `finish` sends everybody away and checks what is left."""

    def __init__(self) -> None:
        self.house = House()
        self.account = self.house.account("KEY_one")
        self.rooms = [self.house.new_room(self.account), self.house.new_room(self.account, 2)]
        self.clients: list[Client] = []
        self.streams = 0
        self.answers: Counter[str] = Counter()
        self.marks: list[str] = []
        """What was answered to the present step."""
        self.trail: list[str] = []
        """Each act with its answers: two runs with the same trail show the same."""

    def do(self, step: Step) -> None:
        act: Callable[[int, int, int], None] = getattr(self, step.act)
        self.marks.clear()
        act(step.a, step.b, step.c)
        self.trail.append(" ".join([step.act, *self.marks]))
        self._check()

    # -- choosing -------------------------------------------------------------------------------------------------

    def _client(self, a: int) -> Client:
        """Mostly one that is present; there always is one."""
        present = [c for c in self.clients if c.session.participant_id is not None and not c.session.expelled]
        found = self.clients if a % 13 == 0 or not present else present
        return found[a % len(found)] if found else self._open(a, a)

    def _room(self, a: int) -> str:
        """Mostly the first."""
        return self.rooms[a % len(self.rooms)] if a % 4 == 0 else self.rooms[0]

    def _handle(self, client: Client, b: int, role: str | None = None) -> Handle:
        """One of the client's handles, mostly one not yet detached; one that never was if there is none."""
        found = [h for h in client.handles if role in (None, h.role) and (b % 7 == 0 or not h.detached)]
        return found[b % len(found)] if found else Handle(7, "videoroom")

    def _message(self, client: Client, handle: Handle, body: object, jsep: object = None) -> Frame:
        reply = client.message(handle, body, jsep)
        data = reply.get("plugindata", {}).get("data", {})
        kind = next((str(data[name]) for name in ("videoroom", "audiobridge", "textroom") if name in data), "")
        code = data.get("error_code", reply.get("error", {}).get("code", ""))
        answer = f"{reply.get('janus', reply.get('status_code'))} {kind} {code}".strip()
        self.answers[answer] += 1
        self.marks.append(answer)
        return reply

    # -- sensible clients -----------------------------------------------------------------------------------------

    def _open(self, a: int, b: int) -> Client:
        if len(self.clients) >= MAX_CLIENTS:  # the longest of those that only stand about, if there are any
            self.clients.sort(key=lambda client: client.session.participant_id is not None)
            self.clients.pop(0).leave(lost=a % 2 == 0)
        here = {client.participant_id for client in self.clients}
        people = [person for person in PEOPLE if b % 5 == 0 or person not in here]
        media = a % 7 != 0  # else: as from inside the process
        client = Client(self.house, self.account, self._room(a), people[b % len(people)], media=media)
        self.clients.append(client)
        return client

    def enter(self, a: int, b: int, c: int) -> None:
        """As the SDK does; the settings of `c` leave the last step to later, or let time pass between them."""
        client = self._open(a, b)
        client.create()
        self._register(client)
        if c % 5 == 0:
            self.house.loop.run(0.08)
        if c % 6:
            self._listen(client)

    def connect_only(self, a: int, b: int, c: int) -> None:
        client = self._open(a, b)
        if c % 3:
            client.create()

    def register(self, a: int, b: int, c: int) -> None:
        self._register(self._client(a))

    def listen(self, a: int, b: int, c: int) -> None:
        self._listen(self._client(a))

    def _register(self, client: Client) -> None:
        handle = client.attach("audiobridge")
        if handle is not None:
            handle.role = "register"
            text = display(client.participant_id)
            self._message(client, handle, {"request": "join", "room": client.room_id, "display": text})

    def _listen(self, client: Client) -> None:
        handle = client.attach("videoroom")
        if handle is not None:
            handle.role = "listener"
            text = display(client.participant_id)
            self._message(client, handle, {"request": "join", "ptype": "publisher", "display": text})

    def publish(self, a: int, b: int, c: int) -> None:
        """Join and offer, mostly; `b` chooses the key, `c` what goes otherwise."""
        client = self._client(a)
        handle = client.attach("videoroom")
        if handle is None:
            return
        self.streams += 1 if c % 9 or not self.streams else 0  # else: a stream id that was used before
        handle.role, handle.stream_id, handle.key = "publisher", f"stream-{self.streams}", KEYS[b % len(KEYS)]
        text = stream_display(client.participant_id, handle.stream_id, handle.key)
        self._message(client, handle, {"request": "join", "ptype": "publisher", "display": text})
        if c % 5 == 0:
            return  # joined, but never offered
        before = set(self.house.socket.peers)
        body = {"request": "configure", "display": text}
        if not client.session.media:
            self._message(client, handle, body)
            return
        refused = c % 7 == 0 and self._message(client, handle, body, {"type": "offer", "sdp": "v=0"})
        reply = self._message(client, handle, body, {"type": "offer", "sdp": STREAM_OFFER})
        if refused and refused.get("error", {}).get("code") == ErrorCode.INVALID_SDP:
            assert "jsep" in reply, "a refused offer does no harm to the next one"
        if c % 3:
            self._connect(set(self.house.socket.peers) - before)

    def configure_publisher(self, a: int, b: int, c: int) -> None:
        client = self._client(a)
        handle = self._handle(client, b, "publisher")
        whose = client.participant_id if c % 11 else "somebody else"
        text = stream_display(whose, handle.stream_id, handle.key, audio=c % 2 == 0, video=c % 3 == 0)
        jsep = {"type": "offer", "sdp": STREAM_OFFER} if c % 3 == 0 else None
        self._message(client, handle, {"request": "configure", "display": text, "bitrate": 100_000}, jsep)

    def subscribe(self, a: int, b: int, c: int) -> None:
        hearing = [client for client in self.clients if client.feeds]
        client = hearing[a % len(hearing)] if hearing and b % 9 else self._client(a)
        handle = client.attach("videoroom")
        if handle is None:
            return
        handle.role = "subscriber"
        known = list(client.feeds) or [7]
        body = {"request": "join", "ptype": "subscriber", "feed": known[b % len(known)], "audio": c % 2 == 0}
        handle.offer = self._message(client, handle, body).get("jsep", {}).get("sdp")
        if c % 3:
            self._start(client, handle)

    def start_subscription(self, a: int, b: int, c: int) -> None:
        client = self._client(a)
        self._start(client, self._handle(client, b, "subscriber"))

    def _start(self, client: Client, handle: Handle) -> None:
        answer = STREAM_OFFER if handle.offer is None else make_answer(handle.offer, TRANSPORT, VIEWER_POLICY)[0]
        self._message(client, handle, {"request": "start"}, {"type": "answer", "sdp": answer})

    def configure_subscription(self, a: int, b: int, c: int) -> None:
        client = self._client(a)
        body = {"request": "configure", "audio": c % 2 == 0, "video": c % 3 == 0}
        self._message(client, self._handle(client, b, "subscriber"), body)

    def open_mix(self, a: int, b: int, c: int) -> None:
        client = self._client(a)
        handle = client.attach("audiobridge")
        if handle is not None:
            handle.role = "mixer"
            text = stream_display(client.participant_id, "mix", "audiobridge", video=False)
            self._message(client, handle, {"request": "join", "display": text, "muted": False})
            if c % 3:
                self._offer_mix(client, handle)

    def offer_mix(self, a: int, b: int, c: int) -> None:
        client = self._client(a)
        self._offer_mix(client, self._handle(client, b, "mixer"))

    def _offer_mix(self, client: Client, handle: Handle) -> None:
        self._message(client, handle, {"request": "configure", "muted": False}, {"type": "offer", "sdp": MIX_OFFER})

    def call_in(self, a: int, b: int, c: int) -> None:
        """A telephone: one entry is presence and audio in one (D5)."""
        client = self._open(a, b)
        client.create()
        handle = client.attach("audiobridge")
        if handle is None:
            return
        handle.role = "register"
        stream = {"id": "line", "key": "audiobridge", "isAudioEnabled": True, "isVideoEnabled": False}
        text = display(client.participant_id, telephonyEngineParticipant=True, stream=stream)
        self._message(client, handle, {"request": "join", "display": text, "muted": c % 2 == 0})
        if c % 3:
            self._offer_mix(client, handle)

    def hang_on(self, a: int, b: int, c: int) -> None:
        """The register handle's connection, which telephones have and others do not."""
        client = self._client(a)
        self._offer_mix(client, self._handle(client, b, "register"))

    def enter_inside(self, a: int, b: int, c: int) -> None:
        """Without media, in the text room before it is present, as the SDK is."""
        client = self._open(a - a % 7, b)
        client.create()
        open_text(client, c)
        self._register(client)
        if c % 6:
            self._listen(client)

    def open_text(self, a: int, b: int, c: int) -> None:
        open_text(self._client(a), c)

    def acknowledge_text(self, a: int, b: int, c: int) -> None:
        client = self._client(a)
        acknowledge(client, self._handle(client, b, "text"))

    def talk(self, a: int, b: int, c: int) -> None:
        """Mostly of one that can."""
        able = [client for client in self.clients if any(handle.role == "text" for handle in client.handles)]
        client = able[a % len(able)] if able and a % 11 else self._client(a)
        handle = self._handle(client, b, "text")
        self._message_mark(say(client, handle, any_talk(random.Random(c), client, PEOPLE)), client)

    def _message_mark(self, reply: Frame, client: Client) -> None:
        text = client.text_replies[-1] if client.text_replies else {}
        self.marks.append(f"{reply.get('janus', 'none')} {text.get('textroom')} {text.get('error_code', '')}".strip())

    # -- clients with other ideas ---------------------------------------------------------------------------------

    def detach(self, a: int, b: int, c: int) -> None:
        """Any handle, once or twice (S-29)."""
        client = self._client(a)
        handle = self._handle(client, b, ["publisher", "subscriber", "mixer", "listener", "text", None][c % 6])
        for _ in range(1 + c % 2):
            reply = client.request("detach", handle_id=handle.id)
            handle.detached = handle.detached or reply.get("janus") == "success"
            assert not handle.detached or reply.get("janus") == "success" or "status_code" in reply or not reply

    def detach_the_register(self, a: int, b: int, c: int) -> None:
        """And mostly come again on the same connection."""
        client = self._client(a)
        handle = self._handle(client, b, "register")
        reply = client.request("detach", handle_id=handle.id)
        handle.detached = handle.detached or reply.get("janus") == "success"
        if c % 3:
            self._register(client)

    def ask_for_anything(self, a: int, b: int, c: int) -> None:
        client, rng = self._client(a), random.Random(c)
        janus = rng.choice(["keepalive", "message", "message", "trickle", "hangup", "attach", "create", "claim", ""])
        plugin = rng.choice(["videoroom", "audiobridge", "textroom"])
        fields: dict[str, Any] = {"handle_id": self._handle(client, b).id, "plugin": f"janus.plugin.{plugin}"}
        if rng.random() < 0.8:
            fields["body"] = any_body(rng)
        if rng.random() < 0.4:
            fields["jsep"] = any_jsep(rng)
        if rng.random() < 0.2:
            fields[rng.choice(["session_id", "handle_id", "plugin", "janus"])] = any_json(rng)
        if rng.random() < 0.2:
            fields["transaction"] = rng.choice(["", "\ud800é", "\u2028\x00", "t1", "x" * 1000])
        reply = client.ask(client.frame(janus) | fields)
        self.marks.append(f"{janus} {reply.get('janus', 'none')} {reply.get('error', {}).get('code', '')}".strip())
        if reply.get("janus") == "success" and janus == "create":
            client.session_id = self.house.note_id(reply["data"]["id"])
        elif reply.get("janus") == "success" and "data" in reply:
            client.handles.append(Handle(self.house.note_id(reply["data"]["id"]), plugin))

    def destroy(self, a: int, b: int, c: int) -> None:
        self._client(a).request("destroy")

    def send_any_text(self, a: int, b: int, c: int) -> None:
        self._client(a).say(any_text(random.Random(c)))

    def send_a_wrong_token(self, a: int, b: int, c: int) -> None:
        client = self._client(a)
        frame = client.frame("keepalive")
        match c % 5:
            case 0:
                frame["client_token"] = self.house.token(self.account, client.room_id, expired=True)
            case 1:
                frame["client_token"] = self.house.token(self.account, self.house.new_room(self.account))
            case 2:
                frame["client_token"] = self.house.token(self.house.account("KEY_two"), client.room_id)
            case 3:
                frame["client_token"] = client.token[:-1] + ("A" if client.token[-1] != "A" else "B")
            case _:
                del frame["client_token"]
        reply = client.ask(frame)
        assert client.session.over or reply["status_code"] in (401, 403, 404)

    def go_away(self, a: int, b: int, c: int) -> None:
        self._client(a).leave(lost=c % 2 == 0)

    # -- what happens from elsewhere ------------------------------------------------------------------------------

    def _peers(self) -> list[Peer]:
        return sorted(self.house.socket.peers, key=lambda peer: peer.local.ufrag)

    def _connect(self, peers: set[Peer]) -> None:
        """The connection comes up, as far as anybody outside of the peer can tell. Data goes nowhere in here."""
        for peer in peers - {leg._peer for leg in self.house.conferences._texts}:
            if peer.state is PeerState.CONNECTING:
                peer._cancel_connect_timer()
                peer.state = PeerState.CONNECTED
                peer.on_connected()

    def connection_comes_up(self, a: int, b: int, c: int) -> None:
        if peers := self._peers():
            self._connect({peers[a % len(peers)]})

    def connection_fails(self, a: int, b: int, c: int) -> None:
        if peers := self._peers():
            peers[a % len(peers)].ice_failed("its path is gone")

    def moderate(self, a: int, b: int, c: int) -> None:
        sessions = [s.id for s in self.account.records.sessions.values() if a % 5 == 0 or s.active]
        if not sessions:
            return
        session_id, people = sessions[a % len(sessions)], [PEOPLE[b % 6], PEOPLE[c % 5]]
        try:
            match c % 6:
                case 0 | 1:
                    self.account.kick(session_id, people)
                case 2:
                    self.account.kick(session_id, "all", people)
                case 3:
                    self.account.mute(session_id, "all", people)
                case 4:
                    self.account.unmute(session_id, people)
                case _:
                    self.account.end_session(session_id)
        except DomainError:
            pass  # the session is over: nothing happens, which is checked like everything

    def delete_a_room(self, a: int, b: int, c: int) -> None:
        self.account.delete_room(self.rooms.pop(a % 2))
        self.rooms.append(self.house.new_room(self.account, 2 + c % 3))

    def somebody_talks(self, a: int, b: int, c: int) -> None:
        person = PEOPLE[a % 6]
        known = self.account.records.participants.get(person)
        streams = [None, *(known.streams if known is not None else ())]
        self.account.tell_talking(person, stream_id=streams[b % len(streams)], talking=c % 2 == 0)

    def let_time_pass(self, a: int, b: int, c: int) -> None:
        self.house.loop.run([0.01, 0.03, 0.08, 0.08, 1.0, 2.5, 6.0, 31.0 if b % 4 == 0 else 0.08][a % 8])
        self.house.lobby.sweep(60.0)

    # -- what always holds ----------------------------------------------------------------------------------------

    def _check(self) -> None:
        assert self.house.faults.lines == []
        for client in self.clients:
            client.take()
        self.clients = [client for client in self.clients if not client.gone]
        self._check_presence()
        self._check_hubs()
        self._check_media()
        check_text_rooms(self.house, self.clients)

    def _check_presence(self) -> None:
        """A participant is present exactly while one connection that is not over carries them."""
        present = {(p.id, p.connection) for p in self.account.records.participants.values() if p.present}
        carried = [
            (session.participant_id, session.connection)
            for session in self.house.lobby.sessions
            if session.participant_id is not None and not session.over and not session.expelled
        ]
        assert len(carried) == len(set(carried))
        assert set(carried) == present

    def _check_hubs(self) -> None:
        """Each client knows exactly who and what is there, as soon as nothing is held back."""
        for client in self.clients:
            session = client.session
            if session.participant_id is None or session.expelled or session.over:
                continue
            hub = self.house.hub(self.account, client.room_id)
            assert hub is not None, "somebody present is in no hub"
            assert session in hub.sessions, "somebody present would hear of nothing"
            if session.holds_events:
                continue
            if session.register_id is not None:
                assert set(client.audio) == {entry.id for entry in hub.others(session)}
            if session.listener_id is not None:
                assert set(client.feeds) == {feed.id for feed in hub.publishers(session)}
        for hub in self.house.lobby._hubs.values():
            members = {session.id for session in hub.sessions}
            assert {entry.session.id for entry in hub.audio.values()} <= members
            assert {feed.session.id for feed in hub.feeds.values()} <= members
            assert {feed.stream_id for feed in hub.feeds.values() if feed.announced} == {
                stream.id
                for p in self.account.records.participants.values()
                if p.room_id == hub.room_id
                for stream in p.streams.values()
                if stream.announced
            }
            handles = {id for session in self.house.lobby.sessions for id in session._handles}
            assert {feed.handle_id for feed in hub.feeds.values()} <= handles, "a feed of a handle that is gone"

    def _check_media(self) -> None:
        """Connections belong to legs, legs to handles and people that are there."""
        records, legs = self.account.records, 0
        handles = {id for session in self.house.lobby.sessions for id in session._handles}
        for (_, session_id), conference in self.house.conferences._by_session.items():
            assert records.sessions[session_id].active, "a session that is over has a conference"
            present = {(p.id, p.connection) for p in records.present(records.sessions[session_id])}
            sending: list[PublisherLeg | MixerLeg] = [*conference._publishers.values(), *conference._mixers.values()]
            assert all(leg.peer.state not in (PeerState.CLOSED, PeerState.FAILED) for leg in sending)
            for leg in [*sending, *conference._subscribers.values()]:
                assert (leg.participant_id, leg.connection) in present, "media of somebody who is not there"
            owners = [*conference._publishers, *conference._mixers, *conference._subscribers]
            assert set(owners) <= handles, "a connection of a handle that is gone"
            ended = [leg for leg in conference._subscribers.values() if leg.peer not in self.house.socket.peers]
            legs += len(owners) - len(ended)
        texts = [leg for leg in self.house.conferences._texts if leg._peer in self.house.socket.peers]
        assert legs + len(texts) == len(self.house.socket.peers)

    def finish(self) -> None:
        """Everybody goes: nothing is left, not even a timer."""
        house = self.house
        house.loop.run(0.1)
        self._check()
        for client in self.clients:
            client.leave(lost=True)
        house.loop.run(0.2)
        assert house.faults.lines == []
        assert house.lobby.sessions == set()
        assert house.lobby._hubs == {}
        assert house.conferences._by_session == {}
        assert house.conferences._texts == set()
        assert house.socket.peers == ()
        assert not any(session.active for session in self.account.records.sessions.values())
        assert house.loop.waiting == [], "a timer is left"


WEIGHTS = {
    "enter": 7,
    "connect_only": 1,
    "register": 2,
    "listen": 2,
    "publish": 10,
    "configure_publisher": 4,
    "subscribe": 6,
    "start_subscription": 2,
    "configure_subscription": 2,
    "open_mix": 4,
    "offer_mix": 3,
    "call_in": 2,
    "hang_on": 1,
    "enter_inside": 2,
    "open_text": 2,
    "acknowledge_text": 1,
    "talk": 5,
    "detach": 4,
    "detach_the_register": 1,
    "ask_for_anything": 6,
    "destroy": 1,
    "send_any_text": 2,
    "send_a_wrong_token": 1,
    "go_away": 1,
    "connection_comes_up": 3,
    "connection_fails": 1,
    "moderate": 2,
    "delete_a_room": 1,
    "somebody_talks": 2,
    "let_time_pass": 6,
}


def steps_of(seed: int, length: int) -> list[Step]:
    rng = random.Random(seed)
    acts = rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=length)
    return [Step(act, rng.randrange(840), rng.randrange(840), rng.randrange(840)) for act in acts]


def run(steps: Sequence[Step]) -> SignalingMachine:
    """Raises whatever goes wrong. Returns the machine, whose work is done."""
    machine = SignalingMachine()
    logger = logging.getLogger("emulator")
    level = logger.level
    logger.setLevel(logging.ERROR)  # refusals are its daily bread
    try:
        for step in steps:
            machine.do(step)
        machine.finish()
    finally:
        logger.setLevel(level)
        machine.house.close()
    return machine


def failure(steps: Sequence[Step]) -> Exception | None:
    try:
        run(steps)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is looked for
        return error
    return None


def cut_down(steps: list[Step]) -> list[Step]:
    """Fewer of these steps that still fail: whole stretches are left out first, then single steps."""
    size = len(steps) // 2
    while size:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size :]
            if failure(fewer) is not None:
                steps = fewer
            else:
                at += size
        size //= 2
    return steps


def check(seed: int, length: int) -> Counter[str]:
    """Run the steps of a seed; a failure says the seed and the least steps that show it."""
    steps = steps_of(seed, length)
    try:
        return run(steps).answers
    except Exception as error:
        fewer = cut_down(steps)
        told = "\n".join(f"    {step}" for step in fewer)
        raise AssertionError(
            f"seed {seed}, {length} steps: {error!r}; these are enough for {failure(fewer)!r}:\n{told}"
        ) from error


# -- anything at all ----------------------------------------------------------------------------------------------


def any_json(rng: random.Random, depth: int = 2) -> Any:
    kind = rng.randrange(9 if depth else 7)
    match kind:
        case 0:
            return None
        case 1:
            return rng.random() < 0.5
        case 2:
            return rng.choice([0, -1, 7, 2**53, 2**64, rng.randrange(10**6)])
        case 3:
            return rng.uniform(-1e3, 1e3)
        case 4 | 5 | 6:
            return "".join(rng.choices('ab "\\%é\u2028\ud800\x00=', k=rng.randrange(6)))
        case 7:
            return [any_json(rng, depth - 1) for _ in range(rng.randrange(3))]
    return {rng.choice(["id", "type", "sdp", "request", ""]): any_json(rng, depth - 1) for _ in range(rng.randrange(3))}


def any_body(rng: random.Random) -> Any:
    if rng.random() < 0.1:
        return any_json(rng)
    body: dict[str, Any] = {"request": rng.choice(["join", "configure", "configure", "start", "setup", any_json(rng)])}
    likely: dict[str, list[Any]] = {
        "display": [display(PEOPLE[0]), stream_display(PEOPLE[1], "stream-1", "self"), "e30=", "%"],
        "ptype": ["publisher", "subscriber"],
        "feed": [7, True],
        "audio": [True, False],
        "video": [True, False],
        "muted": [True, False],
        "bitrate": [0, 64_000],
    }
    for name, values in likely.items():
        if rng.random() < 0.4:
            body[name] = rng.choice(values) if rng.random() < 0.7 else any_json(rng)
    return body


def any_jsep(rng: random.Random) -> Any:
    sdp = rng.choice([STREAM_OFFER, MIX_OFFER, STREAM_OFFER[:200], MIX_OFFER.replace("opus", "speex"), "v=0", ""])
    return rng.choice([{"type": "offer", "sdp": sdp}, {"type": "answer", "sdp": sdp}, {"type": "bye"}, {}, 7])


def any_text(rng: random.Random) -> str:
    texts = ["", "{", "null", "[]", "{}", '{"janus":"create"}', '{"transaction":7}', "[" * 5000, "9" * 5000]
    return rng.choice([*texts, json.dumps(any_json(rng))])
