"""Time, passed in: the account's clock and the process's monotonic one.

Two kinds of time must never be mixed (design.md, "Accounts, ids, clocks"): what the *account* believes (resource times,
token expiry, backoff delays, holds) comes from a `Clock`; what *packets and sockets* live by comes from a monotonic
callable such as `loop.time`.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol, TypeVar

log = logging.getLogger("emulator.clock")

MIN_WAIT_SECS = 0.001
"""Wall clock and loop drift apart: a timer that rang a little early waits at least so long again."""

LAST_INSTANT = datetime(9000, 1, 1, tzinfo=UTC)
"""No clock is moved past it: times must stay writable, tokens and their expiry included, and a year has four digits."""
EARLIEST_START = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_START = datetime(8000, 1, 1, tzinfo=UTC)
"""Where a clock may begin: tokens tell times in Unix seconds."""

TaskT = TypeVar("TaskT", bound="asyncio.Future[Any]")


class ClockError(Exception):
    """A time or a step that a clock cannot take; the text says what was expected and what came."""


@dataclass(slots=True, order=True)
class Timer:
    """A callback that waits for its time; ordered by due time, then by registration."""

    due: datetime
    number: int
    callback: Callable[[], object] | None = field(compare=False)
    """None once it was called or cancelled."""

    def cancel(self) -> None:
        """Safe to call again, and after the call."""
        self.callback = None

    def fire(self) -> None:
        callback, self.callback = self.callback, None
        if callback is None:
            return
        try:
            callback()
        except Exception:
            # Isolation: the other timers must still come. The suite fails on this log line.
            log.exception("the timer due at %s failed", self.due)


class Clock(Protocol):
    """Tells the account's time, and wakes people by it."""

    def now(self) -> datetime:
        """The account's time, timezone-aware, in UTC."""
        ...

    def call_at(self, when: datetime, callback: Callable[[], object]) -> Timer:
        """Call it on the running loop when `when` has come, soon if that is over. Raises ClockError for naive times.

        An exception of the callback is logged and isolated.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Until so many seconds of the account's time have passed."""
        ...

    def busy(self, limit: float) -> AbstractContextManager[None]:
        """Inside, the calling task waits for the outside world: no `advance` moves time on meanwhile.

        `limit`, in real seconds, is the timeout that the work itself keeps. Sleeping on this clock inside is no waiting
        for the outside, and lets time move.
        """
        ...

    def track(self, work: TaskT, limit: float) -> TaskT:
        """The same for as long as a task or future is not done. Returns it."""
        ...


class _Timers:
    """What is due when. Cancelled timers stay until they come up, or until they are the greater part."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._numbers = itertools.count()
        self._sweep_at = 64

    def add(self, when: datetime, callback: Callable[[], object]) -> Timer:
        if when.tzinfo is None:
            raise ClockError(f"call_at: expected a timezone-aware time, got the naive {when}")
        if len(self._heap) >= self._sweep_at:
            self._heap = [timer for timer in self._heap if timer.callback is not None]
            heapq.heapify(self._heap)
            self._sweep_at = max(64, 2 * len(self._heap))
        timer = Timer(when, next(self._numbers), callback)
        heapq.heappush(self._heap, timer)
        return timer

    def next_due(self) -> datetime | None:
        while self._heap and self._heap[0].callback is None:
            heapq.heappop(self._heap)
        return self._heap[0].due if self._heap else None

    def take(self) -> Timer:
        return heapq.heappop(self._heap)

    def take_due(self, now: datetime) -> list[Timer]:
        found = []
        while (due := self.next_due()) is not None and due <= now:
            found.append(self.take())
        return found


class WakingClock:
    """Timers and the one alarm on the event loop that serves them; subclasses say how time passes."""

    def __init__(self) -> None:
        self._timers = _Timers()
        self._alarm: asyncio.Handle | None = None
        self._alarm_for: datetime | None = None

    def now(self) -> datetime:
        raise NotImplementedError

    def _wait_for(self, due: datetime) -> float | None:
        """Real seconds until then; None when it does not come by itself."""
        raise NotImplementedError

    def call_at(self, when: datetime, callback: Callable[[], object]) -> Timer:
        timer = self._timers.add(when, callback)
        self._arm()
        return timer

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        timer = self.call_at(self.now() + timedelta(seconds=seconds), wake)
        try:
            with self._asleep():
                await woken
        finally:
            timer.cancel()

    def _asleep(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _arm(self) -> None:
        due = self._timers.next_due()
        if due is not None and due == self._alarm_for:
            return
        self._disarm()
        wait = None if due is None else self._wait_for(due)
        if wait is not None:
            loop = asyncio.get_running_loop()
            self._alarm_for = due
            self._alarm = (
                loop.call_soon(self._ring) if wait <= 0 else loop.call_later(max(wait, MIN_WAIT_SECS), self._ring)
            )

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._alarm_for = None

    def _ring(self) -> None:
        self._alarm = self._alarm_for = None
        for timer in self._timers.take_due(self.now()):  # what these set anew comes with the next alarm
            timer.fire()
        self._arm()


class RealClock(WakingClock):
    """The wall clock. Nothing holds it."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def _wait_for(self, due: datetime) -> float | None:
        return (due - self.now()).total_seconds()

    def busy(self, limit: float) -> AbstractContextManager[None]:
        return nullcontext()

    def track(self, work: TaskT, limit: float) -> TaskT:
        return work


# Lists show the same times again and again: looking one up costs a tenth of writing it out.
@lru_cache(maxsize=16_384)
def iso_microseconds(at: datetime) -> str:
    """`2021-04-16T09:46:20.954863Z`: resource times (rest-and-webhooks.md, section 1; R-5)."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def iso_seconds(epoch_seconds: int) -> str:
    """`2021-04-22T12:24:55Z`: token expiries (rest-and-webhooks.md, section 1)."""
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


monotonic = time.monotonic
"""Seconds of the process's monotonic clock; the one place that reads it outside an event loop."""
