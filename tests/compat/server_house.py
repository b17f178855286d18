"""A whole emulator with a data directory, on a loop of its own, for tests that are not coroutines themselves."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import aiohttp
from yarl import URL

from emulator.clients import RoomClient
from emulator.clients.errors import Refused
from emulator.clients.memory_transport import memory_opener
from emulator.recording.pace import Pace
from emulator.server import Config, Emulator

START = datetime(2026, 9, 17, 20, 0, tzinfo=UTC)
TURNS_TO_SETTLE = 30
"""Of the loop: in memory a frame is with its reader after a few, and here nothing else is going on."""

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any

    @property
    def data(self) -> Any:
        return self.body["data"]


class House:
    """Its accounts' clocks stand still unless they are moved, and so do compositions.

    `restart` keeps the data directory, and nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self._config = Config(port=0, data_dir=folder, start_time=START, freeze=True)
        # From the first moment on, also of accounts that come back from the disk: no film is made by itself.
        self._pace = mock.patch("emulator.recording.account_composer.Pace", partial(Pace, "manual"))
        self._pace.start()
        self._loop = asyncio.new_event_loop()
        self.emulator: Emulator
        self._http: aiohttp.ClientSession
        self.do(self._start())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    async def _start(self) -> None:
        self.emulator = Emulator(self._config)
        await self.emulator.start()
        await self.emulator.media_settled()  # recordings that were cut off are completed by then
        self._http = aiohttp.ClientSession()

    async def _stop(self) -> None:
        await self._http.close()
        await self.emulator.stop()

    def restart(self, *, killed: bool) -> None:
        if killed:
            for account in self.emulator.accounts.all():
                account.log.keep(None)  # nothing gets to the disk any more, as if the process were gone already
        self.do(self._stop())
        self.do(self._start())

    def close(self) -> None:
        self.do(self._stop())
        self._loop.close()
        self._pace.stop()

    # -- over HTTP ------------------------------------------------------------------------------------------------

    def request(self, key: str | None, method: str, path: str, body: Any = None) -> Answer:
        """`path` under the REST base, or under /_emulator."""
        emulator = self.emulator
        own = path.startswith("/_emulator")
        url = emulator.admin_url + path.removeprefix("/_emulator") if own else emulator.rest_url + path
        return self.do(self._request(key, method, url, body))

    async def _request(self, key: str | None, method: str, url: str, body: Any) -> Answer:
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body)
        async with self._http.request(method, URL(url), data=data, headers=headers) as response:
            raw = await response.read()
        await self._settle()
        return Answer(response.status, json.loads(raw) if raw else None)

    async def _settle(self) -> None:
        for _ in range(TURNS_TO_SETTLE):
            await asyncio.sleep(0)

    # -- through the in-memory transport --------------------------------------------------------------------------

    def join(self, room_id: str, token: str, person_id: str) -> RoomClient | Refused:
        client = RoomClient(
            ws_url="memory:",
            room_id=room_id,
            token=token,
            name=person_id[:8],
            participant_id=person_id,
            media=False,
            open_transport=memory_opener(self.emulator.lobby),
            rng=random.Random(person_id),
        )
        return self.do(self._attempt(client.connect(), client))

    def publish(self, client: RoomClient) -> RoomClient | Refused:
        return self.do(self._attempt(client.publish("self"), client))

    async def _attempt(self, work: Coroutine[Any, Any, object], client: RoomClient) -> RoomClient | Refused:
        try:
            await work
        except Refused as refused:
            await client.leave()
            await self._settle()
            return refused
        await self._settle()
        return client

    def leave(self, client: RoomClient, *, lost: bool) -> None:
        async def go() -> None:
            await (client.vanish() if lost else client.leave())
            await self._settle()

        self.do(go())


def person_id(number: int) -> str:
    return str(uuid.UUID(int=number + 1, version=4))


__all__ = ["START", "Answer", "House", "Refused", "person_id"]
