"""What an account should do, written anew and as plainly as possible: the judge of `Account` in the machine tests.

Each command returns the events it must append, or raises `Refusal` with the kind of refusal. Only the vocabulary (event
and error types) is the emulator's own. Ids that an account draws itself are handed in, as read from its events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from emulator.events import Event
from emulator.rooms import happenings as h
from emulator.rooms.errors import Conflict, DomainError, Duplicate, Invalid, NotFound, RoomFull, SessionOver

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
