"""What an account should do, written anew and as plainly as possible: the judge of `Account` in the machine tests.

Each command returns the events it must append, or raises `Refusal` with the kind of refusal. Only the vocabulary (event
and error types) is the emulator's own. Ids that an account draws itself are handed in, as read from its events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from emulator.clock import iso_microseconds
from emulator.events import Event
from emulator.rooms import happenings as h
from emulator.rooms.errors import (
    Conflict,
    DomainError,
    Duplicate,
    Invalid,
    Missing,
    NoSuchAssociate,
    NotFound,
    RoomFull,
    SessionOver,
)

MAX_STREAMS = 16


class Refusal(Exception):
    def __init__(self, kind: type[DomainError]) -> None:
        super().__init__(kind.__name__)
        self.kind = kind


@dataclass
class ModelStream:
    key: str
    audio: bool
    video: bool
    announced: bool = False


@dataclass
class ModelPerson:
    """One participant's latest stay."""

    room_id: str
    session_id: str
    connection: str
    context: str | None
    joined_at: datetime
    left_at: datetime | None = None
    reason: str | None = None
    muted: bool = False
    streams: dict[str, ModelStream] = field(default_factory=dict)


@dataclass
class ModelRecording:
    """`here`: not imported."""

    place: tuple[str, str, str]
    kind: h.RecordingKind
    codec: str | None
    begun_at: datetime
    status: str = "processing"
    duration_secs: int | None = None
    size_mb: float | None = None
    ended_at: datetime | None = None
    here: bool = True


@dataclass
class ModelComposition:
    room_id: str | None
    session_id: str | None
    settings: dict[str, Any]
    asked_at: datetime
    status: str = "enqueued"
    duration_secs: int | None = None
    here: bool = True


@dataclass
class ModelSession:
    room_id: str
    started_at: datetime
    ended_at: datetime | None = None
    reason: str | None = None
    ever: list[str] = field(default_factory=list)


