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
class RoomEvent(Event):
    """Base of all of them: the room is known for each."""

    room_id: str


@dataclass(frozen=True, slots=True)
class SessionEvent(RoomEvent):
    session_id: str


@dataclass(frozen=True, slots=True)
class ParticipantEvent(SessionEvent):
    participant_id: str


@dataclass(frozen=True, slots=True)
class StreamEvent(ParticipantEvent):
    stream_id: str
    key: str


@dataclass(frozen=True, slots=True)
class RoomCreated(RoomEvent):
    type: ClassVar[str] = "room_created"
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RoomUpdated(RoomEvent):
    """`changes` holds only what was sent."""

    type: ClassVar[str] = "room_updated"
    changes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RoomDeleted(RoomEvent):
    type: ClassVar[str] = "room_deleted"


@dataclass(frozen=True, slots=True)
class SessionStarted(SessionEvent):
    type: ClassVar[str] = "session_started"


@dataclass(frozen=True, slots=True)
class SessionEnded(SessionEvent):
    type: ClassVar[str] = "session_ended"
    reason: str


@dataclass(frozen=True, slots=True)
class ParticipantJoined(ParticipantEvent):
    """`connection` tells two connections of the same participant id apart."""

    type: ClassVar[str] = "participant_joined"
    context: str | None
    kind: ParticipantKind
    connection: str


@dataclass(frozen=True, slots=True)
class ParticipantLeft(ParticipantEvent):
    type: ClassVar[str] = "participant_left"
    connection: str
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class ParticipantMuted(ParticipantEvent):
    type: ClassVar[str] = "participant_muted"


@dataclass(frozen=True, slots=True)
class ParticipantUnmuted(ParticipantEvent):
    type: ClassVar[str] = "participant_unmuted"


@dataclass(frozen=True, slots=True)
class StreamOffered(StreamEvent):
    """A publisher's offer was accepted; its connection is not up yet, nobody else knows."""

    type: ClassVar[str] = "stream_offered"
    audio_enabled: bool
    video_enabled: bool


@dataclass(frozen=True, slots=True)
class StreamPublished(StreamEvent):
    """The connection is up: the stream is announced (signaling.md 5.4, rule 6)."""

    type: ClassVar[str] = "stream_published"


@dataclass(frozen=True, slots=True)
class StreamChanged(StreamEvent):
    type: ClassVar[str] = "stream_changed"
    audio_enabled: bool
    video_enabled: bool


@dataclass(frozen=True, slots=True)
class StreamUnpublished(StreamEvent):
    """`announced` is false for a stream whose connection never came up."""

    type: ClassVar[str] = "stream_unpublished"
    announced: bool


@dataclass(frozen=True, slots=True)
class TalkingChanged(ParticipantEvent):
    """Somebody began or stopped to talk: in a stream of theirs, or (`stream_id` None) in the mixed audio."""

    type: ClassVar[str] = "talking_changed"
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
