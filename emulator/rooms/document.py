"""The state document: a whole state of an account as JSON, to load fixtures from and to look at.

Lists of objects with the plain REST fields (rest-and-webhooks.md, section 3) under `rooms`, `room_sessions`,
`room_participants`, `room_recordings`, `room_compositions`, and `refresh_tokens`: [{room_id, token}]. What is null,
empty or absent is not set; keys that are not known are ignored. Parents may be missing, but what is said to be active
must fit together. `parse(write(state))` is the same state again, but for what REST does not show (who is muted,
streams, files). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emulator.clock import iso_microseconds
from emulator.rooms import document_values as v
from emulator.rooms.composition import Composition, CompositionSettings
from emulator.rooms.errors import BadDocument
from emulator.rooms.participant import IMPORTED, Participant
from emulator.rooms.recording import Recording
from emulator.rooms.room import MAX_PARTICIPANTS_RANGE, VIDEO_CODECS, WEBHOOK_TIMEOUT_RANGE, Room, RoomSettings
from emulator.rooms.session import Session
from emulator.rooms.state import State
from emulator.values import value_class

Json = dict[str, Any]

_WEBHOOK_FIELDS: Mapping[str, v.Read] = {
    "webhook_event_url": v.web_url,
    "webhook_event_failover_url": v.web_url,
    "webhook_timeout_secs": v.integer_between(*WEBHOOK_TIMEOUT_RANGE),
}
_ROOM_SETTINGS: Mapping[str, v.Read] = {
    "unique_name": v.text,
    "max_participants": v.integer_between(*MAX_PARTICIPANTS_RANGE),
    "enable_recording": v.boolean,
    "video_codecs": v.some_of(*VIDEO_CODECS),
    **_WEBHOOK_FIELDS,
}
_MEDIA_FIELDS: Mapping[str, v.Read] = {
    "duration_secs": v.integer_between(0, None),
    "size_mb": v.amount,
    "download_url": v.text,
    "created_at": v.time,
    "started_at": v.time,
    "ended_at": v.time,
    "completed_at": v.time,
    "updated_at": v.time,
}
_COMPOSITION_SETTINGS: Mapping[str, v.Read] = {
    "format": v.text,
    "resolution": v.text,
    "video_layout": v.plain_object,
    "audio_sources": v.anything,
    **_WEBHOOK_FIELDS,
}
_COMPOSITION_PLACE: Mapping[str, v.Read] = {
    "room_id": v.uuid,
    "session_id": v.uuid,
    "user_id": v.uuid,
    "status": v.one_of("enqueued", "processing", "completed"),
}

ROOM: Mapping[str, v.Read] = {
    "id": v.uuid,
    **_ROOM_SETTINGS,
    "active_session_id": v.uuid,
    "created_at": v.time,
    "updated_at": v.time,
}
SESSION: Mapping[str, v.Read] = {
    "id": v.uuid,
    "room_id": v.uuid,
    "active": v.boolean,
    "created_at": v.time,
    "updated_at": v.time,
    "ended_at": v.time,
}
PARTICIPANT: Mapping[str, v.Read] = {
    "id": v.uuid,
    "session_id": v.uuid,
    "context": v.text,
    "joined_at": v.time,
    "updated_at": v.time,
    "left_at": v.time,
}
RECORDING: Mapping[str, v.Read] = {
    "id": v.uuid,
    "room_id": v.uuid,
    "session_id": v.uuid,
    "participant_id": v.uuid,
    "type": v.one_of("audio", "video"),
    "status": v.one_of("processing", "completed"),
    "codec": v.text,
    **_MEDIA_FIELDS,
}
COMPOSITION: Mapping[str, v.Read] = {"id": v.uuid, **_COMPOSITION_PLACE, **_COMPOSITION_SETTINGS, **_MEDIA_FIELDS}
REFRESH_TOKEN: Mapping[str, v.Read] = {"room_id": v.uuid, "token": v.text}


@value_class(frozen=True, slots=True)
class _Entry:
    """One object of the document: its JSON pointer, and those of the known fields that are set."""

    pointer: str
    fields: Json

    def pick(self, names: Mapping[str, v.Read]) -> Json:
        """A value for each of these, None for what is not set."""
        return {name: self.fields.get(name) for name in names}

    def wrong(self, name: str, message: str) -> BadDocument:
        return BadDocument(f"{self.pointer}/{name}", message)


# -- reading ----------------------------------------------------------------------------------------------------------


def parse(document: Any) -> State:
    """Raises BadDocument with the JSON pointer of the first thing that is wrong, and what was expected there."""
    if not isinstance(document, dict):
        raise BadDocument("", f"expected a JSON object, got {v.shown(document)}")
    rooms = _resources(document, "rooms", ROOM)
    sessions = _resources(document, "room_sessions", SESSION)
    _check_names(rooms)
    attendance = _Attendance(rooms, sessions)
    return State(
        rooms=[_room(entry, attendance) for entry in rooms],
        sessions=[attendance.sessions[entry.fields["id"]] for entry in sessions],
        participants=[attendance.admit(entry) for entry in _resources(document, "room_participants", PARTICIPANT)],
        recordings=[_recording(entry) for entry in _resources(document, "room_recordings", RECORDING)],
        compositions=[_composition(entry) for entry in _resources(document, "room_compositions", COMPOSITION)],
        refresh_tokens=_refresh_tokens(_entries(document, "refresh_tokens", REFRESH_TOKEN)),
    )


def _entries(document: Json, key: str, fields: Mapping[str, v.Read]) -> list[_Entry]:
    items = document.get(key)
    if v.is_unset(items):
        return []
    if not isinstance(items, list):
        raise BadDocument(f"/{key}", f"expected a list of objects, got {v.shown(items)}")
    return [_entry(f"/{key}/{index}", item, fields) for index, item in enumerate(items)]


def _entry(pointer: str, item: Any, fields: Mapping[str, v.Read]) -> _Entry:
    if not isinstance(item, dict):
        raise BadDocument(pointer, f"expected an object, got {v.shown(item)}")
    return _Entry(
        pointer,
        {
            name: read(f"{pointer}/{name}", item[name])
            for name, read in fields.items()
            if not v.is_unset(item.get(name))
        },
    )


def _resources(document: Json, key: str, fields: Mapping[str, v.Read]) -> list[_Entry]:
    """Entries with an id each, every id once."""
    entries = _entries(document, key, fields)
    _check_unique(entries, "id")
    for entry in entries:
        if "id" not in entry.fields:
            raise entry.wrong("id", "expected a UUID, got none")
    return entries


def _check_unique(entries: Sequence[_Entry], name: str) -> None:
    first: dict[Any, str] = {}
    for entry in entries:
        value = entry.fields.get(name)
        if value is None:
            continue
        if value in first:
            raise entry.wrong(name, f"expected another {name} than {first[value]} has, got {v.shown(value)} again")
        first[value] = entry.pointer


def _check_names(rooms: Sequence[_Entry]) -> None:
    _check_unique(rooms, "unique_name")


@dataclass
class _Attendance:
    """Which sessions are active, in which rooms, and who is there: these must not contradict each other."""

    rooms: Sequence[_Entry]
    entries: Sequence[_Entry]
    sessions: dict[str, Session] = field(default_factory=dict)
    active: dict[str, str] = field(default_factory=dict)
    """Room id -> its active session."""

    def __post_init__(self) -> None:
        by_id = {entry.fields["id"]: entry for entry in self.entries}
        for room in self.rooms:
            session_id = room.fields.get("active_session_id")
            if session_id is not None:
                self._check_active(room, by_id.get(session_id))
                self.active[room.fields["id"]] = session_id
        named = {session_id: room_id for room_id, session_id in self.active.items()}
        for entry in self.entries:
            self.sessions[entry.fields["id"]] = self._session(entry, named.get(entry.fields["id"]))

    def _check_active(self, room: _Entry, session: _Entry | None) -> None:
        name = "active_session_id"
        if session is None:
            raise room.wrong(name, "expected the id of one of the document's room_sessions")
        if session.fields.get("room_id", room.fields["id"]) != room.fields["id"]:
            raise room.wrong(name, f"expected a session of this room, but {session.pointer} has another room_id")
        if session.fields.get("active") is False or "ended_at" in session.fields:
            raise room.wrong(name, f"expected an active session, but {session.pointer} is over")

    def _session(self, entry: _Entry, active_in: str | None) -> Session:
        fields = entry.fields
        room_id: str | None = fields.get("room_id", active_in)
        over = "ended_at" in fields
        active = fields.get("active", room_id is not None and not over)
        if active and over:
            raise entry.wrong("active", "expected false, since the session has ended_at")
        if active:
            if room_id is None:
                raise entry.wrong("room_id", "expected the room in which the session is active, got none")
            if self.active.setdefault(room_id, fields["id"]) != fields["id"]:
                raise entry.wrong("active", f"expected false: the room's active session is {self.active[room_id]}")
        return Session(
            fields["id"],
            room_id or "",
            created_at=fields.get("created_at"),
            updated_at=fields.get("updated_at"),
            ended_at=fields.get("ended_at"),
            active=active,
        )

    def admit(self, entry: _Entry) -> Participant:
        fields = entry.fields
        session = self.sessions.get(fields.get("session_id", ""))
        if session is not None:
            session.participant_ids.append(fields["id"])
        return Participant(
            id=fields["id"],
            session_id=fields.get("session_id", ""),
            room_id=session.room_id if session else "",
            context=fields.get("context"),
            kind="web",
            connection=IMPORTED,
            joined_at=fields.get("joined_at"),
            updated_at=fields.get("updated_at"),
            left_at=fields.get("left_at"),
            present=session is not None and session.active and "left_at" not in fields,
        )


def _room(entry: _Entry, attendance: _Attendance) -> Room:
    room_id = entry.fields["id"]
    return Room(
        room_id,
        RoomSettings(**entry.pick(_ROOM_SETTINGS)),
        created_at=entry.fields.get("created_at"),
        updated_at=entry.fields.get("updated_at"),
        active_session_id=attendance.active.get(room_id),
    )


def _recording(entry: _Entry) -> Recording:
    fields = dict(entry.fields)
    return Recording(kind=fields.pop("type", None), **fields)


def _composition(entry: _Entry) -> Composition:
    settings = v.refuse_invalid(entry.pointer, CompositionSettings(**entry.pick(_COMPOSITION_SETTINGS)).checked)
    others = {name: value for name, value in entry.fields.items() if name not in _COMPOSITION_SETTINGS}
    return Composition(settings=settings, **others)


def _refresh_tokens(entries: Sequence[_Entry]) -> dict[str, str]:
    _check_unique(entries, "token")
    for entry in entries:
        for name, expected in (("room_id", "a UUID"), ("token", "a string")):
            if name not in entry.fields:
                raise entry.wrong(name, f"expected {expected}, got none")
    return {entry.fields["token"]: entry.fields["room_id"] for entry in entries}


# -- writing ----------------------------------------------------------------------------------------------------------


def write(state: State, *, user_id: str) -> Json:
    """`user_id`: the account's, which its own compositions have. Presigned URLs are of the moment and left out."""
    return {
        "rooms": [_set_only(_of_room(room)) for room in state.rooms],
        "room_sessions": [_set_only(_of(SESSION, session)) for session in state.sessions],
        "room_participants": [_set_only(_of(PARTICIPANT, person)) for person in state.participants],
        "room_recordings": [
            _set_only({"id": recording.id, "type": recording.kind, **_of(_but("type", RECORDING), recording)})
            for recording in state.recordings
        ],
        "room_compositions": [_set_only(_of_composition(each, user_id)) for each in state.compositions],
        "refresh_tokens": [{"room_id": room_id, "token": token} for token, room_id in state.refresh_tokens.items()],
    }


