"""`kill -9` under load, and the ledger that says what an emulator with a data directory must know afterwards.

Each room belongs to one worker, so at a kill at most one change of it is under way: afterwards the room is as it was
acknowledged last, or as that change would have made it, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import aiohttp

from tests.signaling.raw_client import RawClient, RestRoom

PATIENCE_SECS = 60
WORKERS = 6
JOINERS = 2
KEY = "KEY_load"

# Snapshots at nearly every start, so that kills hit that, too.
SERVE = (
    "import sys, emulator.store.log as log; log.COMPACT_ABOVE = 200; from emulator.cli import main; sys.exit(main())"
)

Settings = dict[str, Any] | None
"""What REST says of a room; None: there is no such room."""


@dataclass
class RoomFact:
    acknowledged: Settings = None
    under_way: list[Settings] = field(default_factory=list)
    """At most one: what the room is if the change that nobody has answered yet is done."""
    id: str = ""

    @property
    def possible(self) -> list[Settings]:
        return [self.acknowledged, *self.under_way]


@dataclass
class Ledger:
    rooms: dict[str, RoomFact] = field(default_factory=dict)
    """By unique name."""
    refresh_tokens: list[tuple[str, str]] = field(default_factory=list)
    """(unique name, token)."""
    people: list[tuple[str, str]] = field(default_factory=list)
    """(participant id, room id) of those whose join was answered."""
    acknowledged: int = 0
    in_flight: int = 0
    kills: int = 0
    starting: int = 0
    """Kills before the emulator answered."""
    slowest_start: float = 0.0
    integrity_checks: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.starting} of them during the start), {self.acknowledged} changes acknowledged "
            f"and none lost, {self.in_flight} under way at a kill, {len(self.people)} joins, {self.integrity_checks} "
            f"integrity checks ok, slowest start {self.slowest_start:.2f} s"
        )


class Killing:
    def __init__(self, path: Path, seed: int) -> None:
        self.data = path / "data"
        self.ready_file = path / "ready.json"
        self.copy = path / "copy"
        self.rng = Random(seed)
        self.ledger = Ledger()
        self._name = 0

    async def run(self, kills: int) -> Ledger:
        while self.ledger.kills < kills:
            process = await self._start()
            if self.ledger.kills and self.rng.random() < 0.2:
                await asyncio.sleep(self.rng.uniform(0, self.ledger.slowest_start))
                self.ledger.starting += 1
            else:
                told = await self._ready(process)
                async with self._http() as http:
                    await self._check(told, http)
                    await self._load_until_killed(process, told, http)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            _, errors = await process.communicate()
            assert not errors, errors.decode()
            self.ledger.kills += 1
            self._check_file()
        process = await self._start()
        try:
            told = await self._ready(process)
            async with self._http() as http:
                await self._check(told, http)
        finally:
            process.terminate()
            _, errors = await process.communicate()
        assert (process.returncode, errors) == (0, b"")
        return self.ledger

    def _http(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"})

    async def _start(self) -> Process:
        self.ready_file.unlink(missing_ok=True)
        options = ("serve", "--port", "0", "--ready-file", str(self.ready_file), "--data-dir", str(self.data))
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", SERVE, *options, "--log-level", "error"), stdout=DEVNULL, stderr=PIPE
        )

    async def _ready(self, process: Process) -> Any:
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE_SECS):
            while not self.ready_file.exists():
                if process.returncode is not None:
                    raise AssertionError((await process.communicate())[1].decode())
                await asyncio.sleep(0.01)  # a file appears without an event
        self.ledger.slowest_start = max(self.ledger.slowest_start, time.monotonic() - began)
        return SimpleNamespace(**json.loads(self.ready_file.read_text()))

    # -- load -----------------------------------------------------------------------------------------------------

    async def _load_until_killed(self, process: Process, told: Any, http: aiohttp.ClientSession) -> None:
        clients: list[RawClient] = []
        tasks = [asyncio.create_task(self._change_rooms(told, http)) for _ in range(WORKERS)]
        tasks += [asyncio.create_task(self._join(told, http, clients)) for _ in range(JOINERS)]
        await asyncio.wait(tasks, timeout=self.rng.uniform(0.02, 0.7), return_when=asyncio.FIRST_COMPLETED)
        process.kill()
        await process.wait()
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            # A connection that breaks is the kill; anything else is a fault.
            if not isinstance(ended, asyncio.CancelledError | aiohttp.ClientError | ConnectionError):
                raise AssertionError("a worker ended by itself") from ended
        for client in clients:
            await client.close()

    async def _change_rooms(self, told: Any, http: aiohttp.ClientSession) -> None:
        mine: list[str] = []
        while True:
            roll = self.rng.random()
            if not mine or roll < 0.4:
                mine.append(await self._create(told, http))
                continue
            name = self.rng.choice(mine)
            fact = self.ledger.rooms[name]
            url = f"{told.rest_url}/rooms/{fact.id}"
            if roll < 0.7:
                changes = {"max_participants": self.rng.randint(2, 50), "enable_recording": self.rng.random() < 0.5}
                await self._change(fact, {**(fact.acknowledged or {}), **changes}, http.patch(url, json=changes))
            elif roll < 0.85:
                await self._change(fact, None, http.delete(url))
                mine.remove(name)
            else:
                async with http.post(f"{url}/actions/generate_join_client_token", json={}) as answer:
                    assert answer.status == 201
                    token = (await answer.json())["data"]["refresh_token"]
                self.ledger.refresh_tokens.append((name, token))

    async def _create(self, told: Any, http: aiohttp.ClientSession) -> str:
        self._name += 1
        name = f"room {self._name}"
        fact = self.ledger.rooms[name] = RoomFact()
        wanted = {"unique_name": name, "max_participants": self.rng.randint(2, 50), "enable_recording": False}
        fact.id = (await self._change(fact, wanted, http.post(f"{told.rest_url}/rooms", json=wanted)))["data"]["id"]
        return name

    async def _change(self, fact: RoomFact, wanted: Settings, request: Any) -> Any:
        fact.under_way = [wanted]
        async with request as answer:
            assert answer.status in (200, 201, 204), await answer.text()
            # The status alone is the acknowledgement.
            fact.acknowledged, fact.under_way = wanted, []
            self.ledger.acknowledged += 1
            if answer.status == 201:
                text = await answer.text()
                fact.id = json.loads(text)["data"]["id"]
                return json.loads(text)
            return None

    async def _join(self, told: Any, http: aiohttp.ClientSession, clients: list[RawClient]) -> None:
        name = await self._create(told, http)
        room = RestRoom(told, http, {"id": self.ledger.rooms[name].id})
        present: deque[RawClient] = deque()
        while True:
            if len(present) == 2:  # the room may not hold more
                gone = present.popleft()
                await gone.close()
                await self._has_left(told, http, gone.participant_id)
            client = await RawClient.open(room)
            clients.append(client)
            present.append(client)
            await client.create()
            reply = await client.join_register()
            assert reply["janus"] == "event", reply
            self.ledger.people.append((client.participant_id, room.id))
            self.ledger.acknowledged += 1

    async def _has_left(self, told: Any, http: aiohttp.ClientSession, person_id: str) -> None:
        while True:
            async with http.get(f"{told.rest_url}/room_participants/{person_id}") as answer:
                if "left_at" in (await answer.json())["data"]:
                    return

    # -- afterwards -----------------------------------------------------------------------------------------------

    def _check_file(self) -> None:
        """As the kill has left it; on a copy, since looking at it repairs it."""
        if not (self.data / "rooms.sqlite").exists():
            return
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.data, self.copy)
        with contextlib.closing(sqlite3.connect(self.copy / "rooms.sqlite")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        self.ledger.integrity_checks += 1

    async def _check(self, told: Any, http: aiohttp.ClientSession) -> None:
        there = {room["unique_name"]: room for room in await self._all(told, http, "rooms")}
        ledger = self.ledger
        assert set(there) <= set(ledger.rooms), "rooms that nobody asked for"
        for name, fact in ledger.rooms.items():
            found = there.get(name)
            seen = found and {key: found[key] for key in ("unique_name", "max_participants", "enable_recording")}
            assert seen in fact.possible, f"{name}: {seen}, expected one of {fact.possible}"
            assert found is None or fact.id in ("", found["id"])
            assert found is None or "active_session_id" not in found
            ledger.in_flight += len(fact.under_way)
            fact.acknowledged, fact.under_way = seen, []
        active = await self._all(told, http, "room_sessions?filter[active]=true&")
        assert not active, "sessions without anybody"
        known = {person["id"]: person for person in await self._all(told, http, "room_participants")}
        for person_id, _ in ledger.people:
            assert "left_at" in known[person_id]
        usable = [(name, token) for name, token in ledger.refresh_tokens[-20:] if ledger.rooms[name].acknowledged]
        for name, token in usable[-3:]:
            url = f"{told.rest_url}/rooms/{there[name]['id']}/actions/refresh_client_token"
            async with http.post(url, json={"refresh_token": token}) as answer:
                assert answer.status == 201, await answer.text()

    async def _all(self, told: Any, http: aiohttp.ClientSession, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        number, pages = 1, 1
        while number <= pages:
            sep = "" if path.endswith("&") else "?"
            async with http.get(f"{told.rest_url}/{path}{sep}page[size]=250&page[number]={number}") as answer:
                assert answer.status == 200, await answer.text()
                body = await answer.json()
            found += body["data"]
            number, pages = number + 1, body["meta"]["total_pages"]
        assert len({item["id"] for item in found}) == len(found)
        return found
