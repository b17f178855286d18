"""The spine: an account's log of typed events and the rule by which they are dispatched.

A command appends; appending only queues. When the outermost command has finished, and before its caller gets the reply,
queued records go to the subscribers, first in, first out. A subscriber that raises is logged and isolated: the command
has already happened, and the other subscribers must still hear of it.

Where state is to last, the records of a command go to a `Keeper` first, all or none of them. What cannot be written has
not happened: a request is taken back and its caller gets the `StoreError`; a fact (somebody has gone) stays, and is
written and told later. No subscriber ever hears of an event that is not written.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar, Protocol

from emulator.clock import Clock, iso_microseconds
from emulator.values import value_class

log = logging.getLogger("emulator.events")

DEFAULT_HORIZON = 10_000
"""How many records the log keeps in memory before the oldest fall off."""


@value_class(frozen=True, slots=True)
class Event:
    """Base of all events: frozen dataclasses whose fields are JSON values."""

    type: ClassVar[str]
    transient: ClassVar[bool] = False
    """Of the moment: it changes no record, and is not kept on disk."""

    def payload(self) -> dict[str, Any]:
        return asdict(self)


@value_class(frozen=True, slots=True)
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


class StoreError(Exception):
    """State that is to last could not be written or read; the text says which file, why, and what to do.

    Base of what the store raises (emulator/store/errors.py).
    """


class Keeper(Protocol):
    """Writes an account's records down."""

    def write(self, records: Sequence[Record]) -> None:
        """All of them or none; they last when this returns. Raises StoreError."""
        ...


class HorizonError(LookupError):
    """Records older than the log remembers were asked for (answered 410 at the admin surface)."""


def _nothing_to_undo() -> None:
    """For a log whose state is nobody's."""


