"""A participant and the streams they publish."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from emulator.rooms.happenings import LeaveReason, ParticipantKind

IMPORTED = "imported"
"""The `connection` of participants that came with a state document: they have no socket."""


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
    """Only an imported one can be without its times, or its session: then `session_id` and `room_id` are empty."""

    id: str
    session_id: str
    room_id: str
    context: str | None
    kind: ParticipantKind
    connection: str
    joined_at: datetime | None
    updated_at: datetime | None
    left_at: datetime | None = None
    left_reason: LeaveReason | None = None
    present: bool = True
    """In an active session now."""
    muted: bool = False
    """Muted by a moderator; covers streams published later, too."""
    streams: dict[str, Stream] = field(default_factory=dict)
    """By stream id."""
