"""Time, passed in: the account's clock and the process's monotonic one.

Two kinds of time must never be mixed (design.md, "Accounts, ids, clocks"): what the *account* believes (resource times,
token expiry) comes from a `Clock`; what *packets and sockets* live by comes from a monotonic callable such as
`loop.time`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the account's time."""

    def now(self) -> datetime:
        """The account's time, timezone-aware, in UTC."""
        ...


class RealClock:
    """The wall clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class TravellingClock:
    """The wall clock moved by an offset, or frozen at an instant.

    `advance` moves it forward; going back is refused, since resource times would then contradict their order.
    """

    def __init__(self, *, frozen_at: datetime | None = None, base: Clock | None = None) -> None:
        if frozen_at is not None and frozen_at.tzinfo is None:
            raise ValueError("frozen_at: expected a timezone-aware time, got a naive one")
        self._base = base or RealClock()
        self._frozen = frozen_at
        self._offset = timedelta()

    def now(self) -> datetime:
        return (self._base.now() if self._frozen is None else self._frozen) + self._offset

    def advance(self, by: timedelta) -> datetime:
        """Move forward by `by`; returns the new time. Raises ValueError for a negative step."""
        if by < timedelta():
            raise ValueError(f"advance: expected a step of zero or more, got {by}")
        self._offset += by
        return self.now()

    def freeze(self) -> datetime:
        """Stop at the present instant; returns it."""
        self._frozen, self._offset = self.now(), timedelta()
        return self._frozen

    def run(self) -> None:
        """Run on from wherever the clock stands."""
        if self._frozen is not None:
            stood_at = self.now()
            self._frozen = None
            self._offset = stood_at - self._base.now()


def iso_microseconds(at: datetime) -> str:
    """`2021-04-16T09:46:20.954863Z`: resource times (rest-and-webhooks.md, section 1; R-5)."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def iso_seconds(epoch_seconds: int) -> str:
    """`2021-04-22T12:24:55Z`: token expiries (rest-and-webhooks.md, section 1)."""
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def monotonic() -> float:
    """Seconds of the process's monotonic clock; the one place that reads it outside an event loop."""
    return time.monotonic()
