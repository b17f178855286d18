"""Any sequence of requests, sensible or not, from several clients at once: what holds for every frame always holds.

What each client hears is checked as it comes (`tests.signaling.house`); what the emulator holds is checked here.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from emulator.media.transport.answer import make_answer
from emulator.media.transport.negotiation import VIEWER_POLICY, LocalSource
from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.media.transport.parameters import TransportParameters
from emulator.media.transport.peer import Peer, PeerState
from emulator.rooms.account import Account
from emulator.rooms.errors import DomainError
from emulator.wire.sdp import Direction
from tests.signaling.house import CERTIFICATE, Client, Handle, House
from tests.signaling.raw_client import display, stream_display

PEOPLE = [f"person-{number}" for number in range(4)]
KEYS = ["self", "screen"]
MAX_CLIENTS = 5

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

which = st.integers(min_value=0, max_value=40)
"""Chooses among what there is."""
who = st.sampled_from(PEOPLE)
scalars = st.none() | st.booleans() | st.integers(-2, 2**60) | st.text(max_size=5) | st.floats(allow_nan=False)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
bodies = st.fixed_dictionaries(
    {"request": st.sampled_from(["join", "configure", "start", "leave", "publish"]) | anything},
    optional={
        "display": st.sampled_from([display(PEOPLE[0]), stream_display(PEOPLE[1], "s", "self"), "e30=", "%"])
        | anything,
        "ptype": st.sampled_from(["publisher", "subscriber"]) | anything,
        "feed": scalars,
        "audio": scalars,
        "video": scalars,
        "muted": scalars,
        "bitrate": scalars,
        "room": scalars,
    },
)
jseps = st.sampled_from(
    [
        {"type": "offer", "sdp": STREAM_OFFER},
        {"type": "offer", "sdp": MIX_OFFER},
        {"type": "answer", "sdp": STREAM_OFFER},
        {"type": "offer", "sdp": STREAM_OFFER[:200]},
        {"type": "offer", "sdp": "v=0"},
        {"type": "bye"},
        {},
        7,
    ]
)
requests = st.sampled_from(
    ["create", "keepalive", "attach", "message", "trickle", "detach", "hangup", "destroy", "claim", ""]
)
texts = st.sampled_from(
    ["", "{", "null", "[]", '"x"', "{}", '{"janus":"create"}', '{"transaction":7}', "[" * 99999]
) | (anything.map(json.dumps))


class SignalingMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        logging.getLogger("emulator").setLevel(logging.ERROR)  # refusals are its daily bread
        self.house = House()
        self.account = self.house.account("KEY_one")
        self.rooms = [self.house.new_room(self.account), self.house.new_room(self.account, 2)]
        self.clients: list[Client] = []
        self.streams = 0

    # -- choosing -------------------------------------------------------------------------------------------------

    def _client(self, which: int) -> Client | None:
        return self.clients[which % len(self.clients)] if self.clients else None

    def _handle(self, client: Client, which: int, role: str | None = None) -> Handle:
        """One of the client's handles, detached ones included; one that never was if there is none."""
        found = [handle for handle in client.handles if role is None or handle.role == role]
        return found[which % len(found)] if found else Handle(7, "videoroom")

    def _peers(self) -> list[Peer]:
        return sorted(self.house.socket.peers, key=lambda peer: peer.local.ufrag)

    # -- sensible clients -----------------------------------------------------------------------------------------

    def _open(self, room: int, person: str) -> Client | None:
        if len(self.clients) >= MAX_CLIENTS or not self.rooms:
            return None
        client = Client(self.house, self.account, self.rooms[room % len(self.rooms)], person)
        self.clients.append(client)
        return client

    def _enter(self, client: Client) -> None:
        client.create()
        self._register(client)
        self._listen(client)

    def _register(self, client: Client) -> None:
        handle = client.attach("audiobridge")
        if handle is not None:
            handle.role = "register"
            body = {"request": "join", "room": client.room_id, "display": display(client.participant_id)}
            client.message(handle, body)

    def _listen(self, client: Client) -> None:
        handle = client.attach("videoroom")
        if handle is not None:
            handle.role = "listener"
            client.message(handle, {"request": "join", "ptype": "publisher", "display": display(client.participant_id)})

    @initialize()
    def two_people_meet(self) -> None:
        for person in PEOPLE[:2]:
            client = self._open(0, person)
            assert client is not None
            self._enter(client)

    @rule(room=which, person=who)
    def enter(self, room: int, person: str) -> None:
        client = self._open(room, person)
        if client is not None:
            self._enter(client)

    @rule(room=which, person=who)
    def connect_only(self, room: int, person: str) -> None:
        client = self._open(room, person)
        if client is not None:
            client.create()

    @rule(client=which)
    def register(self, client: int) -> None:
        if (chosen := self._client(client)) is not None:
            self._register(chosen)

    @rule(client=which)
    def listen(self, client: int) -> None:
        if (chosen := self._client(client)) is not None:
            self._listen(chosen)

    @rule(client=which, key=st.sampled_from(KEYS), connected=st.booleans(), same=st.booleans())
    def publish(self, client: int, key: str, connected: bool, same: bool) -> None:
        chosen = self._client(client)
        handle = None if chosen is None else chosen.attach("videoroom")
        if chosen is None or handle is None:
            return
        self.streams += 0 if same and self.streams else 1
        handle.role, handle.stream_id, handle.key = "publisher", f"stream-{self.streams}", key
        text = stream_display(chosen.participant_id, handle.stream_id, key)
        chosen.message(handle, {"request": "join", "ptype": "publisher", "display": text})
        before = set(self.house.socket.peers)
        chosen.message(handle, {"request": "configure", "display": text}, {"type": "offer", "sdp": STREAM_OFFER})
        if connected:
            self._connect(set(self.house.socket.peers) - before)

    @rule(client=which, handle=which, audio=st.booleans(), video=st.booleans(), offer=st.booleans())
    def configure_publisher(self, client: int, handle: int, audio: bool, video: bool, offer: bool) -> None:
        if (chosen := self._client(client)) is not None:
            publisher = self._handle(chosen, handle, "publisher")
            text = stream_display(chosen.participant_id, publisher.stream_id, publisher.key, audio=audio, video=video)
            jsep = {"type": "offer", "sdp": STREAM_OFFER} if offer else None
            chosen.message(publisher, {"request": "configure", "display": text, "bitrate": 100_000}, jsep)

    @rule(client=which, feed=which, answered=st.booleans())
    def subscribe(self, client: int, feed: int, answered: bool) -> None:
        chosen = self._client(client)
        handle = None if chosen is None else chosen.attach("videoroom")
        if chosen is None or handle is None:
            return
        handle.role = "subscriber"
        known = [*chosen.feeds.known, 7]
        reply = chosen.message(
            handle, {"request": "join", "ptype": "subscriber", "feed": known[feed % len(known)], "audio": answered}
        )
        handle.offer = reply.get("jsep", {}).get("sdp")
        if answered:
            self._start(chosen, handle)

    @rule(client=which, handle=which)
    def start_subscription(self, client: int, handle: int) -> None:
        if (chosen := self._client(client)) is not None:
            self._start(chosen, self._handle(chosen, handle, "subscriber"))

    def _start(self, client: Client, handle: Handle) -> None:
        answer = STREAM_OFFER if handle.offer is None else make_answer(handle.offer, TRANSPORT, VIEWER_POLICY)[0]
        client.message(handle, {"request": "start"}, {"type": "answer", "sdp": answer})

    @rule(client=which, offered=st.booleans())
    def open_mix(self, client: int, offered: bool) -> None:
        chosen = self._client(client)
        handle = None if chosen is None else chosen.attach("audiobridge")
        if chosen is not None and handle is not None:
            handle.role = "mixer"
            text = stream_display(chosen.participant_id, "mix", "audiobridge", video=False)
            chosen.message(handle, {"request": "join", "display": text, "muted": False})
            if offered:
                self._offer_mix(chosen, handle)

    @rule(client=which, handle=which)
    def offer_mix(self, client: int, handle: int) -> None:
        if (chosen := self._client(client)) is not None:
            self._offer_mix(chosen, self._handle(chosen, handle, "mixer"))

    def _offer_mix(self, client: Client, handle: Handle) -> None:
        client.message(handle, {"request": "configure", "muted": False}, {"type": "offer", "sdp": MIX_OFFER})

    # -- clients with other ideas ---------------------------------------------------------------------------------

    @rule(client=which, handle=which)
    def detach(self, client: int, handle: int) -> None:
        if (chosen := self._client(client)) is not None:
            found = self._handle(chosen, handle)
            reply = chosen.request("detach", handle_id=found.id)
            assert (
                found.detached is False
                or reply.get("janus") == "success"
                or chosen.session.expelled
                or ("status_code" in reply or chosen.session.over)
            )
            found.detached = found.detached or reply.get("janus") == "success"

    @rule(client=which, handle=which)
    def detach_the_register_and_come_again(self, client: int, handle: int) -> None:
        if (chosen := self._client(client)) is not None:
            chosen.request("detach", handle_id=self._handle(chosen, handle, "register").id)
            self._register(chosen)

    @rule(client=which, handle=which, janus=requests, body=bodies | anything, jsep=st.none() | jseps)
    def ask_for_anything(self, client: int, handle: int, janus: str, body: Any, jsep: Any) -> None:
        chosen = self._client(client)
        if chosen is None:
            return
        found = self._handle(chosen, handle)
        extra = {} if jsep is None else {"jsep": jsep}
        reply = chosen.request(janus, handle_id=found.id, plugin="janus.plugin.videoroom", body=body, **extra)
        if reply.get("janus") == "success" and janus == "create":
            chosen.session_id = reply["data"]["id"]
        if reply.get("janus") == "success" and janus == "attach":
            chosen.handles.append(Handle(self.house.note_id(reply["data"]["id"]), "videoroom"))

    @rule(client=which, handle=which, body=bodies)
    def send_any_body(self, client: int, handle: int, body: Any) -> None:
        if (chosen := self._client(client)) is not None:
            chosen.message(self._handle(chosen, handle), body)

    @rule(client=which, text=texts)
    def send_any_text(self, client: int, text: str) -> None:
        if (chosen := self._client(client)) is not None:
            chosen.say(text)

    @rule(
        client=which,
        name=st.sampled_from(["session_id", "handle_id", "client_token", "janus", "plugin"]),
        value=scalars,
    )
    def send_a_wrong_element(self, client: int, name: str, value: Any) -> None:
        if (chosen := self._client(client)) is not None:
            chosen.ask(chosen.frame("keepalive") | {name: value})

    @rule(client=which, kind=st.sampled_from(["expired", "other room", "other account", "none"]))
    def send_a_wrong_token(self, client: int, kind: str) -> None:
        if (chosen := self._client(client)) is None or not self.rooms:
            return
        frame = chosen.frame("keepalive")
        other: Account = self.house.account("KEY_two")
        match kind:
            case "expired":
                frame["client_token"] = self.house.token(self.account, chosen.room_id, expired=True)
            case "other room":
                frame["client_token"] = self.house.token(self.account, self.house.new_room(self.account))
            case "other account":
                frame["client_token"] = self.house.token(other, chosen.room_id)
            case _:
                del frame["client_token"]
        reply = chosen.ask(frame)
        assert chosen.session.over or reply.get("status_code") in (401, 403, 404)

    @rule(client=which, lost=st.booleans())
    def go_away(self, client: int, lost: bool) -> None:
        if (chosen := self._client(client)) is not None:
            chosen.leave(lost=lost)

    # -- what happens from elsewhere ------------------------------------------------------------------------------

    def _connect(self, peers: set[Peer]) -> None:
        """The connection comes up. Nothing ever arrives on it, so its timer for connecting can still end it."""
        for peer in peers:
            if peer.state is PeerState.CONNECTING:
                peer.state = PeerState.CONNECTED
                peer.on_connected()

    @rule(peer=which)
    def connection_comes_up(self, peer: int) -> None:
        if peers := self._peers():
            self._connect({peers[peer % len(peers)]})

    @rule(peer=which)
    def connection_fails(self, peer: int) -> None:
        if peers := self._peers():
            peers[peer % len(peers)].ice_failed("its path is gone")

    @precondition(lambda self: self.account.records.sessions)
    @rule(
        session=which,
        act=st.sampled_from(["kick", "mute", "unmute", "kick all", "end"]),
        people=st.lists(who, max_size=2),
    )
    def moderate(self, session: int, act: str, people: list[str]) -> None:
        sessions = list(self.account.records.sessions)[::-1]
        session_id = sessions[session % len(sessions)]
        try:
            match act:
                case "kick":
                    self.account.kick(session_id, people)
                case "kick all":
                    self.account.kick(session_id, "all")
                case "mute":
                    self.account.mute(session_id, "all", people)
                case "unmute":
                    self.account.unmute(session_id, people)
                case _:
                    self.account.end_session(session_id)
        except DomainError:
            pass  # the session is over: nothing happens, which is checked like everything

    @rule(room=which, another=st.booleans())
    def delete_a_room(self, room: int, another: bool) -> None:
        if self.rooms:
            self.account.delete_room(self.rooms.pop(room % len(self.rooms)))
        if another or not self.rooms:
            self.rooms.append(self.house.new_room(self.account, 3))

    @rule(person=who, stream=which, talking=st.booleans())
    def somebody_talks(self, person: str, stream: int, talking: bool) -> None:
        known = self.account.records.participants.get(person)
        streams = [None, *(known.streams if known is not None else ())]
        self.account.tell_talking(person, stream_id=streams[stream % len(streams)], talking=talking)

    @rule(seconds=st.sampled_from([0.01, 0.08, 0.08, 1.0, 2.5, 6.0, 31.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.house.loop.run(seconds)
        self.house.lobby.sweep(60.0)

    # -- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def everything_is_in_order(self) -> None:
        """First, since it takes what has come: gone clients leave the room before it is looked at."""
        assert self.house.faults.lines == []
        for client in self.clients:
            client.take()
        self.clients = [client for client in self.clients if not client.gone]
        self._check_presence()
        self._check_hubs()
        self._check_media()

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
        for client in self.clients:
            session = client.session
            if session.participant_id is None or session.expelled or session.over:
                continue
            hub = self.house.hub(self.account, client.room_id)
            assert hub is not None, "somebody present is in no hub"
            assert session in hub.sessions, "somebody present would hear of nothing"
            if session._held or session._hold_timer is not None:
                continue
            if session.register_id is not None:
                assert set(client.audio.known) == {entry.id for entry in hub.others(session)}
            if session.listener_id is not None:
                assert set(client.feeds.known) == {feed.id for feed in hub.publishers(session)}
        for hub in self.house.lobby._hubs.values():
            announced = {f.stream_id for f in hub.feeds.values() if f.announced}
            assert all(entry.session in hub.sessions for entry in [*hub.audio.values(), *hub.feeds.values()])
            assert announced == {
                stream.id
                for p in self.account.records.participants.values()
                if p.room_id == hub.room_id
                for stream in p.streams.values()
                if stream.announced
            }

    def _check_media(self) -> None:
        records, legs = self.account.records, 0
        for (_, session_id), conference in self.house.conferences._by_session.items():
            assert records.sessions[session_id].active, "a session that is over has a conference"
            present = {(p.id, p.connection) for p in records.present(records.sessions[session_id])}
            for leg in [*conference._publishers.values(), *conference._mixers.values()]:
                assert (leg.participant_id, leg.connection) in present, "media of somebody who is not there"
                assert leg.peer.state not in (PeerState.CLOSED, PeerState.FAILED)
            ended = [leg for leg in conference._subscribers.values() if leg.peer not in self.house.socket.peers]
            legs += len(conference._publishers) + len(conference._mixers) + len(conference._subscribers) - len(ended)
        assert legs == len(self.house.socket.peers)

    def teardown(self) -> None:
        """Everybody goes: nothing is left, not even a timer."""
        house = self.house
        try:
            house.loop.run(0.1)
            self.everything_is_in_order()
            for client in self.clients:
                client.leave(lost=True)
            house.loop.run(0.2)
            assert house.faults.lines == []
            assert house.lobby.sessions == set()
            assert house.lobby._hubs == {}
            assert house.conferences._by_session == {}
            assert house.socket.peers == ()
            assert not any(session.active for session in self.account.records.sessions.values())
            assert house.loop.waiting == [], "a timer is left"
        finally:
            house.close()


def machine_settings(examples: int, steps: int, *, repeatable: bool) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=repeatable,
        suppress_health_check=list(HealthCheck),
    )


def test_whatever_clients_send_each_request_has_one_answer_and_nothing_is_left_behind() -> None:
    run_machine(SignalingMachine, settings=machine_settings(30, 30, repeatable=True))
