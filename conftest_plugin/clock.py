"""The account's time, as a test moves it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from conftest_plugin.facade import Facade, awaitable, blocking
from emulator.clients.admin_client import AdminClient


class ClockControl:
    """Resource times, token expiry, webhook backoff and presigned URLs follow it; real connections do not."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    async def now(self) -> datetime:
        return (await self._admin.clock()).now

    async def freeze(self) -> datetime:
        """It stands still from now on. Returns the time."""
        return await self._change(freeze=True)

    async def advance(self, by: float | timedelta, *, timeout: float = 60.0) -> datetime:
        """Seconds, or a timedelta. Returns the time when all that fell due on the way has run.

        `timeout` in real seconds: webhook attempts are waited for.
        """
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        return await self._change(advance_secs=seconds)

    async def run(self, rate: float = 1.0) -> datetime:
        """It runs from now on, at so many seconds per real second."""
        return await self._change(rate=rate)

    async def _change(self, **change: Any) -> datetime:
        return (await self._admin.change_clock(change)).now


class Clock(Facade[ClockControl]):
    called = "clock"
    now = blocking(ClockControl.now)
    freeze = blocking(ClockControl.freeze)
    advance = blocking(ClockControl.advance)
    run = blocking(ClockControl.run)


class AsyncClock(Facade[ClockControl]):
    called = "clock"
    now = awaitable(ClockControl.now)
    freeze = awaitable(ClockControl.freeze)
    advance = awaitable(ClockControl.advance)
    run = awaitable(ClockControl.run)
