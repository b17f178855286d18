"""An account's records, changed by events and by nothing else."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import datetime

from emulator.events import Event, Record
from emulator.rooms import document
from emulator.rooms import happenings as h
from emulator.rooms.composition import Composition, CompositionSettings
from emulator.rooms.indexes import Indexes
from emulator.rooms.participant import Participant, Stream
from emulator.rooms.recording import Recording
from emulator.rooms.room import Room, RoomSettings
from emulator.rooms.session import Session
from emulator.rooms.state import State


@dataclass
class Records:
    """All resources by id; ids are unique per kind (R-4).

    The fields are the state, and are what a snapshot keeps; the indexes follow from them.
    """

    rooms: dict[str, Room] = field(default_factory=dict)
    rooms_by_name: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    participants: dict[str, Participant] = field(default_factory=dict)
    """Insertion order is order of joining."""
    recordings: dict[str, Recording] = field(default_factory=dict)
    compositions: dict[str, Composition] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    """Literal strings, from a state document, that are refresh tokens -> the room they open (R-117)."""

    def __post_init__(self) -> None:
        self._build_indexes()

    def _build_indexes(self) -> None:
        self.indexes = Indexes(
            self.rooms.values(),
            self.sessions.values(),
            self.participants.values(),
            self.recordings.values(),
            self.compositions.values(),
        )

    def apply(self, record: Record) -> None:
        """Change the state as the event says. Replaying a log from the start rebuilds it."""
        event: Event = record.event
        at = record.at
        match event:
            case h.RoomCreated() | h.RoomUpdated() | h.RoomDeleted():
                self._apply_to_room(event, at)
            case h.SessionStarted() | h.SessionEnded():
                self._apply_to_session(event, at)
            case h.ParticipantJoined():
                self._join(event, at)
            case h.ParticipantLeft():
                participant = self.participants[event.participant_id]
                participant.left_at = participant.updated_at = at
                participant.left_reason = event.reason
                participant.present = False
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
            case h.RecordingStarted() | h.RecordingCompleted() | h.RecordingDeleted():
                self._apply_to_recording(event, at)
            case (
                h.CompositionEnqueued() | h.CompositionProcessing() | h.CompositionCompleted() | h.CompositionDeleted()
            ):
                self._apply_to_composition(event, at)
            case h.StateLoaded():
                self._load(document.parse(event.document))
            case _:
                raise TypeError(f"records know no event of the type {event.type!r}")

    def _apply_to_room(self, event: h.RoomCreated | h.RoomUpdated | h.RoomDeleted, at: datetime) -> None:
        if isinstance(event, h.RoomCreated):
            room = Room(event.room_id, RoomSettings(**event.settings), created_at=at, updated_at=at)
            self.rooms[room.id] = room
            self.indexes.rooms.put(room)
            self._rename(room.id, None, room.settings.unique_name)
        elif isinstance(event, h.RoomUpdated):
            room = self.rooms[event.room_id]
            before = room.settings.unique_name
            room.settings = room.settings.changed(event.changes)
            room.updated_at = at
            self._rename(room.id, before, room.settings.unique_name)
        else:
            room = self.rooms.pop(event.room_id)
            self.indexes.rooms.drop(room.id)
            self._rename(room.id, room.settings.unique_name, None)
            for token in [token for token, room_id in self.refresh_tokens.items() if room_id == room.id]:
                del self.refresh_tokens[token]

    def _rename(self, room_id: str, before: str | None, after: str | None) -> None:
        if before == after:
            return
        if before is not None:
            del self.rooms_by_name[before]
        if after is not None:
            self.rooms_by_name[after] = room_id

    def _apply_to_session(self, event: h.SessionStarted | h.SessionEnded, at: datetime) -> None:
        room = self.rooms.get(event.room_id)  # an imported session may have none
        if isinstance(event, h.SessionStarted):
            session = Session(event.session_id, event.room_id, created_at=at, updated_at=at)
            self.sessions[session.id] = session
        else:
            session = self.sessions[event.session_id]
            session.ended_at = session.updated_at = at
            session.ended_reason = event.reason
            session.active = False
        self.indexes.sessions.put(session)
        if room is not None:
            room.active_session_id = session.id if session.active else None

    def _join(self, event: h.ParticipantJoined, at: datetime) -> None:
        session = self.sessions[event.session_id]
        session.updated_at = at
        if event.participant_id not in session.participant_ids:
            session.participant_ids.append(event.participant_id)
        # Coming back moves a participant to the end: insertion order stays order of joining.
        self.participants.pop(event.participant_id, None)
        participant = self.participants[event.participant_id] = Participant(
            id=event.participant_id,
            session_id=event.session_id,
            room_id=event.room_id,
            context=event.context,
            kind=event.kind,
            connection=event.connection,
            joined_at=at,
            updated_at=at,
        )
        self.indexes.participants.put(participant)

    def _apply_to_recording(
        self, event: h.RecordingStarted | h.RecordingCompleted | h.RecordingDeleted, at: datetime
    ) -> None:
        if isinstance(event, h.RecordingDeleted):
            del self.recordings[event.recording_id]
            self.indexes.recordings.drop(event.recording_id)
            return
        if isinstance(event, h.RecordingStarted):
            recording = self.recordings[event.recording_id] = Recording(
                event.recording_id,
                kind=event.kind,
                room_id=event.room_id,
                session_id=event.session_id,
                participant_id=event.participant_id,
                created_at=at,
                started_at=at,
                moment=event.moment,
            )
            recording.status = "processing"
        else:
            recording = self.recordings[event.recording_id]
            recording.status = "completed"
            recording.duration_secs, recording.size_mb = event.duration_secs, event.size_mb
            recording.ended_at, recording.completed_at = datetime.fromisoformat(event.ended_at), at
            recording.length = event.length
        recording.codec, recording.updated_at, recording.made_here = event.codec, at, True
        self.indexes.recordings.put(recording)

    def _apply_to_composition(
        self,
        event: h.CompositionEnqueued | h.CompositionProcessing | h.CompositionCompleted | h.CompositionDeleted,
        at: datetime,
    ) -> None:
        if isinstance(event, h.CompositionDeleted):
            del self.compositions[event.composition_id]
            self.indexes.compositions.drop(event.composition_id)
            return
        if isinstance(event, h.CompositionEnqueued):
            composition = self.compositions[event.composition_id] = Composition(
                event.composition_id,
                CompositionSettings(**copy.deepcopy(event.settings)),
                room_id=event.room_id,
                session_id=event.session_id,
                created_at=at,
                made_here=True,
            )
            composition.status = "enqueued"
        elif isinstance(event, h.CompositionProcessing):
            composition = self.compositions[event.composition_id]
            composition.status = "processing"
        else:
            composition = self.compositions[event.composition_id]
            composition.status = "completed"
            composition.duration_secs, composition.size_mb = event.duration_secs, event.size_mb
            composition.started_at = datetime.fromisoformat(event.started_at)
            composition.ended_at = datetime.fromisoformat(event.ended_at)
            composition.completed_at, composition.made_here = at, True
        composition.updated_at = at
        self.indexes.compositions.put(composition)

    def _load(self, state: State) -> None:
        """Be this state, and nothing of what was."""
        self.rooms = {room.id: room for room in state.rooms}
        self.rooms_by_name = {r.settings.unique_name: r.id for r in state.rooms if r.settings.unique_name is not None}
        self.sessions = {session.id: session for session in state.sessions}
        self.participants = {participant.id: participant for participant in state.participants}
        self.recordings = {recording.id: recording for recording in state.recordings}
        self.compositions = {composition.id: composition for composition in state.compositions}
        self.refresh_tokens = dict(state.refresh_tokens)
        self._build_indexes()

    def state(self) -> State:
        """All of it as plain lists."""
        return State(
            rooms=list(self.rooms.values()),
            sessions=list(self.sessions.values()),
            participants=list(self.participants.values()),
            recordings=list(self.recordings.values()),
            compositions=list(self.compositions.values()),
            refresh_tokens=self.refresh_tokens,
        )

    def present(self, session: Session) -> list[Participant]:
        """Who is in the session now, in the order in which they first came."""
        found = (self.participants[participant_id] for participant_id in session.participant_ids)
        return [p for p in found if p.present and p.session_id == session.id]
