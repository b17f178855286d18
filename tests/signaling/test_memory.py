"""The in-memory door: clients in this process, without sockets, without media, without waiting for real time."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emulator.clients import RoomClient
from emulator.clients.errors import ClientStateError, ConnectError, Refused
from emulator.clients.events import (
    Disconnected,
    ParticipantJoined,
    ParticipantLeaving,
    ParticipantLeft,
    StreamPublished,
    StreamUnpublished,
    SubscriptionEnded,
    TrackCensored,
    TrackDisabled,
    TrackEnabled,
    TrackUncensored,
)
from emulator.clients.memory_transport import memory_opener
from emulator.conference.conferences import Conferences
from emulator.rooms.accounts import Accounts
from emulator.rooms.room import RoomSettings
from emulator.rooms.tokens import TokenMint
from emulator.signaling import session as signaling_session
from emulator.signaling.lobby import Lobby
from emulator.signaling.memory import MemoryConnection
from emulator.signaling.surroundings import Close
from emulator.travelling_clock import TravellingClock
from tests.scenario.virtual_time import run_virtually
from tests.signaling.raw_client import display, stream_display

START = datetime(2026, 9, 17, 20, 0, tzinfo=UTC)


class NoSocket:
    """Stands where the media socket would; whoever touches it, fails."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"media was touched: {name}")


class World:
    """A server without any socket: an account with a standing clock, a room, and its signaling."""

    def __init__(self, *, seed: int = 7, **settings: Any) -> None:
        rng = random.Random()
        loop = asyncio.get_running_loop()
        self.clock = TravellingClock(frozen_at=START)
        self.mint = TokenMint(Ed25519PrivateKey.generate())
        self.conferences = Conferences(NoSocket(), loop=loop, rng=rng)  # type: ignore[arg-type]  # that is the point

        def watch(account: Any) -> None:
            self.conferences.watch(account)
            self.lobby.watch(account)

        accounts = Accounts(on_created=watch)
        self.lobby = Lobby(accounts=accounts, mint=self.mint, conferences=self.conferences, scheduler=loop, rng=rng)
        self.account = accounts.add("KEY", seed=seed, clock=self.clock)
        self.room = self.account.create_room(RoomSettings(**settings))
        self.clients: list[RoomClient] = []

    def token(self, room_id: str | None = None, *, ttl_secs: int = 600) -> str:
        return self.mint.mint(
            "access",
            room_id=room_id or self.room.id,
            account_id=self.account.id,
            ttl_secs=ttl_secs,
            now=self.account.now(),
            new_id=self.account.new_token_id,
        ).text

    async def join(self, name: str, *, connect: bool = True, **options: Any) -> RoomClient:
        options.setdefault("token", self.token())
        options.setdefault("room_id", self.room.id)
        options.setdefault("rng", random.Random(name))
        client = RoomClient(
            ws_url="memory:", name=name, media=False, open_transport=memory_opener(self.lobby), **options
        )
        self.clients.append(client)
        if connect:
            await client.connect()
        return client

    @property
    def session_id(self) -> str:
        assert self.room.active_session_id is not None
        return self.room.active_session_id

    def told(self) -> list[str]:
        """The event log, as `type` or `type reason`."""
        events = [record.event for record in self.account.log.since(0)]
        return [" ".join(filter(None, (event.type, getattr(event, "reason", "")))) for event in events]

    async def close(self) -> None:
        for client in self.clients:
            await client.leave()
        self.conferences.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.close()
    for client in made.clients:
        assert client.faults == [], f"{client.name}: {client.faults}"


# -- what a participant notices ---------------------------------------------------------------------------------------


async def test_people_meet(world: World) -> None:
    alice = await world.join("Alice")
    bob = await world.join("Bob")
    joined = await alice.wait_for(ParticipantJoined, {"participant_id": bob.participant_id})
    assert json.loads(joined.context or "")["username"] == "Bob"
    assert set(bob.participants) == set(alice.participants) == {alice.participant_id, bob.participant_id}
    await bob.leave()
    await alice.wait_for(ParticipantLeft, {"participant_id": bob.participant_id, "reason": None})
    assert world.told()[-2:] == ["participant_joined", "participant_left left"]


