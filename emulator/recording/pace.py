"""How fast a composition goes from enqueued to processing, and from there to completed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

from emulator.clock import Clock

Mode = Literal["immediate", "manual", "after"]
MODES: tuple[Mode, ...] = get_args(Mode)
MAX_SECS = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Pace:
    """`immediate`: as soon as it can; `after`: each step `secs` of the account's time after the last; `manual`: each
    step when it is told to."""

    mode: Mode = "immediate"
    secs: float = 0.0


class Steps:
    """One composition's way: `permitted` waits for the next step to be allowed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pace = Pace()
        self._granted = 0
        self._woken = asyncio.Event()

    def grant(self, steps: int) -> None:
        """So many steps are allowed now, whatever the pace."""
        self._granted += steps
        self._woken.set()

    def set_pace(self, pace: Pace) -> None:
        self._pace = pace
        self._woken.set()

    async def permitted(self, *, again: bool = False) -> None:
        """`again`: what was tried has failed, and is only tried again when somebody says so."""
        since = self._clock.now()
        while True:
            self._woken.clear()
            if self._granted:
                self._granted -= 1
                return
            pace = self._pace
            due = since + timedelta(seconds=pace.secs)
            if not again and (pace.mode == "immediate" or (pace.mode == "after" and self._clock.now() >= due)):
                return
            timer = self._clock.call_at(due, self._woken.set) if pace.mode == "after" and not again else None
            try:
                await self._woken.wait()
            finally:
                if timer is not None:
                    timer.cancel()
