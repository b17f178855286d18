"""An emulator with a data directory, stopped and started: what an application sees of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import telnyx
from aiohttp import web
from aiohttp.test_utils import TestServer

from emulator.config import Config
from emulator.events import Record
from emulator.rooms.account import Account
from emulator.server import Emulator, StartError
from emulator.store.errors import WriteFailed
from emulator.store.log import AccountArchive
from tests.signaling.raw_client import RawClient, RestRoom

KEY = "KEY_kept"


class Running:
    def __init__(self, emulator: Emulator, http: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self.http = http

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.http.request(method, f"{self.emulator.rest_url}/{path}", json=body) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None

    async def room(self, **fields: Any) -> RestRoom:
        return await RestRoom.create(self.emulator, self.http, **fields)

    def known(self, room_id: str) -> RestRoom:
        return RestRoom(self.emulator, self.http, {"id": room_id})

    @property
    def account(self) -> Account:
        found = self.emulator.accounts.by_key(KEY)
        assert found is not None
        return found


@asynccontextmanager
async def running(path: Path, **settings: Any) -> AsyncIterator[Running]:
    config = Config(port=0, data_dir=path, **settings)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with Emulator(config) as emulator, aiohttp.ClientSession(headers=headers) as http:
        yield Running(emulator, http)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def test_what_rest_has_answered_is_there_after_a_restart(path: Path) -> None:
    async with running(path) as one:
        room = await one.room(unique_name="lunch", max_participants=3, webhook_timeout_secs=7)
        gone = await one.room()
        await gone.delete()
        _, changed = await one.call("PATCH", f"rooms/{room.id}", {"unique_name": "brunch"})
    async with running(path) as one:
        assert await one.call("GET", f"rooms/{room.id}") == (200, changed)
        assert (await one.call("GET", f"rooms/{gone.id}"))[0] == 404
        status, refused = await one.call("POST", "rooms", {"unique_name": "brunch"})
        assert (status, refused["errors"][0]["code"]) == (422, "10012")


async def test_without_a_data_dir_nothing_is_kept_and_nothing_is_written(tmp_path: Path, path: Path) -> None:
    for _ in range(2):
        async with Emulator(Config(port=0)) as emulator:
            client = telnyx.AsyncTelnyx(api_key=KEY, base_url=emulator.rest_url)
            await client.rooms.create(unique_name="lunch")
            await client.close()
    assert list(tmp_path.iterdir()) == []


async def test_tokens_are_still_good(path: Path) -> None:
    """R-67: for their whole time."""
    async with running(path) as one:
        room = await one.room()
        token = await one.call("POST", f"rooms/{room.id}/actions/generate_join_client_token", {})
        access, refresh = (token[1]["data"][name] for name in ("token", "refresh_token"))
    async with running(path) as one:
        status, answer = await one.call(
            "POST", f"rooms/{room.id}/actions/refresh_client_token", {"refresh_token": refresh}
        )
        assert status == 201
        for good in (access, answer["data"]["token"]):
            client = await RawClient.open(one.known(room.id), good)
            await client.enter()
            await client.close()


async def test_webhook_key_and_download_secret_stay(path: Path) -> None:
    async with running(path) as one:
        key = one.emulator.webhook_public_key
        assert one.emulator.info()["webhook_public_key"] == key
    async with running(path) as one:
        assert one.emulator.webhook_public_key == key
    async with running(path.with_name("other")) as one:
        assert one.emulator.webhook_public_key != key


async def test_a_live_session_is_ended_with_a_reason(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `kill -9`: nobody has said goodbye."""
    async with running(path) as one:
        room = await one.room()
        alice = await RawClient.open(room)
        await alice.enter()
        session_id = await room.active_session()
        with monkeypatch.context() as patch:
            patch.setattr(Account, "leave", lambda *_, **__: None)
            await alice.close()
            await one.emulator.stop()
    async with running(path) as one:
        assert "active_session_id" not in (await one.known(room.id).get(f"rooms/{room.id}"))
        session = await one.known(room.id).get(f"room_sessions/{session_id}?include_participants=true")
        assert session["active"] is False
        assert session["ended_at"] >= session["created_at"]
        assert all(session["created_at"] <= p["left_at"] <= session["ended_at"] for p in session["participants"])
        assert one.account.participant(alice.participant_id).left_reason == "server_restarted"
        assert one.account.session(session_id).ended_reason == "Emulator restarted"
        again = await RawClient.open(one.known(room.id))
        await again.enter()
        assert await one.known(room.id).active_session() != session_id
        await again.close()


async def test_r113_webhooks_tell_of_the_session_that_the_restart_has_ended(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[dict[str, Any]] = []
    ended = asyncio.Event()

    async def receive(request: web.Request) -> web.Response:
        came.append((await request.json())["data"])
        if came[-1]["event_type"] == "video.room.session.ended":
            ended.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receive)
    async with TestServer(app) as receiver:
        async with running(path) as one:
            room = await one.room(webhook_event_url=str(receiver.make_url("/hook")))
            alice = await RawClient.open(room)
            await alice.enter()
            await one.emulator.webhooks.drained(one.account)
            with monkeypatch.context() as patch:
                patch.setattr(Account, "leave", lambda *_, **__: None)
                await alice.close()
                await one.emulator.stop()
        told = len(came)
        async with running(path):
            async with asyncio.timeout(10):
                await ended.wait()
    left, over = (event["payload"] for event in came[told:])
    assert left["left_reason"] == "server_restarted"
    assert over["ended_reason"] == "Emulator restarted"
    assert len({event["id"] for event in came}) == len(came), "R-115"


