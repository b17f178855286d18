"""A room: the place meetings are held in."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from emulator.values import value_class

DEFAULT_MAX_PARTICIPANTS = 10
MAX_PARTICIPANTS_RANGE = (2, 50)
WEBHOOK_TIMEOUT_RANGE = (0, 30)
VIDEO_CODECS = ("vp8", "h264")
"""Those that a room may allow; a room that says nothing takes them in this order."""


@value_class(frozen=True, slots=True)
class RoomSettings:
    """What a room is created with (rest-and-webhooks.md 2.2). None means: not set, left out of answers.

    Only an imported room can be without the fields that have a default; then that default counts.
    """

    unique_name: str | None = None
    max_participants: int | None = DEFAULT_MAX_PARTICIPANTS
    enable_recording: bool | None = False
    webhook_event_url: str | None = None
    webhook_event_failover_url: str | None = None
    webhook_timeout_secs: int | None = None
    video_codecs: list[str] | None = None
    """What publishers may send, the best first; only the vendor's migration guide has it (section 3)."""

    @property
    def capacity(self) -> int:
        return DEFAULT_MAX_PARTICIPANTS if self.max_participants is None else self.max_participants

    def as_dict(self) -> dict[str, Any]:
        """By field name. All values are plain ones, so `dataclasses.asdict` would copy for nothing."""
        return dict(zip(_SETTINGS, _VALUES(self), strict=True))

    def changed(self, changes: dict[str, Any]) -> RoomSettings:
        return replace(self, **changes)


_SETTINGS = tuple(field.name for field in fields(RoomSettings))
_VALUES = attrgetter(*_SETTINGS)


@dataclass(slots=True)
class Room:
    """Only an imported one can be without its times."""

    id: str
    settings: RoomSettings
    created_at: datetime | None
    updated_at: datetime | None
    active_session_id: str | None = None
