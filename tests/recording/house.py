"""One emulator that records, the vendor's own SDK as its user, and people who come in by the front door."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import telnyx

from emulator.clients.room_client import RoomClient
from emulator.server import Emulator

KEY = "KEY_of_the_recordings"
PATIENCE_SECS = 30


class House:
    """`emulator` may also be what a ready file tells of one."""

    def __init__(self, emulator: Emulator | SimpleNamespace, http: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self.http = http
        self.api = telnyx.AsyncTelnyx(api_key=KEY, base_url=emulator.rest_url)

    async def room(self, **fields: Any) -> str:
        """`fields` may also be such as the SDK does not know."""
        made = await self.api.rooms.create(extra_body={"enable_recording": True, **fields})
        return str(made.data.id)

    async def client(self, room: str, name: str, **more: Any) -> RoomClient:
        token = (await self.api.rooms.actions.generate_join_client_token(room)).data.token
        client = RoomClient(name=name, ws_url=self.emulator.ws_url, room_id=room, token=token, **more)
        await client.connect()
        return client

    async def recordings(self, count: int, *, status: str = "completed") -> list[Any]:
        """So many with that status, oldest first."""
        async with asyncio.timeout(PATIENCE_SECS):
            while True:
                found = (await self.api.room_recordings.list()).data or []
                if sum(recording.status == status for recording in found) >= count:
                    return [each for each in reversed(found) if each.status == status]
                await asyncio.sleep(0.05)

    async def film(self, composition: str, status: str = "completed") -> Any:
        """That composition, once it has come so far."""
        async with asyncio.timeout(PATIENCE_SECS):
            while (found := (await self.api.room_compositions.retrieve(composition)).data).status != status:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.05)
        return found

    async def download(self, url: str, into: Path) -> Path:
        async with self.http.get(url) as answer:
            assert answer.status == 200, await answer.text()
            name = re.search(r'filename="([^"/\\]+)"', answer.headers["Content-Disposition"])
            assert name is not None
            path = into / name[1]
            path.write_bytes(await answer.read())
        return path

    def folder(self) -> Path | None:
        """Where the files are."""
        return self.emulator.media_directory
