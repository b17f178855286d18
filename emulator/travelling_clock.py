"""An account's clock that tests stop, speed up and move forward."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from emulator.clock import LAST_INSTANT, ClockError, TaskT, WakingClock

log = logging.getLogger("emulator.clock")

GRACE_SECS = 0.25
"""How much longer than its limit work in flight is waited for: its own timeout must end it, not the clock's."""

MAX_PASSES = 100_000
"""How often the event loop may turn before whatever keeps it busy is no longer waited for."""

MAX_TIMERS_AT_ONE_INSTANT = 100_000
"""Timers that set each other anew without delay would stop time for ever."""


@dataclass(slots=True, eq=False)
class _Hold:
    """Work in flight. `deadline` is the loop's time from which on nobody waits for it."""

    limit: float
    owner: asyncio.Future[Any] | None
    deadline: float
    asleep: bool = False


class TravellingClock(WakingClock):
    """A clock that runs at a rate, stands still, or is moved forward; never back, since resource times are an order.

    frozen_at   stand still at this time; without it, the clock begins with the wall clock and runs
    rate        seconds of the account per real second, while it runs
    wall        the real time

    `advance` runs what falls due in between. What is done on the event loop alone, without waiting for sockets,
    threads or real timers, is over before the next timer is looked at; whoever waits for those holds the clock with
    `busy` or `track`. So a test on a standing clock sees the same order each time. (trio's MockClock is the model.)
    """

    def __init__(
        self,
        *,
        frozen_at: datetime | None = None,
        rate: float = 1.0,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__()
        if frozen_at is not None and frozen_at.tzinfo is None:
            raise ClockError(f"frozen_at: expected a timezone-aware time, got the naive {frozen_at}")
        self._wall = wall
        self._rate = 0.0 if frozen_at is not None else _checked(rate)
        self._wall_then = wall()
        self._then = self._wall_then if frozen_at is None else frozen_at.astimezone(UTC)
        self._advancing = False
        self._one_at_a_time = asyncio.Lock()
        self._holds: set[_Hold] = set()
        self._holds_changed = asyncio.Event()

    # -- standing and running -------------------------------------------------------------------------------------

    def now(self) -> datetime:
        if self._advancing or not self._rate:
            return self._then
        passed = self._wall() - self._wall_then
        return self._then + (passed if self._rate == 1.0 else passed * self._rate)

    @property
    def frozen(self) -> bool:
        return not self._rate

    @property
    def rate(self) -> float:
        """Seconds of the account per real second; 0 when the clock stands."""
        return self._rate

    def freeze(self) -> datetime:
        """Stop at the present instant; returns it."""
        self._change(rate=0.0)
        return self._then

    def run(self, rate: float = 1.0) -> None:
        """Run on from wherever the clock stands. Raises ClockError unless `rate` is positive."""
        self._change(rate=_checked(rate))

    def _change(self, *, rate: float) -> None:
        self._then, self._wall_then = self.now(), self._wall()
        self._rate = rate
        self._disarm()
        self._arm()

    def _wait_for(self, due: datetime) -> float | None:
        if self._advancing:
            return None  # `advance` looks for itself
        wait = (due - self.now()).total_seconds()
        if wait <= 0 or not self._rate:
            return 0.0 if wait <= 0 else None
        return wait / self._rate

    @property
    def next_due(self) -> datetime | None:
        """When the next timer is due; None if there is none."""
        return self._timers.next_due()

    # -- moving ---------------------------------------------------------------------------------------------------

    def jump(self, by: timedelta) -> datetime:
        """Move at once, for code without timers. Returns the new time.

        Raises ClockError for a negative step, when a timer would fall due, and while an `advance` is under way.
        """
        if self._advancing:
            raise ClockError("jump: an advance is under way")
        target = self.now() + _forward("jump", by)
        due = self._timers.next_due()
        if due is not None and due <= target:
            raise ClockError(f"jump: a timer is due at {due}; to run it on the way, await advance()")
        self._then, self._wall_then = target, self._wall()
        self._disarm()
        self._arm()
        return target

    async def advance(self, by: timedelta) -> datetime:
        """Move forward, running what falls due on the way, by due time, then by registration. Returns the new time.

        Each timer sees `now()` at its own due time. Before time moves, what the event loop has to do is done, and work
        in flight is over, or has been waited for as long as its limit. What is in flight at the start counts, too.
        A running clock runs on from the new time, whatever the advance took. Advances take turns: one that is awaited
        by what it waits for itself would wait until the limit of that.

        Raises ClockError for a negative step, one past LAST_INSTANT, and when timers keep falling due at one instant.
        """
        _forward("advance", by)
        async with self._one_at_a_time:
            now = self.now()
            if by > LAST_INSTANT - now:
                raise ClockError(f"advance: {by} from {now} on would pass {LAST_INSTANT}, where time ends here")
            target = now + by
            self._then = self.now()
            self._advancing = True
            self._disarm()
            try:
                await self._run_until(target)
                self._then = target
            finally:
                self._advancing = False
                self._wall_then = self._wall()
                self._arm()
        return target

    async def _run_until(self, target: datetime) -> None:
        fired = 0
        await loop_at_rest()
        while (due := await self._next(target)) is not None:
            if due > self._then:
                self._then, fired = due, 0
            fired += 1
            if fired > MAX_TIMERS_AT_ONE_INSTANT:
                raise ClockError(f"advance: {fired} timers fell due at {self._then}, and there is no end to them")
            self._timers.take().fire()
            await loop_at_rest()

    async def _next(self, target: datetime) -> datetime | None:
        """When the next timer is due, once time may move so far."""
        while True:
            due = self._timers.next_due()
            if due is not None and due <= self._then:
                return due
            if not await self._held():
                return due if due is not None and due <= target else None

    # -- work in flight -------------------------------------------------------------------------------------------

    @contextmanager
    def busy(self, limit: float) -> Iterator[None]:
        hold = self._hold(limit, asyncio.current_task())
        try:
            yield
        finally:
            self._release(hold)

    def track(self, work: TaskT, limit: float) -> TaskT:
        hold = self._hold(limit, work)
        work.add_done_callback(lambda _work: self._release(hold))
        return work

    def _hold(self, limit: float, owner: asyncio.Future[Any] | None) -> _Hold:
        hold = _Hold(limit, owner, _deadline(limit))
        self._holds.add(hold)
        return hold

    def _release(self, hold: _Hold) -> None:
        self._holds.discard(hold)
        self._holds_changed.set()

    @contextmanager
    def _asleep(self) -> Iterator[None]:
        sleeper = asyncio.current_task()
        mine = [hold for hold in self._holds if hold.owner is sleeper]
        for hold in mine:
            hold.asleep = True
        self._holds_changed.set()
        try:
            yield
        finally:
            for hold in mine:
                hold.asleep, hold.deadline = False, _deadline(hold.limit)

    async def _held(self) -> bool:
        """Wait until something about the work in flight changes; False if there is none to wait for."""
        loop = asyncio.get_running_loop()
        waiting = [hold for hold in self._holds if not hold.asleep and hold.deadline > loop.time()]
        if not waiting:
            return False
        earliest = min(waiting, key=lambda hold: hold.deadline)
        self._holds_changed.clear()
        try:
            async with asyncio.timeout_at(earliest.deadline):
                await self._holds_changed.wait()
        except TimeoutError:
            log.warning("time moves on, although %s is in flight after %g s", earliest.owner, earliest.limit)
        await loop_at_rest()
        return True


def _deadline(limit: float) -> float:
    return asyncio.get_running_loop().time() + limit + GRACE_SECS


_looking: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()
"""How many clocks are looking whether their loop is at rest; none of them is work for the others."""


async def loop_at_rest() -> None:
    """Until the event loop has nothing to do but to wait for sockets, threads and real time."""
    loop = asyncio.get_running_loop()
    # asyncio has no public word for this. All its own loops keep what can run now in `_ready`, and each clock that
    # looks has just one entry there; on a loop that does not, a hundred turns stand for it.
    ready = getattr(loop, "_ready", None)
    _looking[loop] = _looking.get(loop, 0) + 1
    try:
        for turns in range(MAX_PASSES):
            await asyncio.sleep(0)
            if len(ready) < _looking[loop] if ready is not None else turns >= 100:
                return
    finally:
        _looking[loop] -= 1
    log.warning("time moves on, although the event loop has not come to rest in %d turns", MAX_PASSES)


def _checked(rate: float) -> float:
    if not (rate > 0 and math.isfinite(rate)):
        raise ClockError(f"rate: expected a positive number, got {rate!r} (to stop the clock, freeze it)")
    return rate


def _forward(what: str, by: timedelta) -> timedelta:
    if by < timedelta():
        raise ClockError(f"{what}: expected a step of zero or more, got {by}")
    return by
