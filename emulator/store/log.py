"""The event log on disk: one archive for each account, all in one database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from emulator.clock import iso_microseconds
from emulator.events import DEFAULT_HORIZON, Event, Record
from emulator.store.codec import CodecError, decode, encode, read_time
from emulator.store.database import Database
from emulator.store.directory import DataDir
from emulator.store.errors import Damaged

S = TypeVar("S")

COMPACT_ABOVE = 20_000
"""Events of one account, from which on a start replaces them by a snapshot: reading as many takes half a second."""

NUMBERS_AHEAD = 1_000
"""Events that are not kept have numbers, too. So many at a time are noted as given out: none is given out twice."""


@dataclass(frozen=True, slots=True)
class Replayed(Generic[S]):
    """An account's state as it is written. `records`: the last ones; `at`: the time of the last one, if any."""

    state: S
    records: list[Record]
    last_number: int
    at: datetime | None


class Store:
    """All accounts of a data directory. `types` are the events that may stand in it, by name."""

    def __init__(self, database: Database, types: Mapping[str, type[Event]]) -> None:
        self.database = database
        self.types = types
        self.start = 0
        """Counts how often this directory was opened, from 1."""

    @classmethod
    def open(cls, directory: DataDir, types: Mapping[str, type[Event]]) -> Store:
        """Raises Unusable, Damaged, WriteFailed."""
        store = cls(Database(directory.database), types)
        try:
            with store.database.writing() as connection:
                cursor = connection.execute("INSERT INTO starts DEFAULT VALUES")
                store.start = cursor.lastrowid or 0
                connection.execute("DELETE FROM starts WHERE number < ?", (store.start,))
        except BaseException:
            store.close()
            raise
        return store

    def accounts(self) -> list[AccountArchive]:
        """In the order in which they were first written. Raises Damaged."""
        with self.database.reading() as connection:
            rows = connection.execute("SELECT number, id, key, seed, given_out FROM accounts ORDER BY number")
            return [self._found(*row) for row in rows]

    def _found(self, number: int, account_id: str, key: str, seed: str | None, given_out: int) -> AccountArchive:
        try:
            read = None if seed is None else int(seed)
        except ValueError as error:
            raise Damaged(f"{self.database.path}: the account {account_id} has {seed!r:.40} for a seed.") from error
        return AccountArchive(self, account_id, key, read, number=number, given_out=given_out)

    def new_account(self, account_id: str, key: str, seed: int | None) -> AccountArchive:
        """Nothing is written until something has happened in it."""
        return AccountArchive(self, account_id, key, seed)

    def close(self) -> None:
        self.database.close()


