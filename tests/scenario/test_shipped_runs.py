"""Each of the scenarios that come along is played to its end on a real emulator, and all is as it expects."""

from __future__ import annotations

import asyncio

import pytest

from emulator.config import Config
from emulator.scenario.runner import load, run_scenario_on
from emulator.scenario.shipped import shipped
from emulator.server import Emulator

AT_ONCE = 2
ALONE = ("two_people",)
"""Played by `test_runner.py`, too."""


@pytest.mark.timeout(300)
async def test_every_shipped_scenario_ends_as_it_expects() -> None:
    """Several at once, each in an account of its own: most of them wait most of the time."""
    limit = asyncio.Semaphore(AT_ONCE)
    names = [name for name in shipped() if name not in ALONE and not load(name).endless]
    assert len(names) >= 10

    async def play(emulator: Emulator, name: str) -> str:
        where = {"rest_url": emulator.rest_url, "ws_url": emulator.ws_url, "api_key": f"KEY_{name}"}
        async with limit:
            report = await run_scenario_on(load(name), **where)
        return "" if report.ok else report.describe()

    async with Emulator(Config(port=0)) as emulator:
        told = await asyncio.gather(*(play(emulator, name) for name in names))
    assert not any(told), "\n".join(filter(None, told))
