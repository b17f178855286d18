"""A running emulator, and somebody who calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from emulator.server import Emulator
from tests.admin.caller import Caller


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def admin(emulator: Emulator, http: aiohttp.ClientSession) -> Caller:
    return Caller(emulator, http)
