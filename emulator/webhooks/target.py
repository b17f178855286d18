"""Where events go, and in which steps it is tried to bring them there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from emulator.values import value_class
from emulator.webhooks.settings import WebhookSettings

MAX_BACKOFF_SECS = 3600.0


@value_class(frozen=True, slots=True)
class Target:
    """The webhook fields of a room or composition. `timeout_secs` in real seconds, None or 0: the default."""

    url: str
    failover_url: str | None = None
    timeout_secs: int | None = None

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Target | None:
        """From fields named as on the wire. None when there is no primary URL: then nothing is posted (R-104)."""
        url = fields.get("webhook_event_url")
        if not url:
            return None
        return cls(url, fields.get("webhook_event_failover_url") or None, fields.get("webhook_timeout_secs"))

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url,) if self.failover_url is None else (self.url, self.failover_url)

    def timeout(self, settings: WebhookSettings) -> float:
        """R-109; 0 means the default (section 5, "Delivery")."""
        return float(self.timeout_secs) if self.timeout_secs else settings.default_timeout_secs


@value_class(frozen=True, slots=True)
class Step:
    """Post to `url`, `wait_secs` of the account's time after the step before has failed."""

    url: str
    wait_secs: float


class Schedule:
    """The steps of one delivery: all attempts on the primary, then all on the failover, until one succeeds.

    The backoff is each URL's own: the first attempt on a URL comes at once, since nothing is known against it.
    """

    def __init__(self, target: Target, settings: WebhookSettings) -> None:
        self._urls = iter(target.urls)
        self._settings = settings
        self._steps = self._of_next_url()

    def next(self) -> Step | None:
        """None: nothing is left to try."""
        return next(self._steps, None)

    def leave_url(self) -> None:
        """No further attempt on the present URL: it may not be posted to."""
        self._steps = self._of_next_url()

    def _of_next_url(self) -> Iterator[Step]:
        for url in self._urls:
            for attempt in range(self._settings.attempts):
                yield Step(url, self._backoff(attempt))

    def _backoff(self, attempt: int) -> float:
        doublings = min(attempt - 1, 32)  # the power stays a number, however many attempts are wanted
        return min(self._settings.backoff_secs * 2**doublings, MAX_BACKOFF_SECS) if attempt else 0.0
