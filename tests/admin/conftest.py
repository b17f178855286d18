"""A running emulator, and somebody who calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

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


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Of webhooks."""
    async with Receiver() as running:
        yield running


@pytest.fixture
async def failover() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running
