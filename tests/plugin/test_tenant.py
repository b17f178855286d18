"""The end of a test: everybody leaves, the account is gone, and what went wrong is told."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator

import aiohttp
import pytest

from conftest_plugin.errors import RoomsEmulatorWarning, ServerStopped
from conftest_plugin.loop_thread import LoopThread
from conftest_plugin.rooms_emulator import RoomsEmulator
from conftest_plugin.server import EmulatorServer
from conftest_plugin.tenant import Tenant
from emulator.clients.errors import ClientStateError, Refused
from emulator.clients.events import StreamUnpublished
from emulator.clients.room_client import RoomClient
from emulator.config import Config, ConfigError
from emulator.rooms.account import Account
from emulator.server import StartError
from emulator.signaling.hub import CLOSE_SESSION_TERMINATED


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorServer]:
    with EmulatorServer() as server:
        yield server


@pytest.fixture
def tenant(server: EmulatorServer) -> Tenant:
    """Each test closes it by itself."""
    return server.open_account()


@pytest.fixture
def rooms(server: EmulatorServer, tenant: Tenant) -> RoomsEmulator:
    return RoomsEmulator(server, tenant)


def accounts(server: EmulatorServer) -> list[Account]:
    return server.thread.read(server._emulator.accounts.all)


def account_of(server: EmulatorServer, tenant: Tenant) -> Account:
    (found,) = (account for account in accounts(server) if server._emulator.accounts.by_key(tenant.api_key) is account)
    return found


def assert_nobody_is_connected(server: EmulatorServer) -> None:
    """Once the server has noticed what its clients have already seen happen."""

    async def settled() -> None:
        lobby = server._emulator.lobby
        async with asyncio.timeout(5):
            while lobby.sessions or lobby._hubs:  # noqa: ASYNC110 - there is no event for the end of a socket
                await asyncio.sleep(0.005)

    server.thread.wait(settled(), patience=10, what="waiting until everybody has gone")


def test_nothing_is_left_of_a_test(server: EmulatorServer, tenant: Tenant, rooms: RoomsEmulator) -> None:
    room = rooms.create_room()
    alice = rooms.participant(room, "alice", publish="self")
    bob = rooms.participant(room, "bob", subscribe="all")
    bob.sees(alice)
    (session,) = account_of(server, tenant).records.sessions.values()
    server.close_account(tenant)
    assert alice.status == bob.status == "disconnected"
    assert not session.active
    assert accounts(server) == []
    assert_nobody_is_connected(server)


def test_tokens_of_a_test_are_good_for_nothing_after_it(
    server: EmulatorServer, tenant: Tenant, rooms: RoomsEmulator
) -> None:
    room = rooms.create_room()
    token = rooms.token(room)
    server.close_account(tenant)
    late = server.open_account()
    with pytest.raises(Refused) as refused:
        RoomsEmulator(server, late).participant(room, "late", token=token)
    assert refused.value.status_code == 401
    server.close_account(late)


def test_key_that_was_never_used_can_be_forgotten(server: EmulatorServer) -> None:
    server.thread.read(lambda: server._emulator.forget_account("KEY_unknown"))
    assert accounts(server) == []


def test_many_tests_take_no_more_memory_than_one(server: EmulatorServer) -> None:
    known: list[weakref.ref[Account]] = []
    for _ in range(100):
        tenant = server.open_account()
        RoomsEmulator(server, tenant).create_room()
        known.append(weakref.ref(account_of(server, tenant)))
        server.close_account(tenant)
    gc.collect()
    assert accounts(server) == []
    assert sum(account() is not None for account in known) <= 1  # the server's last request may hold its own


def test_account_that_only_the_app_has_used_is_dropped_too(server: EmulatorServer, tenant: Tenant) -> None:
    assert not tenant.used

    async def ask() -> int:
        key = {"Authorization": f"Bearer {tenant.api_key}"}
        async with aiohttp.ClientSession(headers=key) as http, http.get(f"{server.rest_url}/rooms") as answer:
            return answer.status

    assert server.thread.wait(ask(), patience=5, what="asking") == 200
    assert tenant.used
    server.close_account(tenant)
    assert accounts(server) == []


def test_unused_account_costs_no_call_to_the_server(
    server: EmulatorServer, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LoopThread, "wait", None)
    server.close_account(tenant)


def test_sockets_of_the_app_are_closed_with_the_account(
    server: EmulatorServer, tenant: Tenant, rooms: RoomsEmulator
) -> None:
    """Both of who has joined, and of who has only come to the door."""
    room = rooms.create_room()
    token = rooms.token(room)

    async def enter() -> tuple[RoomClient, aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
        joined = RoomClient(ws_url=server.ws_url, room_id=room.id, token=token)
        await joined.connect()
        http = aiohttp.ClientSession()
        ws = await http.ws_connect(f"{server.ws_url}/{room.id}/janus", protocols=("janus-protocol",))
        await ws.send_json({"janus": "create", "transaction": "1", "client_token": token})
        assert (await ws.receive_json())["janus"] == "success"
        return joined, http, ws

    async def leave() -> tuple[int, object]:
        ended, closed = await joined.wait_disconnected(), await ws.receive()
        await joined.leave()
        await http.close()
        return ended.code, closed.data

    joined, http, ws = server.thread.wait(enter(), patience=5, what="entering")
    server.close_account(tenant)
    codes = server.thread.wait(leave(), patience=5, what="leaving")
    assert codes == (CLOSE_SESSION_TERMINATED, CLOSE_SESSION_TERMINATED)
    assert_nobody_is_connected(server)


def test_who_cannot_leave_is_told_of_and_keeps_nobody_else_from_leaving(
    server: EmulatorServer, tenant: Tenant, rooms: RoomsEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = RoomClient.leave

    async def fail(client: RoomClient) -> None:
        await leave(client)
        if client.name != "bob":
            raise RuntimeError(f"{client.name} has lost the door")

    room = rooms.create_room()
    people = [rooms.participant(room, name) for name in ("alice", "bob", "carol")]
    monkeypatch.setattr(RoomClient, "leave", fail)
    with pytest.raises(ExceptionGroup) as told:
        server.close_account(tenant)
    assert [str(error) for error in told.value.exceptions] == ["alice has lost the door", "carol has lost the door"]
    assert {person.status for person in people} == {"disconnected"}
    assert accounts(server) == []


def test_who_takes_too_long_to_leave_vanishes_and_is_told_of(
    server: EmulatorServer, tenant: Tenant, rooms: RoomsEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conftest_plugin.tenant.LEAVE_SECS", 0.05)

    async def hang(_client: RoomClient) -> None:
        await asyncio.get_running_loop().create_future()

    alice = rooms.participant(rooms.create_room(), "alice")
    monkeypatch.setattr(RoomClient, "leave", hang)
    with pytest.raises(TimeoutError, match=r"alice could not leave within 0\.05 s"):
        server.close_account(tenant)
    assert alice.status == "disconnected"
    assert_nobody_is_connected(server)


def test_what_participants_noticed_against_the_protocol_is_warned_of(
    server: EmulatorServer, tenant: Tenant, rooms: RoomsEmulator
) -> None:
    alice = rooms.participant(rooms.create_room(), "alice")
    alice._client._background.fault("the server spoke Latin")
    with pytest.warns(RoomsEmulatorWarning, match="alice: the server spoke Latin"):
        server.close_account(tenant)


def test_subscription_that_failed_in_the_background_is_told_of(
    server: EmulatorServer, tenant: Tenant, rooms: RoomsEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = threading.Event()

    async def refuse(_client: RoomClient, *_place: str) -> None:
        refused.set()
        raise RuntimeError("no more seats")

    room = rooms.create_room()
    rooms.participant(room, "bob", subscribe="all")
    monkeypatch.setattr(RoomClient, "subscribe", refuse)
    rooms.participant(room, "alice", publish="self")
    assert refused.wait(5)
    with pytest.raises(RuntimeError, match="no more seats"):
        server.close_account(tenant)


def test_stream_that_goes_while_it_is_subscribed_to_is_no_error(
    server: EmulatorServer, tenant: Tenant, rooms: RoomsEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = threading.Event()

    async def too_late(client: RoomClient, person: str, key: str) -> None:
        await client.wait_for(StreamUnpublished, {"participant_id": person, "key": key})
        gone.set()
        raise ClientStateError("no such stream any more")

    room = rooms.create_room()
    rooms.participant(room, "bob", subscribe="all")
    monkeypatch.setattr(RoomClient, "subscribe", too_late)
    rooms.participant(room, "alice", publish="self").unpublish()
    assert gone.wait(5)
    server.close_account(tenant)


def test_server_with_fixed_keys_is_refused() -> None:
    with pytest.raises(ConfigError, match="each test has a random key"):
        EmulatorServer(Config(port=0, api_keys=("KEY_one",)))


def test_server_that_cannot_start_leaves_no_thread_behind(server: EmulatorServer) -> None:
    before = threading.active_count()
    with pytest.raises(StartError, match="is taken"):
        EmulatorServer(Config(port=server._emulator.port)).start()
    assert threading.active_count() == before


def test_stopped_server_refuses_calls() -> None:
    server = EmulatorServer()
    server.start()
    rooms = RoomsEmulator(server, server.open_account())
    server.stop()
    server.stop()
    with pytest.raises(ServerStopped):
        rooms.create_room()
