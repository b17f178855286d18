"""A session: one meeting in a room, from the first join to the last leave."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Session:
    """Only an imported one can be without its times, or its room: then `room_id` is empty."""

    id: str
    room_id: str
    created_at: datetime | None
    updated_at: datetime | None
    ended_at: datetime | None = None
    ended_reason: str | None = None
    active: bool = True
    participant_ids: list[str] = field(default_factory=list)
    """Everyone who ever joined, in order."""