class AccountModel:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.rooms: dict[str, dict[str, Any]] = {}
        """Room id -> settings."""
        self.sessions: dict[str, ModelSession] = {}
        self.people: dict[str, ModelPerson] = {}
        self.recordings: dict[str, ModelRecording] = {}
        self.compositions: dict[str, ModelComposition] = {}

    # -- questions ------------------------------------------------------------------------------------------------

    def active_session(self, room_id: str) -> str | None:
        found = [i for i, session in self.sessions.items() if session.room_id == room_id and session.ended_at is None]
        assert len(found) <= 1, "the model itself has two active sessions in a room"
        return found[0] if found else None

    def present(self, session_id: str) -> list[str]:
        """In order of the first joining."""
        return [i for i in self.sessions[session_id].ever if self._is_in(i, session_id)]

    def _is_in(self, person_id: str, session_id: str) -> bool:
        person = self.people[person_id]
        return person.session_id == session_id and person.left_at is None

    # -- rooms ----------------------------------------------------------------------------------------------------

    def create_room(self, room_id: str, settings: dict[str, Any]) -> list[Event]:
        self._check(settings, owner=None)
        self.rooms[room_id] = dict(settings)
        return [h.RoomCreated(room_id, settings)]

    def update_room(self, room_id: str, changes: dict[str, Any]) -> list[Event]:
        self._check_room(room_id)
        changed = self.rooms[room_id] | changes
        self._check(changed, owner=room_id)
        self.rooms[room_id] = changed
        return [h.RoomUpdated(room_id, changes)]

    def delete_room(self, room_id: str) -> list[Event]:
        self._check_room(room_id)
        session_id = self.active_session(room_id)
        told = [] if session_id is None else self._end(session_id, "room_deleted", "Room deleted")
        del self.rooms[room_id]
        return [*told, h.RoomDeleted(room_id)]

    def _check_room(self, room_id: str) -> None:
        if room_id not in self.rooms:
            raise Refusal(NotFound)

    def _check(self, settings: dict[str, Any], *, owner: str | None) -> None:
        if settings["max_participants"] not in range(2, 51):
            raise Refusal(Invalid)
        name = settings["unique_name"]
        if name is not None and any(r["unique_name"] == name for i, r in self.rooms.items() if i != owner):
            raise Refusal(Duplicate)

    # -- coming and going -----------------------------------------------------------------------------------------

    def join(
        self, room_id: str, person_id: str, *, connection: str, context: str | None, new_session: str
    ) -> list[Event]:
        self._check_room(room_id)
        session_id = self.active_session(room_id)
        known = self.people.get(person_id)
        here = known is not None and known.left_at is None
        if known is not None and here and known.room_id != room_id:
            raise Refusal(Conflict)
        others = [i for i in self.present(session_id) if i != person_id] if session_id is not None else []
        if len(others) >= self.rooms[room_id]["max_participants"]:
            raise Refusal(RoomFull)
        told: list[Event] = []
        if session_id is None:
            session_id = new_session
            self.sessions[session_id] = ModelSession(room_id, self._now())
            told.append(h.SessionStarted(room_id, session_id))
        if here:
            told += self._leave(person_id, "replaced")
        self.people.pop(person_id, None)  # who comes last stands last
        self.people[person_id] = ModelPerson(room_id, session_id, connection, context, self._now())
        if person_id not in self.sessions[session_id].ever:
            self.sessions[session_id].ever.append(person_id)
        return [*told, h.ParticipantJoined(room_id, session_id, person_id, context, "web", connection)]

    def leave(self, person_id: str, *, connection: str, reason: h.LeaveReason) -> list[Event]:
        person = self.people.get(person_id)
        if person is None or person.left_at is not None or person.connection != connection:
            return []
        return self._leave(person_id, reason) + self._end_if_empty(person.session_id)

    def _leave(self, person_id: str, reason: h.LeaveReason) -> list[Event]:
        person = self.people[person_id]
        told: list[Event] = []
        for stream_id in list(person.streams):
            told += self.unpublish(person_id, stream_id)
        person.left_at, person.reason = self._now(), reason
        left = h.ParticipantLeft(person.room_id, person.session_id, person_id, person.connection, reason)
        return [*told, left]

    def _end_if_empty(self, session_id: str) -> list[Event]:
        if self.present(session_id) or self.sessions[session_id].ended_at is not None:
            return []
        return self._close(session_id, "Last participant left")

    def _end(self, session_id: str, leave_reason: h.LeaveReason, reason: str) -> list[Event]:
        told: list[Event] = []
        for person_id in self.present(session_id):
            told += self._leave(person_id, leave_reason)
        return told + self._close(session_id, reason)

    def _close(self, session_id: str, reason: str) -> list[Event]:
        session = self.sessions[session_id]
        session.ended_at, session.reason = self._now(), reason
        return [h.SessionEnded(session.room_id, session_id, reason)]

    # -- streams --------------------------------------------------------------------------------------------------

    def offer(
        self, person_id: str, stream_id: str, *, connection: str, key: str, audio: bool, video: bool
    ) -> list[Event]:
        person = self.people.get(person_id)
        if person is None or person.left_at is not None or person.connection != connection:
            raise Refusal(NotFound)
        if (
            stream_id in person.streams
            or key in [stream.key for stream in person.streams.values()]
            or len(person.streams) == MAX_STREAMS
        ):
            raise Refusal(Conflict)
        person.streams[stream_id] = ModelStream(key, audio, video)
        return [h.StreamOffered(person.room_id, person.session_id, person_id, stream_id, key, audio, video)]

    def announce(self, person_id: str, stream_id: str) -> list[Event]:
        person, stream = self._stream(person_id, stream_id)
        if person is None or stream is None or stream.announced:
            return []
        stream.announced = True
        return [h.StreamPublished(person.room_id, person.session_id, person_id, stream_id, stream.key)]

    def change(self, person_id: str, stream_id: str, *, audio: bool, video: bool) -> list[Event]:
        person, stream = self._stream(person_id, stream_id)
        if person is None or stream is None:
            raise Refusal(NotFound)
        if (stream.audio, stream.video) == (audio, video):
            return []
        stream.audio, stream.video = audio, video
        return [h.StreamChanged(person.room_id, person.session_id, person_id, stream_id, stream.key, audio, video)]

    def unpublish(self, person_id: str, stream_id: str) -> list[Event]:
        person, stream = self._stream(person_id, stream_id)
        if person is None or stream is None:
            return []
        del person.streams[stream_id]
        where = (person.room_id, person.session_id, person_id)
        return [h.StreamUnpublished(*where, stream_id, stream.key, stream.announced)]

    def _stream(self, person_id: str, stream_id: str) -> tuple[ModelPerson | None, ModelStream | None]:
        person = self.people.get(person_id)
        return person, None if person is None else person.streams.get(stream_id)

    def talk(self, person_id: str, stream_id: str | None, talking: bool) -> list[Event]:
        person = self.people.get(person_id)
        if person is None or person.left_at is not None:
            return []
        return [h.TalkingChanged(person.room_id, person.session_id, person_id, stream_id, talking)]

    # -- moderation -----------------------------------------------------------------------------------------------

    def end_session(self, session_id: str) -> list[Event]:
        self._check_session(session_id)
        return self._end(session_id, "session_ended", "Ended from API")

    def kick(self, session_id: str, targets: Any, exclude: Collection[str]) -> list[Event]:
        told: list[Event] = []
        for person_id in self._targets(session_id, targets, exclude):
            told += self._leave(person_id, "kicked")
        return told + self._end_if_empty(session_id)

    def mute(self, session_id: str, targets: Any, exclude: Collection[str], *, muted: bool) -> list[Event]:
        told: list[Event] = []
        kind = h.ParticipantMuted if muted else h.ParticipantUnmuted
        for person_id in self._targets(session_id, targets, exclude):
            person = self.people[person_id]
            if person.muted is not muted:
                person.muted = muted
                told.append(kind(person.room_id, session_id, person_id))
        return told

    def _targets(self, session_id: str, targets: Any, exclude: Collection[str]) -> list[str]:
        self._check_session(session_id)
        wanted: Collection[str] = self.people if targets == "all" else targets or ()
        return [i for i in self.present(session_id) if i in wanted and i not in exclude]

    def _check_session(self, session_id: str) -> None:
        if session_id not in self.sessions:
            raise Refusal(NotFound)
        if self.sessions[session_id].ended_at is not None:
            raise Refusal(SessionOver)

    # -- recordings -----------------------------------------------------------------------------------------------

    def start_recording(
        self, person_id: str, kind: h.RecordingKind, codec: str | None, *, new_recording: str
    ) -> list[Event]:
        person = self.people.get(person_id)
        if person is None or person.left_at is not None:
            raise Refusal(NotFound)
        place = (person.room_id, person.session_id, person_id)
        self.recordings[new_recording] = ModelRecording(place, kind, codec, self._now())
        return [h.RecordingStarted(*place, new_recording, kind, codec)]

    def complete_recording(self, recording_id: str, duration_secs: int, size_mb: float) -> list[Event]:
        self._check_recordings(recording_id)
        recording, now = self.recordings[recording_id], self._now()
        if recording.status != "processing":
            raise Refusal(Conflict)
        recording.status, recording.here = "completed", True
        recording.duration_secs, recording.size_mb, recording.ended_at = duration_secs, size_mb, now
        where, what = (*recording.place, recording_id), (recording.kind, recording.codec)
        return [h.RecordingCompleted(*where, *what, duration_secs, size_mb, iso_microseconds(now))]

    def delete_recordings(self, *recording_ids: str) -> list[Event]:
        self._check_recordings(*recording_ids)
        gone = list(dict.fromkeys(recording_ids))
        for recording_id in gone:
            del self.recordings[recording_id]
        return [h.RecordingDeleted(recording_id) for recording_id in gone]

    def _check_recordings(self, *recording_ids: str) -> None:
        if any(i not in self.recordings for i in recording_ids):
            raise Refusal(NotFound)

    # -- compositions ---------------------------------------------------------------------------------------------

    def enqueue(
        self, session_id: str | None, settings: dict[str, Any], *, required: bool, new_composition: str
    ) -> list[Event]:
        if session_id is None and required:
            raise Refusal(Missing)
        if session_id is not None and session_id not in self.sessions:
            raise Refusal(NoSuchAssociate)
        room_id = None if session_id is None else self.sessions[session_id].room_id
        self.compositions[new_composition] = ModelComposition(room_id, session_id, settings, self._now())
        return [h.CompositionEnqueued(new_composition, room_id, session_id, settings)]

    def start_composition(self, composition_id: str) -> list[Event]:
        self._check_composition(composition_id, "enqueued").status = "processing"
        return [h.CompositionProcessing(composition_id)]

    def complete_composition(self, composition_id: str, duration_secs: int) -> list[Event]:
        composition = self._check_composition(composition_id, "processing")
        composition.status, composition.duration_secs, composition.here = "completed", duration_secs, True
        now = iso_microseconds(self._now())
        return [h.CompositionCompleted(composition_id, duration_secs, 0.5, now, now)]

    def delete_composition(self, composition_id: str) -> list[Event]:
        if composition_id not in self.compositions:
            raise Refusal(NotFound)
        del self.compositions[composition_id]
        return [h.CompositionDeleted(composition_id)]

    def _check_composition(self, composition_id: str, status: str) -> ModelComposition:
        composition = self.compositions.get(composition_id)
        if composition is None:
            raise Refusal(NotFound)
        if composition.status != status:
            raise Refusal(Conflict)
        return composition

    # -- the whole state ------------------------------------------------------------------------------------------

    def load_own(self, document: dict[str, Any]) -> list[Event]:
        """Its own state, loaded again: what REST does not show is forgotten, and nobody has a socket any more."""
        sessions, people = deepcopy(self.sessions), deepcopy(self.people)
        told = self._end_everything()
        for person in people.values():
            person.streams, person.muted, person.connection, person.reason = {}, False, "imported", None
            person.context = person.context or None
        for session_id, session in sessions.items():
            session.reason = None
            session.ever = [i for i, person in people.items() if person.session_id == session_id]
        self.sessions, self.people = sessions, people
        for recording in self.recordings.values():
            recording.here = False
        for composition in self.compositions.values():
            composition.here = False
        return [*told, h.StateLoaded(document)]

    def reset(self) -> list[Event]:
        told = self._end_everything()
        for records in (self.rooms, self.sessions, self.people, self.recordings, self.compositions):
            records.clear()
        kinds = ("rooms", *(f"room_{kind}" for kind in ("sessions", "participants", "recordings", "compositions")))
        return [*told, h.StateLoaded({name: [] for name in (*kinds, "refresh_tokens")})]

    def _end_everything(self) -> list[Event]:
        told: list[Event] = []
        for session_id in [i for i, session in self.sessions.items() if session.ended_at is None]:
            told += self._end(session_id, "session_ended", "State replaced")
        return told
