"""Who is there: commands about coming, going and moderation."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from emulator.rooms import happenings as h
from emulator.rooms.errors import Conflict, RoomFull, SessionOver
from emulator.rooms.ledger import command, fact
from emulator.rooms.participant import Participant
from emulator.rooms.session import Session
from emulator.rooms.stream_commands import StreamCommands

Targets = Literal["all"] | Collection[str]


class SessionCommands(StreamCommands):
    @command
    def join(
        self,
        room_id: str,
        participant_id: str,
        *,
        context: str | None,
        connection: str,
        kind: h.ParticipantKind = "web",
    ) -> Participant:
        """Enter a room; the first to come starts a session (R-71).

        The same participant again replaces the older connection, and does not count twice. Raises NotFound for the
        room, RoomFull, and Conflict when the participant is present in another room.
        """
        room = self.room(room_id)
        session = self.records.sessions[room.active_session_id] if room.active_session_id else None
        known = self.records.participants.get(participant_id)
        again = known is not None and known.present
        if again and known is not None and known.room_id != room_id:
            raise Conflict(f"The participant {participant_id!r} is present in another room ({known.room_id}).")
        others = [p for p in self.records.present(session) if p.id != participant_id] if session else []
        if len(others) >= room.settings.capacity:
            raise RoomFull(room.settings.capacity)
        if session is None:
            session_id = self.new_id()
            self._tell(h.SessionStarted(room_id, session_id))
            session = self.records.sessions[session_id]
        if again and known is not None:
            self._leave(known, "replaced")
        self._tell(h.ParticipantJoined(room_id, session.id, participant_id, context, kind, connection))
        return self.records.participants[participant_id]

    @fact
    def leave(self, participant_id: str, *, connection: str, reason: h.LeaveReason) -> None:
        """A connection has gone. Without effect if that participant has left already or came in anew since."""
        participant = self.records.participants.get(participant_id)
        if participant is None or not participant.present or participant.connection != connection:
            return
        session = self.records.sessions[participant.session_id]
        self._leave(participant, reason)
        self._end_if_empty(session)

    def _leave(self, participant: Participant, reason: h.LeaveReason) -> None:
        for stream in tuple(participant.streams.values()):
            self._unpublish(participant, stream)
        self._tell(
            h.ParticipantLeft(
                participant.room_id, participant.session_id, participant.id, participant.connection, reason
            )
        )

    def _end_if_empty(self, session: Session) -> None:
        if session.active and not self.records.present(session):
            self._tell(h.SessionEnded(session.room_id, session.id, "Last participant left"))

    # -- moderation -----------------------------------------------------------------------------------------------

    @command
    def end_session(self, session_id: str, *, reason: str = "Ended from API") -> None:
        """Throws everyone out and ends the session. Raises NotFound, SessionOver (R-75)."""
        self._end(self._active(session_id), "session_ended", reason)

    @command
    def kick(self, session_id: str, participants: Targets | None, exclude: Collection[str] = ()) -> None:
        """Throw out the target set (R-77); when nobody is left the session ends (R-79)."""
        session = self._active(session_id)
        targets = self._targets(session, participants, exclude)
        for participant in targets:
            self._leave(participant, "kicked")
        if targets:  # an imported session may be active with nobody in it, and stays so
            self._end_if_empty(session)

    @command
    def mute(self, session_id: str, participants: Targets | None, exclude: Collection[str] = ()) -> None:
        """Silence the target set (R-80); idempotent (R-81)."""
        for participant in self._targets(self._active(session_id), participants, exclude):
            if not participant.muted:
                self._tell(h.ParticipantMuted(participant.room_id, session_id, participant.id))

    @command
    def unmute(self, session_id: str, participants: Targets | None, exclude: Collection[str] = ()) -> None:
        for participant in self._targets(self._active(session_id), participants, exclude):
            if participant.muted:
                self._tell(h.ParticipantUnmuted(participant.room_id, session_id, participant.id))

    def _active(self, session_id: str) -> Session:
        session = self.session(session_id)
        if not session.active:
            raise SessionOver
        return session

    def _targets(self, session: Session, participants: Targets | None, exclude: Collection[str]) -> list[Participant]:
        """`participants` minus `exclude`; ids that are not in the session are ignored (section 4)."""
        if participants is None:
            return []
        present = self.records.present(session)
        excluded = frozenset(exclude)
        wanted = None if participants == "all" else frozenset(participants)
        return [p for p in present if p.id not in excluded and (wanted is None or p.id in wanted)]

    def _end(self, session: Session, leave_reason: h.LeaveReason, reason: str) -> None:
        for participant in self.records.present(session):
            self._leave(participant, leave_reason)
        self._tell(h.SessionEnded(session.room_id, session.id, reason))
