"""Every event of the domain. Replaying them in order gives the same state (`Records.apply`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from emulator.events import Event

LeaveReason = Literal[
    "left", "lost", "timed_out", "kicked", "session_ended", "room_deleted", "replaced", "token_expired"
]
ParticipantKind = Literal["web", "telephone"]


@dataclass(frozen=True, slots=True)
class RoomCreated(Event):
    type: ClassVar[str] = "room_created"
    room_id: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RoomUpdated(Event):
    """`changes` holds only what was sent."""

    type: ClassVar[str] = "room_updated"
    room_id: str
    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RoomDeleted(Event):
    type: ClassVar[str] = "room_deleted"
    room_id: str


@dataclass(frozen=True, slots=True)
class SessionStarted(Event):
    type: ClassVar[str] = "session_started"
    room_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class SessionEnded(Event):
    type: ClassVar[str] = "session_ended"
    room_id: str
    session_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ParticipantJoined(Event):
    """`connection` tells two connections of the same participant id apart."""

    type: ClassVar[str] = "participant_joined"
    room_id: str
    session_id: str
    participant_id: str
    context: str | None
    kind: ParticipantKind
    connection: str


@dataclass(frozen=True, slots=True)
class ParticipantLeft(Event):
    type: ClassVar[str] = "participant_left"
    room_id: str
    session_id: str
    participant_id: str
    connection: str
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class ParticipantMuted(Event):
    type: ClassVar[str] = "participant_muted"
    room_id: str
    session_id: str
    participant_id: str


@dataclass(frozen=True, slots=True)
class ParticipantUnmuted(Event):
    type: ClassVar[str] = "participant_unmuted"
    room_id: str
    session_id: str
    participant_id: str


@dataclass(frozen=True, slots=True)
class StreamOffered(Event):
    """A publisher's offer was accepted; its connection is not up yet, nobody else knows."""

    type: ClassVar[str] = "stream_offered"
    room_id: str
    session_id: str
    participant_id: str
    stream_id: str
    key: str
    audio_enabled: bool
    video_enabled: bool


@dataclass(frozen=True, slots=True)
class StreamPublished(Event):
    """The connection is up: the stream is announced (signaling.md 5.4, rule 6)."""

    type: ClassVar[str] = "stream_published"
    room_id: str
    session_id: str
    participant_id: str
    stream_id: str
    key: str


@dataclass(frozen=True, slots=True)
class StreamChanged(Event):
    type: ClassVar[str] = "stream_changed"
    room_id: str
    session_id: str
    participant_id: str
    stream_id: str
    key: str
    audio_enabled: bool
    video_enabled: bool


@dataclass(frozen=True, slots=True)
class StreamUnpublished(Event):
    """`announced` is false for a stream whose connection never came up."""

    type: ClassVar[str] = "stream_unpublished"
    room_id: str
    session_id: str
    participant_id: str
    stream_id: str
    key: str
    announced: bool


@dataclass(frozen=True, slots=True)
class TalkingChanged(Event):
    """Somebody began or stopped to talk: in a stream of theirs, or (`stream_id` None) in the mixed audio."""

    type: ClassVar[str] = "talking_changed"
    room_id: str
    session_id: str
    participant_id: str
    stream_id: str | None
    talking: bool


EVENT_TYPES: dict[str, type[Event]] = {
    kind.type: kind
    for kind in (
        RoomCreated,
        RoomUpdated,
        RoomDeleted,
        SessionStarted,
        SessionEnded,
        ParticipantJoined,
        ParticipantLeft,
        ParticipantMuted,
        ParticipantUnmuted,
        StreamOffered,
        StreamPublished,
        StreamChanged,
        StreamUnpublished,
        TalkingChanged,
    )
}
