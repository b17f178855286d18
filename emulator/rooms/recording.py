"""A recording: one track of one participant, as a file (rest-and-webhooks.md, sections 3 and 4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from emulator.rooms.happenings import RecordingKind

RecordingStatus = Literal["processing", "completed"]


@dataclass(slots=True)
class Recording:
    """One that was imported may lack nearly anything: None is left out of answers."""

    id: str
    kind: RecordingKind | None = None
    status: RecordingStatus | None = None
    room_id: str | None = None
    session_id: str | None = None
    participant_id: str | None = None
    codec: str | None = None
    duration_secs: int | None = None
    size_mb: float | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    """The last recorded moment; known once the recording is completed."""
    completed_at: datetime | None = None
    """When the file was ready."""
    updated_at: datetime | None = None
    download_url: str | None = None
    """Only of an imported one: shown as it came."""
    moment: float | None = None
    """When it began, in seconds of a clock that all recordings of the session share."""
    length: float | None = None
    """Seconds of media, exactly."""
    made_here: bool = False
    """Made by this emulator, not imported: once completed there is a file of it, or has been."""
