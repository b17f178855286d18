"""An account: commands that check, change and tell.

Every command is synchronous. It checks first and raises a `DomainError` before anything has changed; then it appends
events, and the records change as the events say. Subscribers hear of them before the caller gets its reply.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from emulator.clock import Clock
from emulator.events import Event, EventLog
from emulator.rooms import happenings as h
from emulator.rooms.errors import Conflict, Duplicate, Invalid, NotFound, RoomFull, SessionOver
from emulator.rooms.participant import Participant, Stream
from emulator.rooms.records import Records
from emulator.rooms.room import MAX_PARTICIPANTS_RANGE, WEBHOOK_TIMEOUT_RANGE, Room, RoomSettings
from emulator.rooms.session import Session

P = ParamSpec("P")
R = TypeVar("R")

MAX_STREAMS_PER_PARTICIPANT = 16
"""Bound on what one client can make the server hold; the SDK itself has no limit."""

Targets = Literal["all"] | Collection[str]


def _command(
    method: Callable[Concatenate[Account, P], R],
) -> Callable[Concatenate[Account, P], R]:
    @wraps(method)
    def run(self: Account, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.log.command():
            return method(self, *args, **kwargs)

    return run


class Account:
    """One API key's world. `id` is the user id in its tokens' subjects; it is never seeded."""

    def __init__(self, account_id: str, *, clock: Clock, rng: random.Random) -> None:
        self.id = account_id
        self.clock = clock
        self.rng = rng
        self.log = EventLog(clock)
        self.records = Records()
        self._connections = 0
        # Tokens draw from a source of their own: how many were asked for must not change the ids of rooms and sessions.
        self._token_rng = random.Random(rng.getrandbits(128))

    def now(self) -> datetime:
        return self.clock.now()

    def new_id(self) -> str:
        """A UUID v4 from the account's own generator."""
        return _uuid4(self.rng)

    def new_token_id(self) -> str:
        """The same for a token."""
        return _uuid4(self._token_rng)

    def new_connection(self) -> str:
        """What tells the connections of this account apart, in its events, too: 1, 2, 3, ..."""
        self._connections += 1
        return str(self._connections)

    def _tell(self, event: Event) -> None:
        self.records.apply(self.log.append(event))

    # -- rooms ----------------------------------------------------------------------------------------------------

    @_command
    def create_room(self, settings: RoomSettings) -> Room:
        """Raises Invalid (with the field) or Duplicate."""
        _check_settings(settings)
        self._check_name(settings.unique_name, owner=None)
        room_id = self.new_id()
        self._tell(h.RoomCreated(room_id, asdict(settings)))
        return self.records.rooms[room_id]

    @_command
    def update_room(self, room_id: str, changes: dict[str, Any]) -> Room:
        """Change only the fields given (R-34); a refused change changes nothing (R-35)."""
        room = self.room(room_id)
        changed = room.settings.changed(changes)
        _check_settings(changed)
        self._check_name(changed.unique_name, owner=room_id)
        self._tell(h.RoomUpdated(room_id, dict(changes)))
        return room

    @_command
    def delete_room(self, room_id: str) -> None:
        """Ends the active session and throws everyone out (R-38); sessions stay readable (R-40)."""
        room = self.room(room_id)
        if room.active_session_id is not None:
            self._end(self.records.sessions[room.active_session_id], "room_deleted", "Room deleted")
        self._tell(h.RoomDeleted(room_id))

    def room(self, room_id: str) -> Room:
        try:
            return self.records.rooms[room_id]
        except KeyError:
            raise NotFound("room", room_id) from None

    def session(self, session_id: str) -> Session:
        try:
            return self.records.sessions[session_id]
        except KeyError:
            raise NotFound("room session", session_id) from None

    def participant(self, participant_id: str) -> Participant:
        try:
            return self.records.participants[participant_id]
        except KeyError:
            raise NotFound("room participant", participant_id) from None

    def _check_name(self, name: str | None, *, owner: str | None) -> None:
        if name is not None and self.records.rooms_by_name.get(name, owner) != owner:
            raise Duplicate("unique_name", f"A room with the unique_name {name!r} already exists.")

    # -- coming and going -----------------------------------------------------------------------------------------

    @_command
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
        if len(others) >= room.settings.max_participants:
            raise RoomFull(room.settings.max_participants)
        if session is None:
            session_id = self.new_id()
            self._tell(h.SessionStarted(room_id, session_id))
            session = self.records.sessions[session_id]
        if again and known is not None:
            self._leave(known, "replaced")
        self._tell(h.ParticipantJoined(room_id, session.id, participant_id, context, kind, connection))
        return self.records.participants[participant_id]

    @_command
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

    # -- streams --------------------------------------------------------------------------------------------------

    @_command
    def offer_stream(
        self,
        participant_id: str,
        *,
        connection: str,
        stream_id: str,
        key: str,
        audio_enabled: bool,
        video_enabled: bool,
    ) -> Stream:
        """A publisher's offer. One stream is one (participant, key): a second one is refused with Conflict."""
        participant = self._present(participant_id, connection)
        if any(stream.key == key for stream in participant.streams.values()):
            raise Conflict(f"The participant {participant_id!r} already publishes a stream with the key {key!r}.")
        if stream_id in participant.streams:
            raise Conflict(f"The stream id {stream_id!r} is in use already.")
        if len(participant.streams) >= MAX_STREAMS_PER_PARTICIPANT:
            raise Conflict(f"A participant can publish at most {MAX_STREAMS_PER_PARTICIPANT} streams.")
        self._tell(
            h.StreamOffered(
                participant.room_id,
                participant.session_id,
                participant.id,
                stream_id,
                key,
                audio_enabled,
                video_enabled,
            )
        )
        return participant.streams[stream_id]

    @_command
    def announce_stream(self, participant_id: str, stream_id: str) -> None:
        """The stream's connection is up. Without effect if the stream is gone or announced already."""
        participant = self.records.participants.get(participant_id)
        stream = participant.streams.get(stream_id) if participant else None
        if participant is None or stream is None or stream.announced:
            return
        self._tell(
            h.StreamPublished(participant.room_id, participant.session_id, participant.id, stream.id, stream.key)
        )

    @_command
    def change_stream(self, participant_id: str, stream_id: str, *, audio_enabled: bool, video_enabled: bool) -> None:
        """New track flags; nothing is told when they are the old ones."""
        participant = self.participant(participant_id)
        stream = participant.streams.get(stream_id)
        if stream is None:
            raise NotFound("stream", stream_id)
        if (stream.audio_enabled, stream.video_enabled) == (audio_enabled, video_enabled):
            return
        self._tell(
            h.StreamChanged(
                participant.room_id,
                participant.session_id,
                participant.id,
                stream_id,
                stream.key,
                audio_enabled,
                video_enabled,
            )
        )

    @_command
    def unpublish(self, participant_id: str, stream_id: str) -> None:
        """Without effect if the stream is gone already."""
        participant = self.records.participants.get(participant_id)
        stream = participant.streams.get(stream_id) if participant else None
        if participant is not None and stream is not None:
            self._unpublish(participant, stream)

    def _unpublish(self, participant: Participant, stream: Stream) -> None:
        self._tell(
            h.StreamUnpublished(
                participant.room_id,
                participant.session_id,
                participant.id,
                stream.id,
                stream.key,
                stream.announced,
            )
        )

    def _present(self, participant_id: str, connection: str) -> Participant:
        participant = self.records.participants.get(participant_id)
        if participant is None or not participant.present or participant.connection != connection:
            raise NotFound("participant present on this connection", participant_id)
        return participant

    @_command
    def tell_talking(self, participant_id: str, *, stream_id: str | None, talking: bool) -> None:
        """Somebody began or stopped to talk (S-100, S-101). Without effect for who is not there any more."""
        participant = self.records.participants.get(participant_id)
        if participant is not None and participant.present:
            self._tell(
                h.TalkingChanged(participant.room_id, participant.session_id, participant_id, stream_id, talking)
            )

    # -- moderation -----------------------------------------------------------------------------------------------

    @_command
    def end_session(self, session_id: str, *, reason: str = "Ended from API") -> None:
        """Throws everyone out and ends the session. Raises NotFound, SessionOver (R-75)."""
        self._end(self._active(session_id), "session_ended", reason)

    @_command
    def kick(self, session_id: str, participants: Targets | None, exclude: Collection[str] = ()) -> None:
        """Throw out the target set (R-77); when nobody is left the session ends (R-79)."""
        session = self._active(session_id)
        for participant in self._targets(session, participants, exclude):
            self._leave(participant, "kicked")
        self._end_if_empty(session)

    @_command
    def mute(self, session_id: str, participants: Targets | None, exclude: Collection[str] = ()) -> None:
        """Silence the target set (R-80); idempotent (R-81)."""
        for participant in self._targets(self._active(session_id), participants, exclude):
            if not participant.muted:
                self._tell(h.ParticipantMuted(participant.room_id, session_id, participant.id))

    @_command
    def unmute(self, session_id: str, participants: Targets | None, exclude: Collection[str] = ()) -> None:
        for participant in self._targets(self._active(session_id), participants, exclude):
            if participant.muted:
                self._tell(h.ParticipantUnmuted(participant.room_id, session_id, participant.id))

    def _active(self, session_id: str) -> Session:
        session = self.session(session_id)
        if not session.active:
            raise SessionOver
        return session

    def _targets(
        self, session: Session, participants: Targets | None, exclude: Collection[str]
    ) -> Iterable[Participant]:
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


def _uuid4(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _check_settings(settings: RoomSettings) -> None:
    low, high = MAX_PARTICIPANTS_RANGE
    if not low <= settings.max_participants <= high:
        raise Invalid("max_participants", f"max_participants must be between {low} and {high}.")
    low, high = WEBHOOK_TIMEOUT_RANGE
    if settings.webhook_timeout_secs is not None and not low <= settings.webhook_timeout_secs <= high:
        raise Invalid("webhook_timeout_secs", f"webhook_timeout_secs must be between {low} and {high}.")
