"""A participant and the streams they publish."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from emulator.rooms.happenings import LeaveReason, ParticipantKind


@dataclass(slots=True)
class Stream:
    """One published stream: (participant, key) is unique; the id is made by the publishing client."""

    id: str
    key: str
    audio_enabled: bool
    video_enabled: bool
    announced: bool = False


@dataclass(slots=True)
class Participant:
    id: str
    session_id: str
    room_id: str
    context: str | None
    kind: ParticipantKind
    connection: str
    joined_at: datetime
    updated_at: datetime
    left_at: datetime | None = None
    left_reason: LeaveReason | None = None
    muted: bool = False
    """Muted by a moderator; covers streams published later, too."""
    streams: dict[str, Stream] = field(default_factory=dict)
    """By stream id."""

    @property
    def present(self) -> bool:
        return self.left_at is None