class AccountArchive:
    """What is written of one account. `seed` is what its generator of ids began with, None for a random one."""

    def __init__(
        self,
        store: Store,
        account_id: str,
        key: str,
        seed: int | None,
        *,
        number: int | None = None,
        given_out: int = 0,
    ) -> None:
        self.account_id = account_id
        self.key = key
        self.seed = seed
        self.start = store.start
        self._database = store.database
        self._types = store.types
        self._number = number
        self._given_out = given_out

    # -- writing --------------------------------------------------------------------------------------------------

    def write(self, records: Sequence[Record]) -> None:
        """In one transaction. Raises WriteFailed; then nothing is written."""
        kept = [record for record in records if not record.event.transient]
        last = records[-1].number if records else 0
        given_out = self._given_out
        if last > max(given_out, kept[-1].number if kept else 0):
            given_out = last + NUMBERS_AHEAD
        if not kept and given_out == self._given_out:
            return
        with self._database.writing() as connection:
            number = self._number
            if number is None:
                number = connection.execute(
                    "INSERT INTO accounts (id, key, seed, given_out) VALUES (?, ?, ?, ?)",
                    (self.account_id, self.key, None if self.seed is None else str(self.seed), given_out),
                ).lastrowid
            elif given_out != self._given_out:
                connection.execute("UPDATE accounts SET given_out = ? WHERE number = ?", (given_out, number))
            connection.executemany(
                "INSERT INTO events (account, number, at, type, payload) VALUES (?, ?, ?, ?, ?)",
                [
                    (number, record.number, iso_microseconds(record.at), record.event.type, _text(record.event))
                    for record in kept
                ],
            )
        self._number, self._given_out = number, given_out

    def forget(self) -> None:
        """Remove the account with all its events. Raises WriteFailed."""
        if self._number is None:
            return
        with self._database.writing() as connection:
            for table in ("events", "snapshots"):
                connection.execute(f"DELETE FROM {table} WHERE account = ?", (self._number,))  # noqa: S608 - names above
            connection.execute("DELETE FROM accounts WHERE number = ?", (self._number,))
        self._number, self._given_out = None, 0

    def compact(self, state: object, *, number: int, at: datetime) -> None:
        """`state` (a dataclass) stands for all events up to `number` from now on. Raises WriteFailed."""
        if self._number is None:
            return
        text = json.dumps(encode(state), separators=(",", ":"))
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO snapshots (account, number, at, state) VALUES (?, ?, ?, ?)",
                (self._number, number, iso_microseconds(at), text),
            )
            connection.execute("DELETE FROM events WHERE account = ? AND number <= ?", (self._number, number))

    # -- reading --------------------------------------------------------------------------------------------------

    def long(self) -> bool:
        """Whether a snapshot should replace the events."""
        with self._database.reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM events WHERE account = ?", (self._number,)).fetchone()
        return bool(count > COMPACT_ABOVE)

    def replay(self, kind: type[S], apply: Callable[[S, Record], None]) -> Replayed[S]:
        """The state: `kind()` or the snapshot, and each event after it applied.

        Raises Damaged, naming the event, for one that cannot be read or does not fit what came before.
        """
        state, number, at = self._snapshot(kind)
        last: list[Record] = []
        for record in self._events(number):
            try:
                apply(state, record)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                why = f"it does not fit what came before ({type(error).__name__}: {error})"
                raise self._damaged(record.number, why) from error
            number, at = record.number, record.at
            last.append(record)
            if len(last) >= 2 * DEFAULT_HORIZON:
                del last[:DEFAULT_HORIZON]
        return Replayed(state, last, max(number, self._given_out), at)

    def _snapshot(self, kind: type[S]) -> tuple[S, int, datetime | None]:
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT number, at, state FROM snapshots WHERE account = ?", (self._number,)
            ).fetchone()
        if row is None:
            return kind(), 0, None
        number, at, text = row
        try:
            return decode(kind, json.loads(text)), number, read_time(at, "at")
        except (ValueError, TypeError, RecursionError) as error:
            raise self._damaged(number, str(error), what="the snapshot up to event") from error

    def _events(self, after: int) -> Iterator[Record]:
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT number, at, type, payload FROM events WHERE account = ? AND number > ? ORDER BY number",
                (self._number, after),
            )
            for number, at, kind, payload in rows:
                yield self._read(number, at, kind, payload)

    def _read(self, number: int, at: Any, kind: Any, payload: Any) -> Record:
        wanted = self._types.get(kind)
        if wanted is None:
            raise self._damaged(number, f"its type {kind!r:.60} is not known to this version of the emulator")
        try:
            return Record(number, read_time(at, "at"), decode(wanted, json.loads(payload), "payload"))
        except (ValueError, TypeError, RecursionError) as error:  # CodecError and JSONDecodeError are ValueErrors
            raise self._damaged(number, str(error)) from error

    def _damaged(self, number: int, why: str, *, what: str = "event") -> Damaged:
        return Damaged(
            f"{self._database.path}, account {self.account_id}, {what} {number} cannot be used: {why}. "
            "Use the version of the emulator that wrote it, put a copy of the file back, or move it away to begin anew."
        )


def _text(event: Event) -> str:
    return json.dumps(encode(event), separators=(",", ":"))


__all__ = ["AccountArchive", "CodecError", "Replayed", "Store"]