async def test_a_stream_is_announced_at_once_and_switched_and_gone(world: World) -> None:
    alice, bob = await world.join("Alice"), await world.join("Bob")
    stream = await alice.publish("self", video="test_card", audio=None)
    await stream.wait_connected()
    await bob.wait_for(StreamPublished, {"participant_id": alice.participant_id, "key": "self"})
    seen = bob.streams[alice.participant_id, "self"]
    assert (seen.audio_enabled, seen.video_enabled) == (False, True)
    await alice.update_stream(video=False)
    await bob.wait_for(TrackDisabled, {"participant_id": alice.participant_id, "kind": "video"})
    await alice.update_stream(video=True)
    await bob.wait_for(TrackEnabled, {"participant_id": alice.participant_id, "kind": "video"})
    carol = await world.join("Carol")
    assert (alice.participant_id, "self") in carol.streams
    await alice.unpublish()
    await bob.wait_for(StreamUnpublished, {"participant_id": alice.participant_id})
    assert bob.streams == {}
    assert world.told()[2:] == [
        *["participant_joined"] * 2,
        *["stream_offered", "stream_published", "stream_changed", "stream_changed"],
        *["participant_joined", "stream_unpublished"],
    ]


async def test_a_key_can_be_published_again_but_not_twice(world: World) -> None:
    alice = await world.join("Alice")
    await alice.publish("self")
    await alice.unpublish("self")
    await alice.publish("self")
    with pytest.raises(ClientStateError):
        await alice.publish("self")


async def test_subscriptions_are_kept_as_state(world: World) -> None:
    alice, bob = await world.join("Alice"), await world.join("Bob")
    await alice.publish("self")
    await alice.publish("screen", audio=None)
    await bob.subscribe(alice, "self", video=False)
    screen = await bob.subscribe(alice, "screen")
    await screen.wait_connected()
    await bob.update_subscription(alice, "self", audio=False, video=True)
    kept = bob.subscriptions[alice.participant_id, "self"]
    assert (kept.audio, kept.video) == (False, True)
    assert kept.statistics.video_packets == 0
    await bob.unsubscribe(alice, "self")
    assert list(bob.subscriptions) == [(alice.participant_id, "screen")]
    await alice.leave()
    await bob.wait_for(SubscriptionEnded, {"participant_id": alice.participant_id, "key": "screen"})
    await bob.wait_for(ParticipantLeft, {"participant_id": alice.participant_id})
    assert bob.subscriptions == {}


async def test_nobody_is_seen_or_heard(world: World) -> None:
    alice, bob = await world.join("Alice"), await world.join("Bob")
    await alice.publish("self")
    await bob.subscribe(alice)
    with pytest.raises(AssertionError, match="without media"):
        await bob.sees(alice, within=0.01)
    with pytest.raises(AssertionError):
        await bob.hears(alice, within=0.01)


async def test_a_moderator_mutes_and_unmutes(world: World) -> None:
    alice, bob = await world.join("Alice"), await world.join("Bob")
    await alice.publish("self")
    await bob.wait_for(StreamPublished)
    world.account.mute(world.session_id, [alice.participant_id])
    for client in (alice, bob):
        await client.wait_for(TrackCensored, {"participant_id": alice.participant_id, "kind": "audio"})
    carol = await world.join("Carol")
    assert carol.streams[alice.participant_id, "self"].audio_censored
    world.account.unmute(world.session_id, "all")
    for client in (alice, bob, carol):
        await client.wait_for(TrackUncensored, {"participant_id": alice.participant_id})


async def test_a_kicked_client_goes_and_the_others_hear_why(world: World) -> None:
    alice, bob = await world.join("Alice"), await world.join("Bob")
    await alice.publish("self")
    world.account.kick(world.session_id, [alice.participant_id])
    await bob.wait_for(ParticipantLeaving, {"participant_id": alice.participant_id, "reason": "kicked"})
    await bob.wait_for(ParticipantLeft, {"participant_id": alice.participant_id, "reason": "kicked"})
    assert (await alice.wait_disconnected()).code == 1005
    assert world.told()[-2:] == ["stream_unpublished", "participant_left kicked"]


async def test_the_end_of_the_session_closes_everybody_with_4000(world: World) -> None:
    clients = [await world.join(name) for name in ("Alice", "Bob")]
    world.account.end_session(world.session_id)
    for client in clients:
        ended = await client.wait_disconnected()
        assert (ended.code, ended.reason) == (4000, "session_terminated")


