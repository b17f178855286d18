"""A running emulator's room, and synthetic participants for it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any

import aiohttp
import pytest

from emulator.clients import RoomClient
from emulator.server import Emulator
from tests.signaling.raw_client import RestRoom

MakeClient = Callable[..., Awaitable[RoomClient]]


@pytest.fixture
async def room(emulator: Emulator) -> AsyncIterator[RestRoom]:
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield await RestRoom.create(emulator, http)


@pytest.fixture
async def join(emulator: Emulator, room: RestRoom) -> AsyncIterator[MakeClient]:
    """`await join("Alice")` gives a connected client; all leave when the test is over, and must be without fault."""
    async with contextlib.AsyncExitStack() as stack:
        made: list[RoomClient] = []

        async def make(name: str, *, connect: bool = True, **options: Any) -> RoomClient:
            options.setdefault("token", await room.token())
            options.setdefault("room_id", room.id)
            options.setdefault("tone", len(made))
            options.setdefault("rng", Random(name))
            client = RoomClient(ws_url=emulator.ws_url, name=name, **options)
            made.append(client)
            stack.push_async_callback(client.leave)
            if connect:
                await client.connect()
            return client

        yield make
    for client in made:
        assert client.faults == [], f"{client.name}: {client.faults}"