class EventLog:
    """Append-only, bounded in memory, dispatched in order."""

    def __init__(self, clock: Clock, *, horizon: int = DEFAULT_HORIZON) -> None:
        self._clock = clock
        self._records: deque[Record] = deque(maxlen=horizon)
        self._next_number = 1
        self._unwritten: list[Record] = []
        """Of the running command; after a failed write, facts that wait for the store. Bounded by what there is."""
        self._pending: deque[Record] = deque()
        """Written, and not yet told to everybody."""
        self._depth = 0
        self._dispatching = False
        self._subscribers: list[tuple[Subscriber, tuple[type[Event], ...]]] = []
        self._hearers: dict[type[Event], tuple[Subscriber, ...]] = {}
        """Who of them wants events of a type; filled as they come."""
        self._keeper: Keeper | None = None
        self._undo: Callable[[], None] = _nothing_to_undo
        self._ahead: StoreError | None = None
        """Why the state in memory is ahead of the store, and could not be set back."""

    @property
    def first_number(self) -> int:
        """Of the oldest record that is kept; of the next one if there is none."""
        return self._records[0].number if self._records else self._next_number

    @property
    def last_number(self) -> int:
        """Of the newest record that anybody may hear of."""
        return (self._unwritten[0].number if self._hides else self._next_number) - 1

    @property
    def _hides(self) -> bool:
        return self._keeper is not None and bool(self._unwritten)

    # -- what lasts -----------------------------------------------------------------------------------------------

    def keep(self, keeper: Keeper | None, undo: Callable[[], None] = _nothing_to_undo) -> None:
        """Write every command's records from now on; None: no longer, and what waited for the store is told.

        `undo` is called when the records of a request were not written and are gone from the log: it sets the state
        back to what is written. It may raise StoreError; then requests are refused until the next start.
        """
        self._keeper, self._undo, self._ahead = keeper, undo, None
        if keeper is None:
            self._commit(fact=True)

    def restore(self, records: Iterable[Record], *, last_number: int) -> None:
        """Go on after these records of an earlier run; subscribers have heard of them then."""
        self._records.extend(records)
        self._next_number = last_number + 1

    @property
    def behind(self) -> bool:
        """Whether facts wait for the store."""
        return bool(self._unwritten) and self._depth == 0

    def write_pending(self) -> None:
        """Write and tell what waits for the store. Raises StoreError when it cannot be written yet."""
        if self._ahead is not None:
            raise self._ahead
        if self.behind:
            self._write()
            self._dispatch()

    def _write(self) -> None:
        if self._keeper is not None and self._unwritten:
            self._keeper.write(self._unwritten)
        self._pending.extend(self._unwritten)
        self._unwritten.clear()

    def _commit(self, *, fact: bool) -> None:
        try:
            if self._ahead is not None:
                raise self._ahead
            self._write()
        except StoreError as error:
            if not fact:
                self._take_back()
                raise
            self._drop_transient()
            if self._unwritten:
                log.warning("%d events wait for the store: %s", len(self._unwritten), error)
            return
        self._dispatch()

    def _take_back(self) -> None:
        """The request has not happened: nothing waited before it, so all that is unwritten is its own."""
        if not self._unwritten:
            return
        self._next_number = self._unwritten[0].number
        self._withdraw()
        try:
            self._undo()
        except StoreError as error:
            self._ahead = error

    def _drop_transient(self) -> None:
        """Nobody wants to hear later who talked; and these are the only ones that could pile up."""
        for record in self._withdraw():
            if not record.event.transient:
                self._records.append(record)
                self._unwritten.append(record)

    def _withdraw(self) -> list[Record]:
        """Take what is unwritten out of the log; returns it."""
        withdrawn, self._unwritten = self._unwritten, []
        for _ in range(min(len(withdrawn), len(self._records))):
            self._records.pop()
        return withdrawn

    # -- commands -------------------------------------------------------------------------------------------------

    def append(self, event: Event) -> Record:
        """Number and keep an event; it is dispatched when the running command ends."""
        record = Record(self._next_number, self._clock.now(), event)
        self._next_number += 1
        self._records.append(record)
        self._unwritten.append(record)
        return record

    @contextmanager
    def command(self, *, fact: bool = False) -> Iterator[None]:
        """Bracket of a command: dispatch follows when the outermost one has ended, also after a refusal.

        Raises StoreError when its records cannot be written, and before anything has changed when earlier ones still
        wait. A `fact` has happened whether it can be written or not: it raises nothing.
        """
        self.begin(fact=fact)
        try:
            yield
        finally:
            self.end(fact=fact)

    def begin(self, *, fact: bool = False) -> None:
        """The opening half of `command`; `end` must follow, whatever happens."""
        if self._depth == 0 and not fact:
            self.write_pending()
        self._depth += 1

    def end(self, *, fact: bool = False) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._commit(fact=fact)

    def _dispatch(self) -> None:
        if self._dispatching:  # a subscriber ran a command: the outer loop takes what it appended
            return
        self._dispatching = True
        try:
            while self._pending:
                record = self._pending.popleft()
                kind = type(record.event)
                hearers = self._hearers.get(kind)
                if hearers is None:
                    wanting = (who for who, kinds in self._subscribers if not kinds or issubclass(kind, kinds))
                    hearers = self._hearers[kind] = tuple(wanting)
                for subscriber in hearers:
                    try:
                        subscriber(record)
                    except Exception:
                        # Isolation is the rule here (design.md, "The spine"); the suite fails on this log line.
                        log.exception("a subscriber failed on event %d %s", record.number, record.event.type)
        finally:
            self._dispatching = False

    def subscribe(self, subscriber: Subscriber, *kinds: type[Event]) -> Callable[[], None]:
        """Call `subscriber` for each later record, or for those of events of these kinds; returns what ends that."""
        entry = (subscriber, kinds)
        self._subscribers.append(entry)
        self._hearers.clear()

        def unsubscribe() -> None:
            if entry in self._subscribers:
                self._subscribers.remove(entry)
                self._hearers.clear()

        return unsubscribe

    def since(self, number: int) -> list[Record]:
        """Records with a higher number than `number`. Raises HorizonError if some of them are forgotten."""
        first = self.first_number
        if number + 1 < first:
            raise HorizonError(f"events before number {first} are no longer kept, asked for {number + 1} on")
        last = self.last_number
        return [record for record in self._records if number < record.number <= last]

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
