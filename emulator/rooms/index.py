"""Indexes: where the lists of resources are read from, so that a list costs its page, not the table.

All lists have one order: newest first, and of one instant by id (rest-and-webhooks.md 1.4; what has no time is oldest).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Generic, Protocol, TypeVar

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000
_NEVER = -(1 << 70)
"""Before every time there is."""

_NO_VALUES: Mapping[str, Hashable] = {}

_COMPLEMENT = bytes(max(0xFE - byte, 0) for byte in range(256))

Key = tuple[int, bytes, str]
"""Microseconds since 1970; an id's bytes so turned that they sort backwards; the id."""


class Identified(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Identified)


class Order:
    """Keys, oldest first: what is new is appended at the end. Read backwards, they stand as lists show them."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys = sorted(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Key) -> None:
        if not self._keys or key > self._keys[-1]:
            self._keys.append(key)
        else:
            insort(self._keys, key)

    def remove(self, key: Key) -> None:
        place = bisect_left(self._keys, key)
        if place == len(self._keys) or self._keys[place] != key:
            raise KeyError(key)
        del self._keys[place]

    def span(self, first: date | None, last: date | None) -> range:
        """Places of what falls on these UTC days, bounds included. None: no bound, but no day at all is outside."""
        # A shorter tuple sorts before all that begin like it.
        low = bisect_left(self._keys, (_NEVER + 1,) if first is None else (_start_of(first),))
        high = len(self._keys) if last is None else bisect_left(self._keys, (_start_of(last) + _DAY,))
        return range(low, max(low, high))

    def newest(self, places: range, start: int = 0, count: int | None = None) -> Iterator[str]:
        """Ids at these places, as lists show them, from the `start`-th on."""
        backwards = places[::-1][start : None if count is None else start + count]
        keys = self._keys
        return (keys[place][2] for place in backwards)

    def all(self) -> range:
        return range(len(self._keys))


class Index(Generic[R]):
    """The rows of one kind of resource: all of them, and those that have a value in common, by its name."""

    def __init__(self, at: Callable[[R], datetime | None], **by: Callable[[R], Hashable | None]) -> None:
        self._at = at
        self._by = by
        self._all = Order()
        self._having: dict[str, dict[Hashable, Order]] = {name: {} for name in by}
        self._filed: dict[str, tuple[Key, Mapping[str, Hashable]]] = {}
        """Under what each row is found, by its id."""

    def fill(self, rows: Iterable[R]) -> None:
        """File many: in their order, so that each is appended."""
        for row in sorted(rows, key=self._key):
            self.put(row)

    def _key(self, row: R) -> Key:
        return (_instant(self._at(row)), _backwards(row.id), row.id)

    def put(self, row: R) -> None:
        """File a new row, or one that has changed."""
        key = self._key(row)
        values = _NO_VALUES
        if self._by:
            values = {name: value for name, of in self._by.items() if (value := of(row)) is not None}
        before = self._filed.get(row.id)
        if before is not None:
            if before == (key, values):
                return
            self.drop(row.id)
        self._filed[row.id] = (key, values)
        self._all.add(key)
        for name, value in values.items():
            self._having[name].setdefault(value, Order()).add(key)

    def drop(self, row_id: str) -> None:
        """Raises KeyError for a row that is not filed."""
        key, values = self._filed.pop(row_id)
        self._all.remove(key)
        for name, value in values.items():
            order = self._having[name][value]
            order.remove(key)
            if not order:
                del self._having[name][value]

    @property
    def all(self) -> Order:
        return self._all

    def having(self, name: str, value: Hashable) -> Order:
        """Rows whose `name` is `value`."""
        return self._having[name].get(value) or Order()


def _instant(at: datetime | None) -> int:
    return _NEVER if at is None else (at - _EPOCH) // _MICROSECOND


def _start_of(day: date) -> int:
    return (day.toordinal() - _EPOCH_DAY) * _DAY


def _backwards(row_id: str) -> bytes:
    """Bytes that sort the other way round than ids do. UTF-8 keeps the order of characters, and never has 0xFF."""
    return row_id.encode("utf-8", "surrogatepass").translate(_COMPLEMENT) + b"\xff"
