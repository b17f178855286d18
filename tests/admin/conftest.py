"""A running emulator, and somebody who calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import aiohttp
import pytest

from emulator.clients import RoomClient
from emulator.server import Emulator
from tests.admin.caller import Caller
from tests.webhooks.receiver import Receiver


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def admin(emulator: Emulator, http: aiohttp.ClientSession) -> Caller:
    return Caller(emulator, http)


MakeClient = Callable[..., Awaitable[RoomClient]]
"""By name, and with whatever else a `RoomClient` takes."""


@pytest.fixture
async def room(admin: Caller) -> Any:
    """The one room of the test, as REST tells it."""
    return await admin.room()


@pytest.fixture
async def make(admin: Caller, emulator: Emulator, room: Any) -> AsyncIterator[MakeClient]:
    """`await make("Ada")`: somebody with a token for the room, who has not come yet; tones in the order of making."""
    async with AsyncExitStack() as stack:
        made: list[RoomClient] = []

        async def client(name: str, **more: Any) -> RoomClient:
            where = {
                "ws_url": emulator.ws_url,
                "room_id": room["id"],
                "token": (await admin.tokens(room["id"]))["token"],
            }
            made.append(RoomClient(name=name, tone=len(made), rng=Random(name), **where, **more))
            stack.push_async_callback(made[-1].leave)
            return made[-1]

        yield client


@pytest.fixture
def join(make: MakeClient) -> MakeClient:
    """`await join("Ada")`: somebody comes into the room."""

    async def client(name: str) -> RoomClient:
        made = await make(name)
        await made.connect()
        return made

    return client


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Of webhooks."""
    async with Receiver() as running:
        yield running


@pytest.fixture
async def failover() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running
