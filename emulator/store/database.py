"""The SQLite file: opened, checked, and written to in transactions.

Written data is in the operating system's hands when a transaction has ended, so `kill -9` of this process loses none of
it (WAL, sqlite.org/wal.html). After a power failure the file is sound, but the last transactions may be missing:
`synchronous=NORMAL` waits for the disk at checkpoints only (sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from emulator.store.directory import PRIVATE
from emulator.store.errors import Damaged, Unusable, WriteFailed

APPLICATION_ID = 0x524D454D
"""Says whose file it is (sqlite.org/fileformat.html, offset 68): "RMEM"."""

SCHEMA_VERSION = 1
BUSY_SECS = 0.25
"""How long another process's lock is waited for; the event loop stands still meanwhile."""

_SCHEMA = """
CREATE TABLE starts (number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE accounts (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE, seed TEXT,
    given_out INTEGER NOT NULL
);
CREATE TABLE events (
    account INTEGER NOT NULL, number INTEGER NOT NULL, at TEXT NOT NULL, type TEXT NOT NULL, payload TEXT NOT NULL,
    PRIMARY KEY (account, number)
) WITHOUT ROWID;
CREATE TABLE snapshots (
    account INTEGER PRIMARY KEY, number INTEGER NOT NULL, at TEXT NOT NULL, state TEXT NOT NULL
);
"""
# `given_out`: event numbers up to here may have been heard of, though what they stood for is not kept.


class Database:
    """One connection. Every error of SQLite comes out as a StoreError that names the file."""

    def __init__(self, path: Path) -> None:
        """Raises Unusable, Damaged."""
        self.path = path
        try:
            # Made by us first: SQLite would make it readable for all.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE))
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECS)
        except (OSError, sqlite3.Error) as error:
            raise Unusable(f"The database {path} cannot be opened: {_why(error)}.") from error
        try:
            self._open()
        except BaseException:
            self._connection.close()
            raise

    def _open(self) -> None:
        execute = self._connection.execute
        with self.reading():
            (application,) = execute("PRAGMA application_id").fetchone()
            (version,) = execute("PRAGMA user_version").fetchone()
            (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != APPLICATION_ID:
            raise Damaged(f"{self.path} is a database of another program. Move it away, or name another directory.")
        if tables and version != SCHEMA_VERSION:
            raise Damaged(
                f"{self.path} has the format {version}, this version of the emulator reads {SCHEMA_VERSION}. Use the "
                "version that wrote it, or name another directory."
            )
        try:
            execute("PRAGMA journal_mode=WAL")
            execute("PRAGMA synchronous=NORMAL")
            if not tables:
                self._connection.executescript(
                    f"BEGIN; {_SCHEMA} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; "
                    "COMMIT;"
                )
        except sqlite3.Error as error:
            raise Unusable(f"The database {self.path} cannot be written: {_why(error)}.") from error

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Raises Damaged, or Unusable if another process has locked the file."""
        try:
            yield self._connection
        except sqlite3.OperationalError as error:
            raise Unusable(f"The database {self.path} cannot be read: {_why(error)}.") from error
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise Damaged(
                f"The database {self.path} cannot be read: {_why(error)}. Put a copy of it back, or move it away to "
                "begin anew."
            ) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing. Raises WriteFailed."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
            self._connection.execute("COMMIT")
        except (sqlite3.Error, UnicodeEncodeError) as error:
            self._roll_back()
            raise WriteFailed(self.path, _why(error)) from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # SQLite has done so itself after some errors
            with contextlib.suppress(sqlite3.Error):  # what is not committed does not count in any case
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Safe to call twice."""
        self._connection.close()


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
