"""Somebody with habits: each goes its own way, and none outlives its person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING

import emulator.clients.behaviours  # noqa: F401 - importing the package fills the registry
from emulator.clients.behaviours.base import Behaviour
from emulator.clients.behaviours.ending import until_it_ends
from emulator.clients.behaviours.registry import BehaviourSpec, make
from emulator.clients.errors import BehaviourError
from emulator.clients.events import ClientEvent, Disconnected, Noticed

if TYPE_CHECKING:
    from emulator.clients.room_client import RoomClient

MAX_WAITING = 2000
"""Events that may wait for a habit that is still busy: as many as a client remembers."""


def behave(me: RoomClient, specs: Iterable[BehaviourSpec], rng: Random) -> None:
    """Somebody who has joined has these habits from now on. Raises BehaviourError."""
    for habit in [make(spec, Random(rng.getrandbits(128))) for spec in specs]:
        news = _News()
        end = me.history.listen(news.tell)
        me.go_on(_live(me, habit, news, end), type(habit).__name__)


class _News:
    """What was noticed and has not been looked at yet; bounded."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[ClientEvent] = asyncio.Queue(MAX_WAITING)
        self._overrun = False

    def tell(self, noticed: Noticed) -> None:
        if self._waiting.full():
            self._overrun = True
        else:
            self._waiting.put_nowait(noticed.event)

    async def next(self) -> ClientEvent:
        """Raises BehaviourError when a habit has not kept up."""
        if self._overrun:
            raise BehaviourError(f"{MAX_WAITING} events wait for a habit that is busy with an earlier one")
        return await self._waiting.get()


async def _live(me: RoomClient, habit: Behaviour, news: _News, end: Callable[[], None]) -> None:
    try:
        async with until_it_ends(me):
            await habit.begin(me)
            while not isinstance(event := await news.next(), Disconnected):
                await habit.notice(me, event)
    finally:
        end()
