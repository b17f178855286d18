"""`kill -9` while recording, and what must be there afterwards: every recording, with a file that plays."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import aiohttp

from emulator.clients.errors import ClientError
from emulator.clients.room_client import RoomClient
from tests.recording.kit import codec_of, duration_of, pictures, samples

PATIENCE_SECS = 60
KEY = "KEY_recorded"
PAGE = 250
"""The largest there is; a hundred kills leave more files."""
TOLERANCE_SECS = 1.0
"""What may be missing at the end of a file: the issue's own figure."""


@dataclass
class Ledger:
    kills: int = 0
    files: int = 0
    deleted: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    missing: list[float] = field(default_factory=list)
    """Seconds between the kill and the end of each file that was cut off."""

    def __str__(self) -> str:
        worst = max(self.missing, default=0.0)
        mean = sum(self.missing) / max(1, len(self.missing))
        return (
            f"{self.kills} kills, {self.files} files looked at, all play; of {len(self.missing)} that were cut off "
            f"{mean:.2f} s are missing in the mean, {worst:.2f} s at worst; {len(self.deleted)} acknowledged deletes, "
            "none undone"
        )


class Killing:
    def __init__(self, path: Path, seed: int) -> None:
        self.data = path / "data"
        self.ready_file = path / "ready.json"
        self.rng = Random(seed)
        self.ledger = Ledger()
        self._paused: set[str] = set()
        """Participants whose camera was off when the process was killed: their file ends where it was switched off."""
        self._looked_at: dict[str, tuple[int, int]] = {}
        """Size and time of change: what a later start has not touched plays as before."""

    async def run(self, kills: int) -> Ledger:
        for _ in range(kills):
            process, told = await self._start()
            try:
                async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http:
                    await self._meet_until_killed(process, told, http)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                _, errors = await process.communicate()
            assert not errors, errors.decode()
            killed_at = datetime.now(UTC)
            self.ledger.kills += 1
            await self._check(killed_at)
        return self.ledger

    async def _start(self) -> tuple[Process, Any]:
        self.ready_file.unlink(missing_ok=True)
        options = ("--port", "0", "--ready-file", str(self.ready_file), "--data-dir", str(self.data))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "emulator", "serve", *options, "--log-level", "warning"),
            stdout=DEVNULL,
            stderr=PIPE,
        )
        async with asyncio.timeout(PATIENCE_SECS):
            while not self.ready_file.exists():
                if process.returncode is not None:
                    raise AssertionError((await process.communicate())[1].decode())
                await asyncio.sleep(0.01)  # a file appears without an event
        return process, SimpleNamespace(**json.loads(self.ready_file.read_text()))

    async def _meet_until_killed(self, process: Process, told: Any, http: aiohttp.ClientSession) -> None:
        async with http.post(f"{told.rest_url}/rooms", json={"enable_recording": True}) as answer:
            room = (await answer.json())["data"]["id"]
        async with http.post(f"{told.rest_url}/rooms/{room}/actions/generate_join_client_token", json={}) as answer:
            token = (await answer.json())["data"]["token"]
        clients = [
            RoomClient(name=name, ws_url=told.ws_url, room_id=room, token=token, tone=tone)
            for tone, name in enumerate(("alice", "bob"))
        ]
        try:
            for client in clients:
                await client.connect()
                await client.publish("self")
            await self._processing(told, http, len(clients) * 2)
            await asyncio.sleep(self.rng.uniform(0.0, 2.5))  # the moment of the kill is what is drawn
            roll = self.rng.random()
            if roll < 0.3:
                await clients[0].update_stream("self", video=False)
                self._paused.add(clients[0].participant_id)
            elif roll < 0.5:
                await clients[0].leave()
            if self.rng.random() < 0.3:
                await self._delete_one(told, http)
            await asyncio.sleep(self.rng.uniform(0.0, 0.5))
            process.kill()
            await process.wait()
        finally:
            for client in clients:
                with contextlib.suppress(ClientError):  # their server is gone
                    await client.leave()

    async def _processing(self, told: Any, http: aiohttp.ClientSession, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECS):
            while len(await self._list(told, http, "filter[status]=processing")) < count:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.02)

    async def _delete_one(self, told: Any, http: aiohttp.ClientSession) -> None:
        chosen = self.rng.choice(await self._list(told, http, ""))["id"]
        async with http.delete(f"{told.rest_url}/room_recordings/{chosen}") as answer:
            assert answer.status == 204
        self.ledger.deleted.add(chosen)

    async def _list(self, told: Any, http: aiohttp.ClientSession, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        number = pages = 1
        while number <= pages:
            where = f"{told.rest_url}/room_recordings?page[size]={PAGE}&page[number]={number}&{query}"
            async with http.get(where) as answer:
                body = await answer.json()
            found += body["data"]
            number, pages = number + 1, body["meta"]["total_pages"]
        self.ledger.known |= {recording["id"] for recording in found}
        return found

    # -- afterwards -----------------------------------------------------------------------------------------------

    async def _check(self, killed_at: datetime) -> None:
        process, told = await self._start()
        try:
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http:
                began = time.monotonic()
                while await self._list(told, http, "filter[status]=processing"):
                    assert time.monotonic() - began < PATIENCE_SECS, "a recording that was cut off is never completed"
                    await asyncio.sleep(0.02)
                there = {recording["id"]: recording for recording in await self._list(told, http, "")}
                assert set(there) == self.ledger.known - self.ledger.deleted
                files = {path.stem.rpartition("_")[2]: path for path in self.data.glob("media/*/*")}
                assert set(files) == set(there), "records and files do not agree"
                for recording in there.values():
                    async with http.get(recording["download_url"], headers={"Range": "bytes=0-0"}) as answer:
                        assert answer.status == 206
        finally:
            process.terminate()
            _, errors = await process.communicate()
        assert (process.returncode, errors) == (0, b"")
        for recording_id, path in files.items():
            state = path.stat()
            if self._looked_at.get(recording_id) != (state.st_size, state.st_mtime_ns):
                self._looked_at[recording_id] = state.st_size, state.st_mtime_ns
                self._check_file(there[recording_id], path, killed_at)

    def _check_file(self, recording: dict[str, Any], path: Path, killed_at: datetime) -> None:
        secs = duration_of(path)
        assert codec_of(path) == recording["codec"]
        assert recording["duration_secs"] == round(secs) or abs(secs % 1 - 0.5) < 0.02
        assert recording["size_mb"] == path.stat().st_size / 1e6
        self.ledger.files += 1
        began, ended = (datetime.fromisoformat(recording[name]) for name in ("started_at", "ended_at"))
        if recording["type"] == "video":
            cards = [picture.reading for picture in pictures(path)]
            assert cards, path
            assert None not in cards[:-1], f"{path} shows something else"
        else:
            assert len(samples(path)) / 48_000 > secs - 0.05
        assert abs((ended - began).total_seconds() - secs) < 0.12
        paused = recording["type"] == "video" and recording["participant_id"] in self._paused
        if datetime.fromisoformat(recording["completed_at"]) > killed_at and not paused:
            self.ledger.missing.append((killed_at - began).total_seconds() - secs)