async def test_a_stop_in_peace_ends_sessions_as_ever(path: Path) -> None:
    async with running(path) as one:
        room = await one.room()
        alice = await RawClient.open(room)
        await alice.enter()
    async with running(path) as one:
        assert one.account.participant(alice.participant_id).left_reason == "lost"


async def test_ids_do_not_come_again_with_a_seed(path: Path) -> None:
    ids: list[str] = []
    for _ in range(3):
        async with running(path, seed=5) as one:
            ids += [(await one.room()).id for _ in range(3)]
    assert len(set(ids)) == 9


async def test_a_forgotten_account_does_not_come_back(path: Path) -> None:
    async with running(path) as one:
        room = await one.room()
        client = await RawClient.open(room)
        await client.enter()
        one.emulator.forget_account(KEY)
        await client.close()
    async with running(path) as one:
        assert (await one.call("GET", "rooms"))[1]["data"] == []


# -- a start that fails ------------------------------------------------------------------------------------------------


async def start_fails(path: Path) -> str:
    with pytest.raises(StartError) as refusal:
        async with running(path):
            pass
    return str(refusal.value)


async def test_two_emulators_do_not_share_a_directory(path: Path) -> None:
    async with running(path):
        assert f"The data directory {path} is in use by another emulator (process " in await start_fails(path)
    async with running(path):
        pass


async def test_a_start_that_failed_leaves_the_directory_free(path: Path) -> None:
    async with running(path) as one:
        port = one.emulator.port
        with pytest.raises(StartError, match="is taken"):
            async with Emulator(Config(port=port, data_dir=path.with_name("other"))):
                pass
    async with running(path.with_name("other")):
        pass


@pytest.mark.parametrize("name", ["rooms.sqlite", "token-key.pem", "webhook-key.pem"])
async def test_a_damaged_file_is_named(path: Path, name: str) -> None:
    path.mkdir()
    (path / name).write_bytes(b"garbage " * 200)
    assert str(path / name) in await start_fails(path)


async def test_an_event_that_cannot_be_read_is_named(path: Path) -> None:
    async with running(path) as one:
        await one.room()
    with closing(sqlite3.connect(path / "rooms.sqlite")) as connection, connection:
        connection.execute("UPDATE events SET payload = '{'")
    text = await start_fails(path)
    assert "rooms.sqlite, account " in text
    assert ", event 1 cannot be used: " in text


# -- a disk that fails -------------------------------------------------------------------------------------------------


class Disk:
    full = False


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, path: Path) -> Disk:
    disk = Disk()
    write = AccountArchive.write

    def maybe(archive: AccountArchive, records: list[Record]) -> None:
        if disk.full:
            raise WriteFailed(path, "database or disk is full")
        write(archive, records)

    monkeypatch.setattr(AccountArchive, "write", maybe)
    return disk


async def test_r12_a_full_disk_is_told_with_507_and_changes_nothing(path: Path, disk: Disk) -> None:
    async with running(path) as one:
        room = await one.room(unique_name="lunch")
        disk.full = True
        async with one.http.post(f"{one.emulator.rest_url}/rooms", json={}) as answer:
            assert answer.status == 507
            assert answer.headers["x-should-retry"] == "false"
            error = (await answer.json())["errors"][0]
            assert error["code"] == "10007"
            assert "database or disk is full" in error["detail"]
            assert "Nothing has been changed" in error["detail"]
        assert (await one.call("PATCH", f"rooms/{room.id}", {"unique_name": "x"}))[0] == 507
        assert (await one.call("DELETE", f"rooms/{room.id}"))[0] == 507
        status, listed = await one.call("GET", "rooms")
        assert (status, [found["unique_name"] for found in listed["data"]]) == (200, ["lunch"])
        disk.full = False
        assert (await one.call("POST", "rooms", {}))[0] == 201


async def test_s109_a_join_that_cannot_be_written_is_answered_with_an_error(path: Path, disk: Disk) -> None:
    async with running(path) as one:
        room = await one.room()
        alice = await RawClient.open(room)
        await alice.create()
        disk.full = True
        reply = await alice.join_register()
        assert reply["janus"] == "error"
        assert "disk is full" in reply["error"]["reason"]
        assert one.account.records.participants == {}
        disk.full = False
        assert (await alice.join_register())["janus"] == "event"
        disk.full = True
        await alice.close()
        await alice.wait(lambda: not one.account.participant(alice.participant_id).present, "the leave")
        disk.full = False
    async with running(path) as one:
        assert one.account.participant(alice.participant_id).left_at is not None


async def test_who_has_left_while_the_disk_was_full_is_told_of_later_by_itself(path: Path, disk: Disk) -> None:
    async with running(path) as one:
        room = await one.room()
        alice = await RawClient.open(room)
        await alice.enter()
        last = one.account.log.last_number
        disk.full = True
        await alice.close()
        while one.account.participant(alice.participant_id).present:
            await one.call("GET", "rooms")
        assert one.account.log.last_number == last
        disk.full = False
        record = await one.account.log.wait_for(
            lambda record: record.event.type == "session_ended", timeout=10, after=last
        )
        assert record.number == last + 2
