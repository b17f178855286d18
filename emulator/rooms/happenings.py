"""Every event of the domain. Replaying them in order gives the same state (`Records.apply`)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from emulator.events import Event
from emulator.values import value_class

LeaveReason = Literal[
    "left",
    "lost",
    "timed_out",
    "kicked",
    "session_ended",
    "room_deleted",
    "replaced",
    "token_expired",
    "server_restarted",
]
ParticipantKind = Literal["web", "telephone"]
RecordingKind = Literal["audio", "video"]


@value_class(frozen=True, slots=True)
class RoomEvent(Event):
    """Base of all of them: the room is known for each."""

    room_id: str


@value_class(frozen=True, slots=True)
class SessionEvent(RoomEvent):
    session_id: str


@value_class(frozen=True, slots=True)
class ParticipantEvent(SessionEvent):
    participant_id: str


@value_class(frozen=True, slots=True)
class StreamEvent(ParticipantEvent):
    stream_id: str
    key: str


@value_class(frozen=True, slots=True)
class RoomCreated(RoomEvent):
    type: ClassVar[str] = "room_created"
    settings: dict[str, Any]


@value_class(frozen=True, slots=True)
class RoomUpdated(RoomEvent):
    """`changes` holds only what was sent."""

    type: ClassVar[str] = "room_updated"
    changes: dict[str, Any]


@value_class(frozen=True, slots=True)
class RoomDeleted(RoomEvent):
    type: ClassVar[str] = "room_deleted"


@value_class(frozen=True, slots=True)
class SessionStarted(SessionEvent):
    type: ClassVar[str] = "session_started"


@value_class(frozen=True, slots=True)
class SessionEnded(SessionEvent):
    type: ClassVar[str] = "session_ended"
    reason: str


@value_class(frozen=True, slots=True)
class ParticipantJoined(ParticipantEvent):
    """`connection` tells two connections of the same participant id apart."""

    type: ClassVar[str] = "participant_joined"
    context: str | None
    kind: ParticipantKind
    connection: str


@value_class(frozen=True, slots=True)
class ParticipantLeft(ParticipantEvent):
    type: ClassVar[str] = "participant_left"
    connection: str
    reason: LeaveReason


@value_class(frozen=True, slots=True)
class ParticipantMuted(ParticipantEvent):
    type: ClassVar[str] = "participant_muted"


@value_class(frozen=True, slots=True)
class ParticipantUnmuted(ParticipantEvent):
    type: ClassVar[str] = "participant_unmuted"


@value_class(frozen=True, slots=True)
class StreamOffered(StreamEvent):
    """A publisher's offer was accepted; its connection is not up yet, nobody else knows."""

    type: ClassVar[str] = "stream_offered"
    audio_enabled: bool
    video_enabled: bool


@value_class(frozen=True, slots=True)
class StreamPublished(StreamEvent):
    """The connection is up: the stream is announced (signaling.md 5.4, rule 6)."""

    type: ClassVar[str] = "stream_published"


@value_class(frozen=True, slots=True)
class StreamChanged(StreamEvent):
    type: ClassVar[str] = "stream_changed"
    audio_enabled: bool
    video_enabled: bool


@value_class(frozen=True, slots=True)
class StreamUnpublished(StreamEvent):
    """`announced` is false for a stream whose connection never came up."""

    type: ClassVar[str] = "stream_unpublished"
    announced: bool


@value_class(frozen=True, slots=True)
class TalkingChanged(ParticipantEvent):
    """Somebody began or stopped to talk: in a stream of theirs, or (`stream_id` None) in the mixed audio."""

    type: ClassVar[str] = "talking_changed"
    transient: ClassVar[bool] = True
    stream_id: str | None
    talking: bool


@value_class(frozen=True, slots=True)
class RecordingStarted(ParticipantEvent):
    """A track of a participant is being written to a file from now on (rest-and-webhooks.md 4, "Recording")."""

    type: ClassVar[str] = "recording_started"
    recording_id: str
    kind: RecordingKind
    codec: str | None
    moment: float | None = None
    """When it began, on a clock that all recordings of the session share, in seconds: the account's may stand still."""


@value_class(frozen=True, slots=True)
class RecordingCompleted(ParticipantEvent):
    """The file is ready. `ended_at`: the account's time of the last recorded moment, ISO 8601."""

    type: ClassVar[str] = "recording_completed"
    recording_id: str
    kind: RecordingKind
    codec: str | None
    duration_secs: int
    size_mb: float
    ended_at: str
    length: float | None = None
    """Seconds of media in the file, exactly."""


@value_class(frozen=True, slots=True)
class RecordingDeleted(Event):
    type: ClassVar[str] = "recording_deleted"
    recording_id: str


@value_class(frozen=True, slots=True)
class CompositionEnqueued(Event):
    """Asked for and accepted. `settings`: the body's fields, defaults filled in; ids are None where lenient (R-97)."""

    type: ClassVar[str] = "composition_enqueued"
    composition_id: str
    room_id: str | None
    session_id: str | None
    settings: dict[str, Any]


@value_class(frozen=True, slots=True)
class CompositionProcessing(Event):
    type: ClassVar[str] = "composition_processing"
    composition_id: str


@value_class(frozen=True, slots=True)
class CompositionCompleted(Event):
    """The film is ready. `started_at` and `ended_at` bound the composed media, ISO 8601."""

    type: ClassVar[str] = "composition_completed"
    composition_id: str
    duration_secs: int
    size_mb: float
    started_at: str
    ended_at: str


@value_class(frozen=True, slots=True)
class CompositionDeleted(Event):
    type: ClassVar[str] = "composition_deleted"
    composition_id: str


@value_class(frozen=True, slots=True)
class StateLoaded(Event):
    """The whole state was replaced by a document (design.md, "The spine"); an empty one is a reset."""

    type: ClassVar[str] = "state_loaded"
    document: dict[str, Any]


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
        RecordingStarted,
        RecordingCompleted,
        RecordingDeleted,
        CompositionEnqueued,
        CompositionProcessing,
        CompositionCompleted,
        CompositionDeleted,
        StateLoaded,
    )
}
