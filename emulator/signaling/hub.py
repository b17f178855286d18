"""One room's signaling: who is connected, and which frames an event of the domain becomes (signaling.md 5.1)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from emulator.events import Record
from emulator.rooms import happenings as h
from emulator.signaling.roster import AudioEntry, FeedEntry, Member
from emulator.signaling.text_members import TextMembers

log = logging.getLogger("emulator.signaling")

CLOSE_SESSION_TERMINATED = 4000
"""The SDK reports `session_terminated` (signaling.md 1.4)."""

CLOSE_KICKED = 4001
"""Ours, for a kicked client that does not close by itself; the SDK reports `unknown`, as after an echoed kick."""

KICK_GRACE_SECS = 2.0


class Hub:
    """The room's sessions, entries and feeds. Told of the domain's events in order by the lobby."""

    def __init__(self, room_id: str) -> None:
        self.room_id = room_id
        self.sessions: set[Member] = set()
        self.audio: dict[int, AudioEntry] = {}
        self.feeds: dict[int, FeedEntry] = {}
        self._text: TextMembers | None = None

    @property
    def empty(self) -> bool:
        return not self.sessions

    def text_room(self, new_number: Callable[[], int]) -> TextMembers:
        """The room's text room, made when the first one asks for it."""
        if self._text is None:
            self._text = TextMembers(self.room_id, new_number())
        return self._text

    # -- what is known --------------------------------------------------------------------------------------------

    def feed_of_stream(self, stream_id: str) -> FeedEntry | None:
        return next((feed for feed in self.feeds.values() if feed.stream_id == stream_id), None)

    def others(self, session: Member) -> list[AudioEntry]:
        """Everyone else's register, mixer and phone entries (S-49)."""
        return [entry for entry in self.audio.values() if entry.session is not session]

    def publishers(self, session: Member) -> list[FeedEntry]:
        """Active publishers of others (S-65)."""
        return [feed for feed in self.feeds.values() if feed.announced and feed.session is not session]

    # -- broadcasts -----------------------------------------------------------------------------------------------

    def to_registers(self, data: dict[str, Any], *, but: Member | None = None) -> None:
        data = {"room": self.room_id, **data}
        for session in self._in_order():
            if session is not but:
                session.notify_register(data)

    def to_listeners(self, data: dict[str, Any], *, but: Member | None = None) -> None:
        data = {"room": self.room_id, **data}
        for session in self._in_order():
            if session is not but:
                session.notify_listener(data)

    def _in_order(self) -> list[Member]:
        return sorted(self.sessions, key=lambda session: session.id)

    def announce_entry(self, entry: AudioEntry) -> None:
        """E1, E2, E3: exactly the newcomer, without a top-level id (S-50), never to itself (S-51)."""
        self.to_registers({"audiobridge": "joined", "participants": [entry.as_json()]}, but=entry.session)

    def announce_display(self, feed: FeedEntry) -> None:
        """E10: both id and display, no transaction (S-76)."""
        if feed.announced and feed.id in self.feeds:
            self.to_listeners({"videoroom": "event", "id": feed.id, "display": feed.display}, but=feed.session)

    def drop_entry(self, entry: AudioEntry, *, kicked: bool = False) -> None:
        """E4 to the others; E5 to everyone including the target (T-22)."""
        if self.audio.pop(entry.id, None) is None:
            return
        if kicked and entry.presence:
            self.to_registers({"audiobridge": "event", "kicked": entry.id})
        else:
            self.to_registers({"audiobridge": "event", "leaving": entry.id}, but=entry.session)

    # -- events of the domain -------------------------------------------------------------------------------------

    def on_record(self, record: Record) -> None:
        match record.event:
            case h.ParticipantJoined() as event:
                entry = self._presence(event.participant_id, event.connection)
                if entry is not None:
                    self.announce_entry(entry)
            case h.ParticipantLeft() as event:
                self._left(event)
            case h.StreamPublished() as event:
                feed = self.feed_of_stream(event.stream_id)
                if feed is not None:
                    feed.announced = True
                    self.to_listeners({"videoroom": "event", "publishers": [feed.as_json()]}, but=feed.session)
            case h.StreamUnpublished() as event:
                self._unpublished(event.stream_id)
            case h.ParticipantMuted() as event:
                self._moderate(event.participant_id, muted=True)
            case h.ParticipantUnmuted() as event:
                self._moderate(event.participant_id, muted=False)
            case h.TalkingChanged() as event:
                self._talking(event)

    def _presence(self, participant_id: str, connection: str) -> AudioEntry | None:
        for entry in self.audio.values():
            if entry.presence and entry.participant_id == participant_id and entry.session.connection == connection:
                return entry
        return None

    def _left(self, event: h.ParticipantLeft) -> None:
        session = next((s for s in self.sessions if s.connection == event.connection), None)
        if session is None:
            return
        session.participant_left()
        if event.reason in ("session_ended", "room_deleted"):
            # Everybody is being sent away at once: the close itself is the message (signaling.md 6.12, S-102).
            self._forget(session)
            session.close(CLOSE_SESSION_TERMINATED)
            return
        for entry in [entry for entry in self.audio.values() if entry.session is session]:
            self.drop_entry(entry, kicked=event.reason == "kicked")
        self._drop_feeds(session)
        if event.reason in ("kicked", "replaced"):
            self._forget(session)
        # Who only gave up the register handle stays connected: the listener handle, if there is one, goes on hearing.
        if event.reason == "kicked":
            # The SDK closes by itself on seeing its own reg id; one that does not is closed after a while.
            session.expel(KICK_GRACE_SECS, CLOSE_KICKED)
        elif event.reason == "replaced":
            session.close(CLOSE_SESSION_TERMINATED)

    def _forget(self, session: Member) -> None:
        for entry_id in [i for i, entry in self.audio.items() if entry.session is session]:
            del self.audio[entry_id]
        self._drop_feeds(session)
        self.sessions.discard(session)

    def _drop_feeds(self, session: Member) -> None:
        """What is published has been unpublished before; this is about those that never got so far."""
        for feed_id in [i for i, feed in self.feeds.items() if feed.session is session]:
            del self.feeds[feed_id]

    def _unpublished(self, stream_id: str) -> None:
        feed = self.feed_of_stream(stream_id)
        if feed is None:
            return
        del self.feeds[feed.id]
        if feed.announced:
            self.to_listeners({"videoroom": "event", "unpublished": feed.id}, but=feed.session)
        self.to_listeners({"videoroom": "event", "leaving": feed.id}, but=feed.session)

    def _moderate(self, participant_id: str, *, muted: bool) -> None:
        """E11 for each announced stream, to everyone including the target (S-97); later listings carry the flag."""
        for feed in self.feeds.values():
            if feed.participant_id == participant_id:
                feed.audio_moderated = muted
                if feed.announced:
                    value = "muted" if muted else "unmuted"
                    self.to_listeners({"videoroom": "event", "id": feed.id, "audio-moderation": value})

    def _talking(self, event: h.TalkingChanged) -> None:
        """E12 on the listeners with the pub id, E13 on the registers with the mix id, both with their endings."""
        value = "talking" if event.talking else "stopped-talking"
        if event.stream_id is not None:
            feed = self.feed_of_stream(event.stream_id)
            if feed is not None and feed.announced:
                self.to_listeners({"videoroom": value, "id": feed.id})
            return
        for entry in self.audio.values():
            if entry.participant_id == event.participant_id and (entry.setup or not entry.presence):
                self.to_registers({"audiobridge": value, "id": entry.id})
