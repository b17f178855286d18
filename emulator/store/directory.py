"""The data directory: made, locked for one process, with its keys and its database in known places."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from pathlib import Path

from emulator.store.errors import InUse, Unusable

LOCK = "lock"
DATABASE = "rooms.sqlite"
MEDIA = "media"
PRIVATE = 0o600


class DataDir:
    """An opened data directory. The lock is the kernel's: it ends with the process, also after `kill -9`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock

    @classmethod
    def open(cls, path: Path) -> DataDir:
        """Make the directory (not its parents) if need be, and lock it. Raises Unusable, InUse."""
        path = path.absolute()
        try:
            path.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        except OSError as error:
            if path.exists() and not path.is_dir():
                raise Unusable(f"The data directory {path} is a file. Name a directory.") from error
            if not path.parent.exists():
                raise Unusable(f"The data directory {path} cannot be made: {path.parent} does not exist.") from error
            raise Unusable(f"The data directory {path} cannot be used: {error.strerror}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.write(lock, f"{os.getpid()}\n".encode())
        except BlockingIOError as error:
            holder = os.read(lock, 32).decode("ascii", "replace").strip()
            os.close(lock)
            raise InUse(
                f"The data directory {path} is in use by another emulator"
                + (f" (process {holder})" if holder.isdecimal() else "")
                + ". Stop that one, or name another directory."
            ) from error
        except OSError as error:
            os.close(lock)
            raise Unusable(f"The data directory {path} cannot be locked: {error.strerror}.") from error
        return cls(path, lock)

    @property
    def database(self) -> Path:
        return self.path / DATABASE

    @property
    def media(self) -> Path:
        """Where recordings and compositions are, a folder for each account."""
        return self.path / MEDIA

    def secret(self, name: str, *, make: bytes | None = None) -> bytes:
        """The content of a private file (mode 0600). One that is not there yet begins as `make` (32 random bytes).

        It is written beside its place and moved there: whoever is killed meanwhile leaves all of it or none.
        Raises Unusable.
        """
        path = self.path / name
        try:
            with contextlib.suppress(FileNotFoundError):
                return path.read_bytes()
            content = secrets.token_bytes(32) if make is None else make
            beside = path.with_name(name + ".new")
            beside.unlink(missing_ok=True)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise Unusable(f"{path} cannot be read or made: {error.strerror}.") from error
        return content

    def close(self) -> None:
        """Free it for the next one. Safe to call twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