async def test_the_same_participant_again_replaces_the_older_connection(world: World) -> None:
    one = await world.join("Alice", participant_id=str(uuid.UUID(int=7, version=4)))
    two = await world.join("Alice again", participant_id=one.participant_id)
    assert (await one.wait_disconnected()).code == 4000
    assert two.status == "connected"
    assert world.told()[-2:] == ["participant_left replaced", "participant_joined"]


async def test_who_vanishes_is_lost(world: World) -> None:
    alice, bob = await world.join("Alice"), await world.join("Bob")
    await alice.publish("self")
    await bob.subscribe(alice)
    await alice.vanish()
    await bob.wait_for(ParticipantLeft, {"participant_id": alice.participant_id})
    assert alice.disconnected == Disconnected(1006, "network_error")
    assert world.told()[-1] == "participant_left lost"


# -- who gets in ------------------------------------------------------------------------------------------------------


async def test_refusals_are_those_of_the_websocket(world: World) -> None:
    for options, status in (
        ({"token": "nonsense"}, 401),
        ({"token": world.token(room_id=str(uuid.uuid4()))}, 403),
        ({"room_id": (gone := str(uuid.uuid4())), "token": world.token(room_id=gone)}, 404),
    ):
        with pytest.raises(Refused) as refused:
            await world.join("Nobody", **options)
        assert refused.value.status_code == status


async def test_a_full_room_is_refused_with_403() -> None:
    world = World(max_participants=2)
    await world.join("Alice")
    await world.join("Bob")
    with pytest.raises(Refused) as refused:
        await world.join("Carol")
    assert refused.value.status_code == 403
    await world.close()


async def test_tokens_expire_by_the_accounts_clock_and_can_be_renewed(world: World) -> None:
    alice, bob = await world.join("Alice"), await world.join("Bob")
    await world.clock.advance(timedelta(minutes=9))
    await alice.update_token(world.token())
    await world.clock.advance(timedelta(minutes=2))
    await alice.publish("self")
    with pytest.raises(Refused) as refused:
        await bob.publish("self")
    assert refused.value.status_code == 401
    assert (await bob.wait_disconnected()).status_code == 401


async def test_without_media_only_an_in_memory_transport_will_do(world: World) -> None:
    with pytest.raises(ClientStateError, match="in-memory"):
        RoomClient(ws_url="ws://127.0.0.1:1", room_id=world.room.id, token="", media=False)
    for url in ("memory:/janus", "memory:/a/b/janus", "memory:/a/other", "memory:"):
        with pytest.raises(ConnectError, match="room_id"):
            await memory_opener(world.lobby)(url)


# -- time -------------------------------------------------------------------------------------------------------------


def test_nothing_waits_for_real_time_and_nothing_touches_media() -> None:
    """On a loop whose time jumps only when everybody waits: it never does."""

    async def meet() -> tuple[float, list[str]]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        world = World()
        alice, bob = await world.join("Alice"), await world.join("Bob")
        await alice.publish("self")
        await bob.subscribe(alice)
        await alice.update_stream(audio=False)
        await world.clock.advance(timedelta(minutes=9))
        world.account.mute(world.session_id, "all")
        world.account.kick(world.session_id, [bob.participant_id])
        await bob.wait_disconnected()
        await alice.leave()
        await world.close()
        return loop.time() - began, world.told()

    passed, told = run_virtually(meet())
    assert passed == 0
    assert told[-1] == "session_ended Last participant left"


