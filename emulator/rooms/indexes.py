"""What the lists of an account are read from: one index for each kind of resource."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from emulator.rooms.composition import Composition
from emulator.rooms.index import Index
from emulator.rooms.participant import Participant
from emulator.rooms.recording import Recording
from emulator.rooms.room import Room
from emulator.rooms.session import Session


def _room_of(session: Session) -> str | None:
    return session.room_id or None


def _room_and_active(session: Session) -> tuple[str, bool]:
    return session.room_id, session.active


def _session_of(participant: Participant) -> str | None:
    return participant.session_id or None


class Indexes:
    """Whoever changes one of the records files it again."""

    def __init__(
        self,
        rooms: Iterable[Room],
        sessions: Iterable[Session],
        participants: Iterable[Participant],
        recordings: Iterable[Recording],
        compositions: Iterable[Composition],
    ) -> None:
        # Module-level functions and attrgetter, no lambdas: records can be pickled.
        self.rooms: Index[Room] = Index(attrgetter("created_at"))
        self.sessions: Index[Session] = Index(
            attrgetter("created_at"), room_id=_room_of, active=attrgetter("active"), room_and_active=_room_and_active
        )
        self.participants: Index[Participant] = Index(
            attrgetter("joined_at"), session_id=_session_of, context=attrgetter("context")
        )
        self.recordings: Index[Recording] = Index(
            attrgetter("created_at"),
            **{name: attrgetter(name) for name in ("room_id", "session_id", "participant_id", "status", "kind")},
        )
        self.compositions: Index[Composition] = Index(
            attrgetter("created_at"), session_id=attrgetter("session_id"), status=attrgetter("status")
        )
        self.rooms.fill(rooms)
        self.sessions.fill(sessions)
        self.participants.fill(participants)
        self.recordings.fill(recordings)
        self.compositions.fill(compositions)
