"""An account's records, changed by events and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from emulator.events import Event, Record
from emulator.rooms import happenings as h
from emulator.rooms.participant import Participant, Stream
from emulator.rooms.room import Room, RoomSettings
from emulator.rooms.session import Session


@dataclass(slots=True)
class Records:
    """All resources by id; ids are unique per kind (R-4). Insertion order is order of creation."""

    rooms: dict[str, Room] = field(default_factory=dict)
    rooms_by_name: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    participants: dict[str, Participant] = field(default_factory=dict)

    def apply(self, record: Record) -> None:
        """Change the state as the event says. Replaying a log from the start rebuilds it."""
        event: Event = record.event
        at = record.at
        match event:
            case h.RoomCreated():
                settings = RoomSettings(**event.settings)
                self.rooms[event.room_id] = Room(event.room_id, settings, created_at=at, updated_at=at)
                if settings.unique_name is not None:
                    self.rooms_by_name[settings.unique_name] = event.room_id
            case h.RoomUpdated():
                self._update_room(event, at)
            case h.RoomDeleted():
                room = self.rooms.pop(event.room_id)
                if room.settings.unique_name is not None:
                    del self.rooms_by_name[room.settings.unique_name]
            case h.SessionStarted():
                self.sessions[event.session_id] = Session(event.session_id, event.room_id, created_at=at, updated_at=at)
                room = self.rooms[event.room_id]
                room.active_session_id = event.session_id
                room.session_ids.append(event.session_id)
            case h.SessionEnded():
                session = self.sessions[event.session_id]
                session.ended_at = session.updated_at = at
                session.ended_reason = event.reason
                self.rooms[event.room_id].active_session_id = None
            case h.ParticipantJoined():
                self._join(event, at)
            case h.ParticipantLeft():
                participant = self.participants[event.participant_id]
                participant.left_at = participant.updated_at = at
                participant.left_reason = event.reason
                self.sessions[event.session_id].updated_at = at
            case h.ParticipantMuted() | h.ParticipantUnmuted():
                participant = self.participants[event.participant_id]
                participant.muted = isinstance(event, h.ParticipantMuted)
                participant.updated_at = at
            case h.StreamOffered():
                self.participants[event.participant_id].streams[event.stream_id] = Stream(
                    event.stream_id, event.key, event.audio_enabled, event.video_enabled
                )
            case h.StreamPublished():
                self.participants[event.participant_id].streams[event.stream_id].announced = True
            case h.StreamChanged():
                stream = self.participants[event.participant_id].streams[event.stream_id]
                stream.audio_enabled, stream.video_enabled = event.audio_enabled, event.video_enabled
            case h.StreamUnpublished():
                del self.participants[event.participant_id].streams[event.stream_id]
            case h.TalkingChanged():
                pass  # of the moment: no record keeps it
            case _:
                raise TypeError(f"records know no event of the type {event.type!r}")

    def _update_room(self, event: h.RoomUpdated, at: datetime) -> None:
        room = self.rooms[event.room_id]
        before = room.settings.unique_name
        room.settings = room.settings.changed(event.changes)
        room.updated_at = at
        after = room.settings.unique_name
        if before != after:
            if before is not None:
                del self.rooms_by_name[before]
            if after is not None:
                self.rooms_by_name[after] = room.id

    def _join(self, event: h.ParticipantJoined, at: datetime) -> None:
        session = self.sessions[event.session_id]
        session.updated_at = at
        if event.participant_id not in session.participant_ids:
            session.participant_ids.append(event.participant_id)
        # Coming back moves a participant to the end: insertion order stays order of joining.
        self.participants.pop(event.participant_id, None)
        self.participants[event.participant_id] = Participant(
            id=event.participant_id,
            session_id=event.session_id,
            room_id=event.room_id,
            context=event.context,
            kind=event.kind,
            connection=event.connection,
            joined_at=at,
            updated_at=at,
        )

    def present(self, session: Session) -> list[Participant]:
        """Who is in the session now, in the order in which they first came."""
        found = (self.participants[participant_id] for participant_id in session.participant_ids)
        return [p for p in found if p.present and p.session_id == session.id]
