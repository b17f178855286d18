"""The shipped scenarios with many seeds: what they teach does not depend on what is drawn."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from emulator.config import Config
from emulator.scenario.runner import load, run_scenario_on
from emulator.scenario.shipped import shipped
from emulator.server import Emulator
from tests.long.conftest import Tell

SEEDS = 20
AT_ONCE = 3


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_shipped_scenarios_pass_with_twenty_seeds_each(seed: int, tell: Tell) -> None:
    dice = random.Random(seed)
    limit = asyncio.Semaphore(AT_ONCE)
    failed: list[str] = []

    async def play(emulator: Emulator, name: str, with_seed: int) -> None:
        async with limit:
            scenario = replace(load(name), seed=with_seed)
            key = f"KEY_{name}_{with_seed}"
            report = await run_scenario_on(scenario, rest_url=emulator.rest_url, ws_url=emulator.ws_url, api_key=key)
            if not report.ok:
                failed.append(f"seed {with_seed}: {report.describe()}")

    names = [name for name in shipped() if not load(name).endless]
    async with Emulator(Config(port=0)) as emulator:
        await asyncio.gather(*(play(emulator, name, dice.getrandbits(32)) for name in names for _ in range(SEEDS)))
    tell(f"{len(names)} scenarios, {SEEDS} seeds each, drawn from {seed}: {len(failed)} runs failed")
    assert not failed, "\n".join(failed)
