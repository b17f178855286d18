"""A scenario in travel time: an hour of meeting in less than a second, and the same event log each time.

The account's clock stands still and is moved from one thing that is due to the next. Clients come in over the in-memory
transport and have no media; REST goes over its socket as always, one call at a time, and holds the clock meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from emulator.events import EventLog
from emulator.scenario.expectations.hears import Hears, HearsNot
from emulator.scenario.expectations.reads import ReadsNot
from emulator.scenario.expectations.sees import Sees, SeesNot
from emulator.scenario.expectations.strangers import HearsTone, SeesPicture
from emulator.scenario.listening import EventReader
from emulator.scenario.needs import patterns_of
from emulator.scenario.reading.issues import Issues
from emulator.scenario.rest import TIMEOUT_SECS
from emulator.scenario.scene import Scene
from emulator.scenario.schema import Every, Scenario
from emulator.scenario.steps.freeze import Freeze, Thaw
from emulator.scenario.steps.replace import Replace
from emulator.signaling.lobby import Lobby
from emulator.travelling_clock import TravellingClock, loop_at_rest

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
"""When each run begins, so that logs can be compared."""

STUCK_SECS = 0.01
"""How long is waited in real time for what no clock brings about."""

_MEDIA = (Sees, SeesNot, Hears, HearsNot, SeesPicture, HearsTone, Freeze, Thaw, Replace)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Travel:
    """What of an emulator in this process it takes: the account's clock and log, and the way in without a socket."""

    clock: TravellingClock
    log: EventLog
    lobby: Lobby

    @contextmanager
    def listening(self, scene: Scene) -> Iterator[None]:
        """Events come straight from the log, at the moment they happen."""
        reader = EventReader(scene)
        for record in self.log.since(self.log.first_number - 1):
            reader.read(record.as_json(), past=True)
        stop = self.log.subscribe(lambda record: reader.read(record.as_json()))
        try:
            yield
        finally:
            stop()

    def gate(self) -> Callable[[], Any]:
        """For REST calls: one at a time, each begun when all that the one before has led to is over."""
        lock = asyncio.Lock()

        @asynccontextmanager
        async def through() -> AsyncIterator[None]:
            async with lock:
                with self.clock.busy(TIMEOUT_SECS):
                    await loop_at_rest()
                    yield

        return through

    async def along(self, run: Coroutine[Any, Any, T]) -> T:
        """Move the clock until the run is over."""
        task = asyncio.create_task(run)
        try:
            while not task.done():
                await self.clock.advance(timedelta())
                due = self.clock.next_due
                if due is not None and not task.done():
                    await self.clock.advance(max(timedelta(), due - self.clock.now()))
                elif not task.done():
                    await asyncio.wait({task}, timeout=STUCK_SECS)
        finally:
            if not task.done():
                task.cancel()
        return await task


def check_travel(scenario: Scenario, issues: Issues) -> None:
    """Note everything that can only be done in real time."""
    for who in scenario.cast:
        if who.behaviours:
            issues.add(who.mark, f"{who.name} has habits, which act in real time; this is no scenario for travel time")
    for entry in scenario.entries:
        if isinstance(entry.trigger, Every) and entry.trigger.times is None:
            issues.add(entry.mark, "this repeats for ever, so travel time would never end; say times")
        things: list[Any] = [step for action in entry.actions for step in action.steps]
        things += [one.expectation for one in entry.expected]
        for thing in things:
            reason = _reason(thing)
            if reason:
                issues.add(thing.mark, f"{thing.describe()} {reason}: not for travel time")
        for pattern in patterns_of(entry):
            if pattern.kind in ("rest", "webhook"):
                issues.add(pattern.mark, f"{pattern.kind} news are heard of in real time; use events in travel time")


def _reason(thing: object) -> str:
    if isinstance(thing, _MEDIA):
        return "is about media"
    if isinstance(thing, ReadsNot):
        return "listens in real time"
    return str(getattr(thing, "real_time", ""))
