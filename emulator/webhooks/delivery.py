"""One event on its way to its receiver, with everything that was tried."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from emulator.values import value_class
from emulator.webhooks.envelope import Envelope
from emulator.webhooks.occurrence import Subject
from emulator.webhooks.target import Target

MAX_ATTEMPTS_KEPT = 50
"""Of one delivery: it can be asked for again and again."""

State = Literal["pending", "delivered", "failed", "refused", "dropped"]
"""failed: all attempts were; refused: no URL of it may be posted to; dropped: the queue was full, nothing was tried."""

STATES: tuple[State, ...] = ("pending", "delivered", "failed", "refused", "dropped")


@value_class(frozen=True, slots=True)
class Attempt:
    """`number` is what `meta.attempt` said; `started_at` the account's time, ISO 8601; `duration_ms` real time."""

    number: int
    url: str
    started_at: str
    duration_ms: float
    status: int | None
    error: str | None
    answer: str
    faults: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "attempt": self.number,
            "url": self.url,
            "started_at": self.started_at,
            "duration_ms": self.duration_ms,
        }
        if self.status is not None:
            told["status"] = self.status
            told["answer"] = self.answer
        if self.error is not None:
            told["error"] = self.error
        if self.faults:
            told["faults"] = list(self.faults)
        return told


@dataclass(slots=True, eq=False)
class Delivery:
    """`id` is `data.id`: the same in all attempts, of no other event (R-115)."""

    id: str
    event_type: str
    occurred_at: str
    subject: Subject
    room_id: str | None
    target: Target
    envelope: Envelope
    state: State = "pending"
    reason: str | None = None
    """Why it is failed, refused or dropped."""
    attempt_count: int = 0
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=MAX_ATTEMPTS_KEPT))

    def next_attempt(self) -> int:
        """Its number: counts up over the whole delivery, also when that is asked for again (section 5)."""
        self.attempt_count += 1
        return self.attempt_count

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": self.id,
            "event_type": self.event_type,
            "occurred_at": self.occurred_at,
            "state": self.state,
            "url": self.target.url,
            "attempts": [attempt.as_json() for attempt in self.attempts],
        }
        if self.reason is not None:
            told["reason"] = self.reason
        if self.target.failover_url is not None:
            told["failover_url"] = self.target.failover_url
        if self.room_id is not None:
            told["room_id"] = self.room_id
        if self.subject.kind == "composition":
            told["composition_id"] = self.subject.id
        return told
