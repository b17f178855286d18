"""From the account's events to what webhooks say. Pure: records in, occurrences out.

An event is dispatched after its command has ended, when the records may already be further on (the room deleted, its
URL changed, the participant back in). So the narrator follows the log itself, and knows for each event what was true
when it happened: above all the URL that was in force.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from emulator.events import Record
from emulator.rooms import happenings as h
from emulator.rooms.account import Account
from emulator.values import value_class
from emulator.webhooks import envelope
from emulator.webhooks.occurrence import Occurrence, Subject
from emulator.webhooks.target import Target

DownloadUrl = Callable[[Account, Literal["recording", "composition"], str], str]
"""(account, kind, id) -> the presigned URL of the file, good from now on."""


@value_class(frozen=True, slots=True)
class _Presence:
    context: str | None
    joined_at: datetime | None
    """Not known of some that were imported."""


@value_class(frozen=True, slots=True)
class _Written:
    """A recording in the making."""

    room_id: str
    session_id: str


@value_class(frozen=True, slots=True)
class _Composition:
    room_id: str | None
    session_id: str | None
    settings: dict[str, Any]


class Narrator:
    """Give it every record of the account, in order. What it remembers is bounded by what is going on."""

    def __init__(self, account: Account, download_url: DownloadUrl) -> None:
        self._account = account
        self._download_url = download_url
        self._settings: dict[str, dict[str, Any]] = {}
        """Webhook fields of the rooms that have some; of deleted rooms while recordings of theirs are written."""
        self._deleted_rooms: set[str] = set()
        self._sessions: dict[str, datetime] = {}
        self._people: dict[str, _Presence] = {}
        self._recordings: dict[str, _Written] = {}
        self._compositions: dict[str, _Composition] = {}
        self._begin()

    def _begin(self) -> None:
        """With what the account's records say: at first, and after a state was loaded."""
        records = self._account.records
        self._deleted_rooms.clear()
        self._settings = {}
        for room in records.rooms.values():
            self._change_room(room.id, asdict(room.settings))
        self._sessions = {
            session.id: session.created_at
            for session in records.sessions.values()
            if session.active and session.created_at is not None  # an imported one may not know
        }
        self._people = {
            person.id: _Presence(person.context, person.joined_at)
            for person in records.participants.values()
            if person.present
        }
        self._recordings = {
            recording.id: _Written(recording.room_id, recording.session_id)
            for recording in records.recordings.values()
            # Nobody writes an imported one.
            if recording.made_here and recording.status == "processing" and recording.room_id and recording.session_id
        }
        self._compositions = {
            film.id: _Composition(film.room_id, film.session_id, asdict(film.settings))
            for film in records.compositions.values()
            if film.status != "completed"
        }

    def being_recorded(self, session_id: str) -> bool:
        """Whether a recording of this session is still written."""
        return any(recording.session_id == session_id for recording in self._recordings.values())

    def tell(self, record: Record) -> Occurrence | None:
        """What a webhook says of this record; None if no webhook tells of it."""
        match record.event:
            case h.RoomCreated(room_id=room_id, settings=fields) | h.RoomUpdated(room_id=room_id, changes=fields):
                self._change_room(room_id, fields)
            case h.RoomDeleted(room_id=room_id):
                self._delete_room(room_id)
            case h.SessionStarted() as event:
                self._sessions[event.session_id] = record.at
                return self._of_room(record, event, envelope.SESSION_STARTED, {})
            case h.SessionEnded() as event:
                started_at = self._sessions.pop(event.session_id, record.at)
                told: dict[str, Any] = {"duration_secs": _whole_secs(started_at, record.at)}
                told["ended_reason"] = event.reason
                return self._of_room(record, event, envelope.SESSION_ENDED, told)
            case h.ParticipantJoined() as event:
                self._people[event.participant_id] = _Presence(event.context, record.at)
                told = {"context": event.context, "participant_id": event.participant_id}
                return self._of_room(record, event, envelope.PARTICIPANT_JOINED, told)
            case h.ParticipantLeft() as event:
                presence = self._people.pop(event.participant_id, _Presence(None, record.at))
                told = {"context": presence.context, "participant_id": event.participant_id}
                told["duration_secs"] = _whole_secs(presence.joined_at or record.at, record.at)
                told["left_reason"] = event.reason
                return self._of_room(record, event, envelope.PARTICIPANT_LEFT, told)
            case h.RecordingStarted() as event:
                self._recordings[event.recording_id] = _Written(event.room_id, event.session_id)
                return self._of_room(record, event, envelope.RECORDING_STARTED, _of_recording(event))
            case h.RecordingCompleted() as event:
                told = _of_recording(event)
                told["size_mb"] = event.size_mb
                told["download_url"] = self._download_url(self._account, "recording", event.recording_id)
                told["codec"] = event.codec
                told["duration_secs"] = event.duration_secs
                occurrence = self._of_room(record, event, envelope.RECORDING_COMPLETED, told)
                self._forget_recording(event.recording_id)
                return occurrence
            case h.RecordingDeleted(recording_id=recording_id):
                self._forget_recording(recording_id)
            case h.CompositionEnqueued() as event:
                settings = dict(event.settings)
                self._compositions[event.composition_id] = _Composition(event.room_id, event.session_id, settings)
            case h.CompositionCompleted() as event:
                return self._of_composition(record, event)
            case h.CompositionDeleted(composition_id=composition_id):
                self._compositions.pop(composition_id, None)
            case h.StateLoaded():
                self._begin()
            case _:
                pass  # mutes, streams, talking: no webhook tells of those
        return None

    def _change_room(self, room_id: str, fields: dict[str, Any]) -> None:
        if room_id not in self._settings:
            for name in _WEBHOOK_FIELDS:
                if fields.get(name) is not None:
                    break
            else:
                return  # most rooms
        changed = self._settings.get(room_id, {}) | _webhook_fields(fields)
        if any(value is not None for value in changed.values()):
            self._settings[room_id] = changed
        else:
            self._settings.pop(room_id, None)

    def _delete_room(self, room_id: str) -> None:
        if any(recording.room_id == room_id for recording in self._recordings.values()):
            self._deleted_rooms.add(room_id)
        else:
            self._settings.pop(room_id, None)

    def _forget_recording(self, recording_id: str) -> None:
        recording = self._recordings.pop(recording_id, None)
        if recording is not None and recording.room_id in self._deleted_rooms:
            self._deleted_rooms.discard(recording.room_id)
            self._delete_room(recording.room_id)

    def _of_room(self, record: Record, event: h.SessionEvent, event_type: str, told: dict[str, Any]) -> Occurrence:
        return Occurrence(
            event_type,
            record.at,
            Subject("room", event.room_id),
            event.room_id,
            _set_only({"session_id": event.session_id, "room_id": event.room_id, **told}),
            Target.of(self._settings.get(event.room_id, {})),
        )

    def _of_composition(self, record: Record, event: h.CompositionCompleted) -> Occurrence | None:
        composition = self._compositions.pop(event.composition_id, None)
        if composition is None:
            return None
        told = {
            "composition_id": event.composition_id,
            "download_url": self._download_url(self._account, "composition", event.composition_id),
            "duration_secs": event.duration_secs,
            "format": composition.settings.get("format"),
            "resolution": composition.settings.get("resolution"),
            "room_id": composition.room_id,
            "session_id": composition.session_id,
            "size_mb": event.size_mb,
        }
        return Occurrence(
            envelope.COMPOSITION_COMPLETED,
            record.at,
            Subject("composition", event.composition_id),
            composition.room_id,
            _set_only(told),
            Target.of(composition.settings),  # its own URLs, not the room's
        )


_WEBHOOK_FIELDS = ("webhook_event_url", "webhook_event_failover_url", "webhook_timeout_secs")


def _webhook_fields(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in _WEBHOOK_FIELDS if name in fields}


def _of_recording(event: h.RecordingStarted | h.RecordingCompleted) -> dict[str, Any]:
    return {"participant_id": event.participant_id, "recording_id": event.recording_id, "type": event.kind}


def _set_only(payload: dict[str, Any]) -> dict[str, Any]:
    """What is not set is left out, never null (section 1): the context of who gave none."""
    return {key: value for key, value in payload.items() if value is not None}


def _whole_secs(since: datetime, until: datetime) -> int:
    """By the account's clock, rounded down (R-113)."""
    return int((until - since).total_seconds())