def _of(names: Mapping[str, v.Read], record: object) -> Json:
    return {name: _written(getattr(record, name), read) for name, read in names.items()}


def _but(left_out: str, names: Mapping[str, v.Read]) -> dict[str, v.Read]:
    return {name: read for name, read in names.items() if name != left_out}


def _written(value: Any, read: Callable[[str, Any], Any]) -> Any:
    return iso_microseconds(value) if value is not None and read is v.time else value


def _of_room(room: Room) -> Json:
    times = {name: ROOM[name] for name in ("created_at", "updated_at")}
    return {
        "id": room.id,
        **_of(_ROOM_SETTINGS, room.settings),
        "active_session_id": room.active_session_id,
        **_of(times, room),
    }


def _of_composition(composition: Composition, user_id: str) -> Json:
    body = {"id": composition.id, **_of(_COMPOSITION_PLACE, composition)}
    if composition.made_here and composition.user_id is None:
        body["user_id"] = user_id
    return {**body, **_of(_COMPOSITION_SETTINGS, composition.settings), **_of(_MEDIA_FIELDS, composition)}


def _set_only(body: Json) -> Json:
    """As reading has it: what is empty is not set. Containers are copied."""
    return {name: v.pruned(value) for name, value in body.items() if not v.is_unset(value)}
