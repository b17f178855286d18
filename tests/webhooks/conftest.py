"""Fixtures: a receiver, a second one, and an account whose webhooks are delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from emulator.travelling_clock import TravellingClock
from tests.webhooks.receiver import Receiver
from tests.webhooks.world import START, World

MakeWorld = Callable[..., World]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture
async def failover() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture
async def make_world() -> AsyncIterator[MakeWorld]:
    """`make_world(**settings)`; all are closed at the end."""
    worlds: list[World] = []

    def make(**options: Any) -> World:
        worlds.append(World(**options))
        return worlds[-1]

    yield make
    for world in worlds:
        await world.webhooks.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Its clock runs."""
    return make_world()


@pytest.fixture
def frozen(make_world: MakeWorld) -> World:
    """Its clock stands still until the test moves it; the settings are the defaults."""
    return make_world(clock=TravellingClock(frozen_at=START), backoff_secs=0.5)
