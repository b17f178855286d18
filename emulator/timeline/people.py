"""Who was there, what they published, who talked: rows made from the events of the domain."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from emulator.events import Event
from emulator.rooms import happenings as h
from emulator.timeline.model import Point, Row, Span

ELSEWHERE = ""
"""Stands for no room: calls and webhooks that are about none."""

_ORDERLY = ("left", "session_ended", "room_deleted")


class People:
    """Rows by participant and room. What is not over yet keeps `end` None."""

    def __init__(self, rooms: Mapping[str, str]) -> None:
        self._names = dict(rooms)
        self._rooms: dict[str, Row] = {}
        self._people: dict[str, Row] = {}
        self._present: dict[tuple[str, str], Span] = {}
        self._tracks: dict[tuple[str, str], Span] = {}
        self._offered: dict[str, Span] = {}
        self._talking: dict[str, tuple[set[str | None], Span]] = {}
        self._muted: dict[str, Span] = {}
        self._sessions: dict[str, Span] = {}
        self._room_of: dict[str, str] = {}

    def rows(self) -> Iterable[Row]:
        return [*self._rooms.values(), *self._people.values()]

    def compare(self, rooms: Mapping[str, str], *, all_rooms: bool) -> None:
        """With the rooms that there are in the end; `all_rooms`: each of them has a row."""
        for row in self._rooms.values():
            if row.room_id and row.room_id not in rooms and row.until is None:
                row.until = 0.0  # spoken of in a request, say, that was refused for it
        if all_rooms:
            for room_id in rooms:
                self.room(room_id)

    def row(self, participant_id: str | None) -> Row | None:
        return None if participant_id is None else self._people.get(participant_id)

    def room(self, room_id: str | None) -> Row:
        """Made when it is first spoken of."""
        room_id = room_id or ELSEWHERE
        row = self._rooms.get(room_id)
        if row is None:
            name = self._names.get(room_id) or (f"room {room_id[:8]}" if room_id else "account")
            row = self._rooms[room_id] = Row(f"room:{room_id}", name, "room", room_id, room_id)
        return row

    def room_of_session(self, session_id: str) -> str | None:
        return self._room_of.get(session_id.lower())

    def hear(self, t: float, event: Event) -> None:
        match event:
            case h.RoomCreated():
                name = event.settings.get("unique_name")
                if isinstance(name, str) and name:
                    self._names[event.room_id] = name
                    self.room(event.room_id).name = name
                self._room_is_there(t, event.room_id, "room created")
            case h.RoomDeleted():
                self._room_ends(t, self.room(event.room_id), "room deleted")
            case h.SessionStarted():
                self._room_of[event.session_id] = event.room_id
                span = self._sessions[event.session_id] = Span("session", t, None, "session", "plain")
                span.detail["session"] = event.session_id
                self.room(event.room_id).spans.append(span)
            case h.SessionEnded():
                ended = self._sessions.pop(event.session_id, None)
                if ended is not None:
                    ended.end = t
                    ended.detail["ended"] = event.reason
            case h.ParticipantJoined():
                self._joined(t, event)
            case h.ParticipantLeft():
                self._left(t, event)
            case h.StreamOffered() | h.StreamPublished() | h.StreamChanged() | h.StreamUnpublished():
                self._stream(t, event)
            case h.TalkingChanged():
                self._talk(t, event)
            case h.ParticipantMuted():
                muted = self._muted[event.participant_id] = Span("voice", t, None, "muted by moderator", "muted")
                self._of(event).spans.append(muted)
            case h.ParticipantUnmuted():
                self._end(self._muted.pop(event.participant_id, None), t)
            case h.RecordingStarted():
                self._of(event).points.append(Point("marks", t, f"{event.kind} recording starts"))
            case h.RecordingCompleted():
                self._of(event).points.append(Point("marks", t, f"{event.kind} recording is complete"))
            case h.StateLoaded():
                self._replaced(t, event.document)

    def _room_is_there(self, t: float, room_id: str, how: str) -> None:
        row = self.room(room_id)
        row.until = None  # a seeded account has the ids of before once more
        row.points.append(Point("calls", t, how))

    @staticmethod
    def _room_ends(t: float, row: Row, how: str) -> None:
        row.until = t
        row.points.append(Point("calls", t, how, "warn"))

    def _replaced(self, t: float, document: Mapping[str, Any]) -> None:
        """Rooms that the state document (`StateLoaded`) does not have are no more; those that it has are there."""
        kept = {room["id"]: room.get("unique_name") for room in document.get("rooms") or ()}
        for row in self._rooms.values():
            if row.room_id and row.room_id not in kept and row.until is None:
                self._room_ends(t, row, "room is not in the new state")
        for room_id, name in kept.items():
            if name:
                self._names[room_id] = self.room(room_id).name = name
            self._room_is_there(t, room_id, "room is in the new state")
        self.room(None).points.append(Point("calls", t, "state loaded" if kept else "state emptied", "warn"))

    def _of(self, event: h.ParticipantEvent) -> Row:
        """Of somebody whose coming is no longer in the log, too."""
        row = self._people.get(event.participant_id)
        if row is None:
            self.room(event.room_id)
            name = f"participant {event.participant_id[:8]}"
            row = Row(event.participant_id, name, "web", event.room_id, event.participant_id)
            self._people[event.participant_id] = row
        return row

    def _joined(self, t: float, event: h.ParticipantJoined) -> None:
        row = self._of(event)
        row.kind = event.kind
        row.name = _name(event.context) or row.name
        row.about = event.context or row.about
        span = Span("presence", t, None, "in the room", "good", {"context": event.context or "none"})
        self._present[event.participant_id, event.connection] = span
        row.spans.append(span)

    def _left(self, t: float, event: h.ParticipantLeft) -> None:
        row = self._of(event)
        span = self._present.pop((event.participant_id, event.connection), None)
        if span is None:
            span = Span("presence", 0.0, None, "in the room", "good")
            row.spans.append(span)
        span.end = t
        span.detail["left"] = event.reason
        if event.reason not in _ORDERLY:
            row.points.append(Point("presence", t, event.reason.replace("_", " "), "warn"))
        if not any(person == event.participant_id for person, _ in self._present):
            self._end(self._muted.pop(event.participant_id, None), t)
            _, talk = self._talking.pop(event.participant_id, (set(), None))
            self._end(talk, t)

    def _stream(self, t: float, event: h.StreamEvent) -> None:
        row, lane = self._of(event), f"stream:{event.key}"
        match event:
            case h.StreamOffered():
                pending = self._offered[event.stream_id] = Span(f"{lane}:video", t, None, "connecting", "pending")
                row.spans.append(pending)
                for medium, enabled in (("video", event.video_enabled), ("audio", event.audio_enabled)):
                    self._tracks[event.stream_id, medium] = _track(lane, t, medium, enabled=enabled)
            case h.StreamPublished():
                self._end(self._offered.pop(event.stream_id, None), t)
                for medium in ("video", "audio"):
                    track = self._tracks.get((event.stream_id, medium)) or _track(lane, t, medium, enabled=True)
                    track.start = t
                    self._tracks[event.stream_id, medium] = track
                    row.spans.append(track)
            case h.StreamChanged():
                for medium, enabled in (("video", event.video_enabled), ("audio", event.audio_enabled)):
                    self._change(row, event.stream_id, lane, t, medium, enabled=enabled)
            case h.StreamUnpublished():
                self._end(self._offered.pop(event.stream_id, None), t)
                for medium in ("video", "audio"):
                    self._end(self._tracks.pop((event.stream_id, medium), None), t)

    def _change(self, row: Row, stream_id: str, lane: str, t: float, medium: str, *, enabled: bool) -> None:
        new = _track(lane, t, medium, enabled=enabled)
        old = self._tracks.get((stream_id, medium))
        if old is not None and old.tone == new.tone:
            return
        self._tracks[stream_id, medium] = new
        if stream_id in self._offered:
            return  # it will be seen once the connection is up
        self._end(old, t)
        row.spans.append(new)

    def _talk(self, t: float, event: h.TalkingChanged) -> None:
        sources, span = self._talking.get(event.participant_id, (set(), None))
        if event.talking:
            sources.add(event.stream_id)
            if span is None:
                span = Span("voice", t, None, "speaks", "speech")
                self._of(event).spans.append(span)
            self._talking[event.participant_id] = (sources, span)
            return
        sources.discard(event.stream_id)
        if not sources and span is not None:
            del self._talking[event.participant_id]
            self._end(span, t)

    @staticmethod
    def _end(span: Span | None, t: float) -> None:
        if span is not None:
            span.end = t


def _track(lane: str, t: float, medium: str, *, enabled: bool) -> Span:
    name = f"{lane.removeprefix('stream:')} {medium}"
    if enabled:
        return Span(f"{lane}:{medium}", t, None, name, "video" if medium == "video" else "audio")
    return Span(f"{lane}:{medium}", t, None, f"{name} off", "off")


def _name(context: str | None) -> str:
    """As the sample applications tell it: `{"username": "Alice"}`; else nothing."""
    try:
        told = json.loads(context or "")
    except ValueError:
        return ""
    name = told.get("username") or told.get("name") if isinstance(told, dict) else None
    return name[:60] if isinstance(name, str) else ""
