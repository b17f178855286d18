"""A session: one meeting in a room, from the first join to the last leave."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Session:
    id: str
    room_id: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    ended_reason: str | None = None
    participant_ids: list[str] = field(default_factory=list)
    """Everyone who ever joined, in order."""

    @property
    def active(self) -> bool:
        return self.ended_at is None
