"""A room: the place meetings are held in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

MAX_PARTICIPANTS_RANGE = (2, 50)
WEBHOOK_TIMEOUT_RANGE = (0, 30)


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """What a room is created with (rest-and-webhooks.md 2.2). None means: not set, left out of answers."""

    unique_name: str | None = None
    max_participants: int = 10
    enable_recording: bool = False
    webhook_event_url: str | None = None
    webhook_event_failover_url: str | None = None
    webhook_timeout_secs: int | None = None

    def changed(self, changes: dict[str, Any]) -> RoomSettings:
        return replace(self, **changes)


@dataclass(slots=True)
class Room:
    id: str
    settings: RoomSettings
    created_at: datetime
    updated_at: datetime
    active_session_id: str | None = None
    session_ids: list[str] = field(default_factory=list)
