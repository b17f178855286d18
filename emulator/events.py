"""The spine: an account's log of typed events and the rule by which they are dispatched.

A command appends; appending only queues. When the outermost command has finished, and before its caller gets the reply,
queued records go to the subscribers, first in, first out. A subscriber that raises is logged and isolated: the command
has already happened, and the other subscribers must still hear of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar

from emulator.clock import Clock, iso_microseconds

log = logging.getLogger("emulator.events")

DEFAULT_HORIZON = 10_000
"""How many records the log keeps in memory before the oldest fall off."""


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events: frozen dataclasses whose fields are JSON values."""

    type: ClassVar[str]

    def payload(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Record:
    """An event as it stands in the log: its number (1, 2, 3, ...) and the account's time."""

    number: int
    at: datetime
    event: Event

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at": iso_microseconds(self.at),
            "type": self.event.type,
            "payload": self.event.payload(),
        }


Subscriber = Callable[[Record], None]


class HorizonError(LookupError):
    """Records older than the log remembers were asked for (answered 410 at the admin surface)."""


class EventLog:
    """Append-only, bounded in memory, dispatched in order."""

    def __init__(self, clock: Clock, *, horizon: int = DEFAULT_HORIZON) -> None:
        self._clock = clock
        self._records: deque[Record] = deque(maxlen=horizon)
        self._next_number = 1
        self._pending: deque[Record] = deque()
        self._depth = 0
        self._dispatching = False
        self._subscribers: list[Subscriber] = []

    @property
    def last_number(self) -> int:
        return self._next_number - 1

    def append(self, event: Event) -> Record:
        """Number and keep an event; it is dispatched when the running command ends."""
        record = Record(self._next_number, self._clock.now(), event)
        self._next_number += 1
        self._records.append(record)
        self._pending.append(record)
        return record

    @contextmanager
    def command(self) -> Iterator[None]:
        """Bracket of a command: dispatch follows when the outermost one has ended, also after a refusal."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._dispatch()

    def _dispatch(self) -> None:
        if self._dispatching:  # a subscriber ran a command: the outer loop takes what it appended
            return
        self._dispatching = True
        try:
            while self._pending:
                record = self._pending.popleft()
                for subscriber in tuple(self._subscribers):
                    try:
                        subscriber(record)
                    except Exception:
                        # Isolation is the rule here (design.md, "The spine"); the suite fails on this log line.
                        log.exception("a subscriber failed on event %d %s", record.number, record.event.type)
        finally:
            self._dispatching = False

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` for each later record; returns what ends that."""
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe

    def since(self, number: int) -> list[Record]:
        """Records with a higher number than `number`. Raises HorizonError if some of them are forgotten."""
        if self._records and number + 1 < self._records[0].number:
            raise HorizonError(
                f"events before number {self._records[0].number} are no longer kept, asked for {number + 1} on"
            )
        return [record for record in self._records if record.number > number]

    async def wait_for(self, matches: Callable[[Record], bool], *, timeout: float, after: int = 0) -> Record:
        """The first record after number `after` that matches, past ones included. Raises TimeoutError."""
        for record in self.since(after):
            if matches(record):
                return record
        found: asyncio.Future[Record] = asyncio.get_running_loop().create_future()

        def look(record: Record) -> None:
            if not found.done() and matches(record):
                found.set_result(record)

        unsubscribe = self.subscribe(look)
        try:
            async with asyncio.timeout(timeout):
                return await found
        finally:
            unsubscribe()
