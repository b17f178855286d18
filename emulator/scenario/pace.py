"""How time passes for a scenario: with the event loop, or with an account's clock that is moved from cue to cue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Protocol

from emulator.travelling_clock import TravellingClock


class Pace(Protocol):
    def now(self) -> float:
        """Seconds; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """As `asyncio.timeout`: raises TimeoutError. None: no limit."""
        ...


class RealPace:
    """Real time."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(seconds)


class TravellingPace:
    """The time of a clock that somebody else moves."""

    def __init__(self, clock: TravellingClock) -> None:
        self._clock = clock
        self._origin = clock.now()

    def now(self) -> float:
        return (self._clock.now() - self._origin).total_seconds()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[object]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            if seconds is None:
                yield limit
                return

            def over() -> None:
                if not limit.expired():
                    limit.reschedule(loop.time())

            timer = self._clock.call_at(self._clock.now() + timedelta(seconds=seconds), over)
            try:
                yield limit
            finally:
                timer.cancel()