async def test_the_event_log_is_the_same_each_time() -> None:
    async def evening() -> str:
        world = World(seed=3)
        chance = random.Random(3)
        people: dict[str, RoomClient] = {}

        async def act(name: str) -> None:
            client = people.get(name)
            match chance.randrange(5):
                case _ if client is None:
                    people[name] = await world.join(name)
                    await people[name].publish("self")
                case 0 if len(people) > 1:
                    await people.pop(name).leave()
                case 1:
                    world.account.mute(world.session_id, [client.participant_id])
                case 2:
                    await client.update_stream(audio=not client.published["self"].audio_enabled)
                case _:
                    other = people[chance.choice(sorted(people))]
                    if other is not client and (other.participant_id, "self") not in client.subscriptions:
                        await client.subscribe(other)

        tasks: list[asyncio.Task[None]] = []
        for second in range(60):
            at, name = START + timedelta(seconds=second // 2), chance.choice("abcdef")
            world.clock.call_at(at, lambda name=name: tasks.append(asyncio.create_task(act(name))))
        await world.clock.advance(timedelta(minutes=1))
        for task in tasks:
            task.result()
        await world.close()
        return json.dumps([record.as_json() for record in world.account.log.since(0)])

    one, other = await asyncio.gather(evening(), evening())
    assert one == other == await evening()
    assert "stream_changed" in one


async def test_how_much_was_said_does_not_change_the_ids_of_streams() -> None:
    """Requests draw transactions, and with media keepalives come by real time."""
    ids = []
    for requests in (0, 3):
        world = World()
        alice = await world.join("Alice")
        for _ in range(requests):
            await alice.update_token(world.token())
        ids.append((await alice.publish("self")).stream_id)
        await world.close()
    assert ids[0] == ids[1]


async def test_silence_ends_no_connection_in_memory(world: World) -> None:
    alice = await world.join("Alice")
    world.lobby.sweep(-1.0)  # everybody has been silent for longer than that
    await alice.publish("self")
    assert alice.status == "connected"


# -- the connection itself --------------------------------------------------------------------------------------------


class Raw:
    """Frames by hand."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.connection = MemoryConnection(world.lobby, world.room.id)
        self.session_id: int | None = None
        self.token = world.token()
        self.participant_id = str(uuid.uuid4())

    def send(self, janus: str, **fields: Any) -> None:
        frame = {"janus": janus, "transaction": "t", "client_token": self.token, **fields}
        if self.session_id is not None:
            frame["session_id"] = self.session_id
        self.connection.send(json.dumps(frame))

    async def request(self, janus: str, **fields: Any) -> dict[str, Any]:
        self.send(janus, **fields)
        received = await self.connection.receive()
        assert isinstance(received, str)
        reply: dict[str, Any] = json.loads(received)
        assert reply["transaction"] == "t"
        return reply

    async def enter(self) -> int:
        """create and REG; returns the register handle."""
        self.session_id = (await self.request("create"))["data"]["id"]
        handle: int = (await self.request("attach", plugin="janus.plugin.audiobridge"))["data"]["id"]
        body = {"request": "join", "room": self.world.room.id, "display": display(self.participant_id), "muted": True}
        assert "plugindata" in await self.request("message", handle_id=handle, body=body)
        return handle


async def test_an_offer_is_refused_where_there_is_no_media(world: World) -> None:
    raw = Raw(world)
    await raw.enter()
    handle = (await raw.request("attach", plugin="janus.plugin.audiobridge"))["data"]["id"]
    body = {"request": "configure", "display": stream_display(raw.participant_id, "s", "audiobridge", video=False)}
    reply = await raw.request("message", handle_id=handle, body=body, jsep={"type": "offer", "sdp": "v=0"})
    assert reply["janus"] == "error"
    assert "no media" in reply["error"]["reason"]


async def test_a_close_is_echoed_behind_what_was_sent_before(world: World) -> None:
    raw = Raw(world)
    await raw.enter()
    raw.send("keepalive")
    raw.connection.close(1000)
    assert not raw.connection.open
    reply = await raw.connection.receive()
    assert isinstance(reply, str)
    assert json.loads(reply)["janus"] == "ack"
    assert await raw.connection.receive() == Close(1000) == await raw.connection.receive()
    with pytest.raises(ConnectionResetError):
        raw.send("keepalive")
    assert world.lobby.sessions == set()
    assert world.told()[-2:] == ["participant_left left", "session_ended Last participant left"]


async def test_an_empty_close_is_reported_as_1005(world: World) -> None:
    raw = Raw(world)
    await raw.enter()
    raw.connection.close(None)
    assert await raw.connection.receive() == Close(1005)


async def test_who_waits_for_a_frame_hears_of_a_cut(world: World) -> None:
    raw = Raw(world)
    await raw.enter()
    waiting = asyncio.create_task(raw.connection.receive())
    await asyncio.sleep(0)
    raw.connection.cut()
    assert await waiting == Close(1006)


async def test_who_leaves_too_much_unread_is_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signaling_session, "MAX_OUTBOX", 20)
    raw = Raw(world)
    await raw.enter()
    for _ in range(21):
        raw.send("keepalive")
    assert await raw.connection.receive() == Close(1006)
    assert world.told()[-2] == "participant_left lost"


async def test_the_server_closes_behind_the_events_already_made(world: World) -> None:
    raw = Raw(world)
    await raw.enter()
    world.account.end_session(world.session_id)
    assert await raw.connection.receive() == Close(4000)
    assert world.lobby.sessions == set()
