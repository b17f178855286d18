"""What the tests of recordings share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from emulator.server import Config, Emulator
from tests.recording.house import House


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with Emulator(Config(port=0)) as emulator, aiohttp.ClientSession() as http:
        made = House(emulator, http)
        yield made
        await made.api.close()
