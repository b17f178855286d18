"""Rate limits per account: a fixed window, off unless asked for (rest-and-webhooks.md 1.3, R-24)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from emulator.values import value_class


@value_class(frozen=True, slots=True)
class RateLimit:
    """At most `requests` in each window of `window_secs` (real seconds, whatever the account's clock says)."""

    requests: int
    window_secs: float

    def __post_init__(self) -> None:
        if self.requests < 1 or self.window_secs <= 0:
            raise ValueError(
                f"a rate limit needs at least 1 request and a window above 0 seconds, got {self.requests} requests "
                f"in {self.window_secs} seconds"
            )


@value_class(frozen=True, slots=True)
class Allowance:
    """How an account stands after a request: `exceeded` means this very one is refused."""

    limit: int
    remaining: int
    reset_secs: int
    exceeded: bool

    def headers(self) -> dict[str, str]:
        """The three headers; `reset` is in seconds from now."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset_secs),
        }


@dataclass(slots=True)
class _Window:
    ends_at: float
    used: int = 0


class RateLimiter:
    """Counts requests by account id; holds one window per account, so it is bounded as the accounts are."""

    def __init__(self, limit: RateLimit, monotonic: Callable[[], float]) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._windows: dict[str, _Window] = {}

    def take(self, account_id: str) -> Allowance:
        now = self._monotonic()
        window = self._windows.get(account_id)
        if window is None or now >= window.ends_at:
            window = self._windows[account_id] = _Window(now + self._limit.window_secs)
        exceeded = window.used >= self._limit.requests
        if not exceeded:
            window.used += 1
        return Allowance(
            self._limit.requests,
            self._limit.requests - window.used,
            max(1, math.ceil(window.ends_at - now)),
            exceeded,
        )
