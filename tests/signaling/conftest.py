"""A room and raw clients in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from emulator.server import Emulator
from tests.signaling.raw_client import RawClient, RestRoom

Clients = Callable[..., Awaitable[RawClient]]


@pytest.fixture
async def http(emulator: Emulator) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


@pytest.fixture
async def room(emulator: Emulator, http: aiohttp.ClientSession) -> RestRoom:
    return await RestRoom.create(emulator, http)


@pytest.fixture
async def client(room: RestRoom) -> AsyncIterator[Clients]:
    """`await client()` opens a connection; `await client(entered=True)` also joins."""
    opened: list[RawClient] = []

    async def open_client(
        *, entered: bool = False, token: str | None = None, context: str | None = None, of: RestRoom | None = None
    ) -> RawClient:
        raw = await RawClient.open(of or room, token)
        opened.append(raw)
        return await raw.enter(context=context) if entered else raw

    yield open_client
    for raw in opened:
        await raw.close()
