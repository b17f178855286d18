"""What the domain needs of whatever keeps accounts from one start to the next (`emulator.store` does so on disk)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from emulator.events import Keeper, Record

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Replayed(Protocol[S_co]):
    """State as it is written, the last records that made it, and the number and time of the last one."""

    @property
    def state(self) -> S_co: ...
    @property
    def records(self) -> list[Record]: ...
    @property
    def last_number(self) -> int: ...
    @property
    def at(self) -> datetime | None: ...


class Archive(Keeper, Protocol):
    """One account's. `seed` None: it began with a random one; `start` counts the starts, so that ids never repeat."""

    @property
    def account_id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def seed(self) -> int | None: ...
    @property
    def start(self) -> int: ...

    def replay(self, kind: type[S], apply: Callable[[S, Record], None]) -> Replayed[S]:
        """Raises StoreError for what cannot be read, or does not fit together."""
        ...

    def long(self) -> bool:
        """Whether a snapshot should take the place of the events."""
        ...

    def compact(self, state: object, *, number: int, at: datetime) -> None:
        """`state` stands for the events up to `number` from now on. Raises StoreError."""
        ...

    def forget(self) -> None:
        """Raises StoreError; then nothing is forgotten."""
        ...


class Archives(Protocol):
    """Those of all accounts."""

    def accounts(self) -> Sequence[Archive]: ...

    def new_account(self, account_id: str, key: str, seed: int | None) -> Archive: ...
