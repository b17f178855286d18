"""Where media files are, and what they are called.

`DIRECTORY/ACCOUNT/NAME_ID.SUFFIX`: the account's and the record's ids are UUIDs, the name is for people. Only what is
called so is ever looked at or removed; nothing of a client's becomes part of a path but letters, digits and hyphens.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from emulator.store.budget import Budget
from emulator.store.directory import PRIVATE
from emulator.store.errors import Unusable
from emulator.store.temporary import TemporaryFolder

MAX_NAME = 120

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ACCOUNT = re.compile(_UUID, re.ASCII)
_FILE = re.compile(rf"(?:[A-Za-z0-9._-]*_)?(?P<id>{_UUID})\.(?:ogg|webm|mp4)", re.ASCII)
_NOT_FOR_NAMES = re.compile(r"[^A-Za-z0-9]+", re.ASCII)


def word(text: str, *, longest: int = 40) -> str:
    """What of a text can stand in a file's name: `Ada Lovelace's desk` -> `Ada-Lovelace-s-desk`."""
    return _NOT_FOR_NAMES.sub("-", text).strip("-")[:longest].rstrip("-")


class MediaFile:
    """One file that is being written; its methods but `create`d are for a worker thread. They raise OSError."""

    def __init__(self, path: Path) -> None:
        """A new file."""
        self.path = path
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        self._good = 0
        self._failed: OSError | None = None

    def write(self, chunks: Collection[tuple[int, bytes]]) -> None:
        """Each at its offset. When one fails, the file ends behind the last whole one, and takes nothing more."""
        if self._failed is not None:
            raise self._failed
        if self._descriptor is None:
            raise ValueError(f"{self.path.name} is closed")
        for offset, data in chunks:
            view = memoryview(data)
            while view:
                try:
                    written = os.pwrite(self._descriptor, view, offset)
                except OSError as error:
                    self._failed = error
                    with contextlib.suppress(OSError):  # the file is torn then, and mended at the next start
                        os.ftruncate(self._descriptor, self._good)
                    raise
                offset += written
                view = view[written:]
            self._good = max(self._good, offset)

    def close(self) -> None:
        """Safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class MediaFiles:
    """All media files of one emulator; the budget counts them.

    `directory` None: a temporary one, made when the first file is and removed by `close`.
    """

    def __init__(self, directory: Path | None, budget: Budget) -> None:
        self.budget = budget
        self._directory = directory
        self._temporary: TemporaryFolder | None = None
        self._paths: dict[tuple[str, str], Path] = {}
        self._sizes: dict[Path, int] = {}

    @property
    def directory(self) -> Path | None:
        """None before a temporary one is made."""
        return self._directory or (None if self._temporary is None else self._temporary.path)

    def open(self) -> None:
        """Find what is there from earlier starts. Raises Unusable."""
        if self._directory is None:
            return
        try:
            if not self._directory.is_dir():
                return
            for folder in self._directory.iterdir():
                if _ACCOUNT.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                    for path in folder.iterdir():
                        self._found(folder.name, path)
        except OSError as error:
            raise Unusable(f"The media in {self._directory} cannot be read: {error.strerror}.") from error

    def _found(self, account_id: str, path: Path) -> None:
        match = _FILE.fullmatch(path.name)
        if match is not None and path.is_file() and not path.is_symlink():
            self._paths[account_id, match["id"]] = path
            self._sizes[path] = path.stat().st_size
            self.budget.used += self._sizes[path]

    def create(self, account_id: str, record_id: str, name: str, suffix: str) -> MediaFile:
        """A new, empty file. Raises BudgetSpent, Unusable."""
        self.budget.check()
        called = f"{name[:MAX_NAME]}_{record_id}.{suffix}" if name else f"{record_id}.{suffix}"
        if not _ACCOUNT.fullmatch(account_id) or not _FILE.fullmatch(called):
            raise Unusable(f"expected UUIDs and a plain name, got {account_id!r:.80} and {called!r:.200}")
        try:
            directory = self._directory
            if directory is None:
                self._temporary = self._temporary or TemporaryFolder()
                directory = self._temporary.path
            directory.mkdir(mode=0o700, exist_ok=True)
            (directory / account_id).mkdir(mode=0o700, exist_ok=True)
            made = MediaFile(directory / account_id / called)
        except OSError as error:
            where = error.filename or self.directory or tempfile.gettempdir()
            raise Unusable(f"{where} cannot be written: {error.strerror}") from error
        self._paths[account_id, record_id] = made.path
        self._sizes[made.path] = 0
        return made

    def grow(self, path: Path, size: int) -> None:
        """The file is going to be so large. Raises BudgetSpent."""
        more = size - self._sizes[path]
        if more > 0:
            self.budget.take(more)
            self._sizes[path] = size

    def settle(self, path: Path, size: int) -> None:
        """The file has become so large."""
        if path in self._sizes:
            self.budget.give_back(self._sizes[path] - size)
            self._sizes[path] = size

    def find(self, account_id: str, record_id: str) -> Path | None:
        return self._paths.get((account_id, record_id))

    def ids(self, account_id: str) -> list[str]:
        """Of all records of the account that have a file."""
        return [record_id for owner, record_id in self._paths if owner == account_id]

    def accounts(self) -> set[str]:
        """Every account that has a file."""
        return {owner for owner, _ in self._paths}

    def drop(self, account_id: str, record_id: str) -> Callable[[], None] | None:
        """Forget the file; returns what removes it, for a worker thread. None if there is none."""
        path = self._paths.pop((account_id, record_id), None)
        if path is None:
            return None
        self.budget.give_back(self._sizes.pop(path, 0))
        return lambda: path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove what was temporary."""
        temporary, self._temporary = self._temporary, None
        if temporary is not None:
            temporary.remove()
            self._paths.clear()
            self._sizes.clear()
