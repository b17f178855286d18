"""A data directory with the accounts in it, opened and closed as often as a test likes."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts
from emulator.rooms.happenings import EVENT_TYPES
from emulator.store.directory import DataDir
from emulator.store.log import Store
from emulator.travelling_clock import TravellingClock
from tests.rooms.kit import START

KEY = "KEY_kept"


@dataclass(frozen=True, slots=True)
class Opened:
    directory: DataDir
    store: Store
    accounts: Accounts

    @property
    def account(self) -> Account:
        found = self.accounts.by_key(KEY)
        assert found is not None
        return found


class Keeping:
    """The directory of one test. Each opening has frozen clocks that begin `later` by a minute."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.later = timedelta()

    @property
    def file(self) -> Path:
        return self.path / "rooms.sqlite"

    @contextlib.contextmanager
    def open(
        self, *, seed: int | None = 1, watch: Callable[[Account], None] = lambda account: None, **settings: Any
    ) -> Iterator[Opened]:
        directory = DataDir.open(self.path)
        try:
            store = Store.open(directory, EVENT_TYPES)
            try:
                start = START + self.later
                accounts = Accounts(
                    seed=seed, clock=lambda: TravellingClock(frozen_at=start), on_created=watch, **settings
                )
                accounts.restore(store)
                yield Opened(directory, store, accounts)
            finally:
                store.close()
        finally:
            directory.close()
            self.later += timedelta(minutes=1)

    def sql(self, text: str, *values: Any) -> list[Any]:
        """From beside, as a person with the sqlite3 shell does it."""
        with contextlib.closing(sqlite3.connect(self.file)) as connection, connection:
            return connection.execute(text, values).fetchall()
