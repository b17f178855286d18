"""What the server should answer, in plain dicts of REST fields: the judge in the machine test (`server_machine`).

Each act returns the status that the server must answer with; what it changes, it changes here. Ids and token texts,
which only the server can draw, are handed in. Written from the reference (rest-and-webhooks.md, sections 2 to 4), not
from the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]

DEFAULT_LIMIT = 10
DEFAULT_TTL, DEFAULT_REFRESH_TTL = 600, 3600


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class Token:
    text: str
    room_id: str
    expires_at: datetime
    made_at: datetime

    def good_at(self, now: datetime) -> bool:
        """Section 3: `nbf` is a second before `iat`. A token can be from the future after a restart (`restart`)."""
        return self.made_at.replace(microsecond=0) - timedelta(seconds=1) <= now < self.expires_at


class ServerModel:
    """One account. Keys with an underscore are not seen through REST."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.now = start
        self.changed_at = start
        """Time of the last change: after a restart, time goes on from there."""
        self.rooms: dict[str, Json] = {}
        self.sessions: dict[str, Json] = {}
        self.people: dict[str, Json] = {}
        """Each with their latest stay."""
        self.films: dict[str, Json] = {}
        self.recordings: dict[str, Json] = {}

    # -- questions ------------------------------------------------------------------------------------------------

    def present(self, session_id: str | None) -> list[str]:
        return [i for i, p in self.people.items() if p["session_id"] == session_id and "left_at" not in p]

    def active_session(self, room_id: str) -> str | None:
        return self.rooms.get(room_id, {}).get("active_session_id")

    def room_of(self, person_id: str) -> str:
        room_id: str = self.sessions[self.people[person_id]["session_id"]]["room_id"]
        return room_id

    def lists(self) -> dict[str, list[Json]]:
        """Every list that REST has, in its order: newest first, then by id."""
        return {
            "/rooms?include_sessions=true": [
                shown(room) | {"sessions": [shown(s) for s in self._newest(self.sessions, room_id=room["id"])]}
                for room in self._newest(self.rooms)
            ],
            "/room_sessions?include_participants=true": [
                shown(session)
                | {"participants": [shown(p) for p in self._newest(self.people, session_id=session["id"])]}
                for session in self._newest(self.sessions)
            ],
            "/room_participants?": [shown(person) for person in self._newest(self.people)],
            "/room_sessions?filter[active]=true": [shown(s) for s in self._newest(self.sessions, active=True)],
            "/room_sessions?filter[active]=false": [shown(s) for s in self._newest(self.sessions, active=False)],
            "/room_recordings?": [shown(recording) for recording in self._newest(self.recordings)],
            "/room_recordings?filter[status]=completed": [
                shown(r) for r in self._newest(self.recordings, status="completed")
            ],
            "/room_compositions?": [shown(film) for film in self._newest(self.films)],
            **{
                f"/rooms?filter[unique_name]={name}": [shown(r) for r in self._newest(self.rooms, unique_name=name)]
                for name in ("lunch", "standup")
            },
        }

    @staticmethod
    def _newest(records: dict[str, Json], **where: Any) -> list[Json]:
        found = [r for r in records.values() if all(r.get(name) == value for name, value in where.items())]
        by_id = sorted(found, key=lambda record: record["id"])
        return sorted(by_id, key=lambda record: record.get("joined_at") or record["created_at"], reverse=True)

    # -- rooms ----------------------------------------------------------------------------------------------------

    def create_room(self, fields: Json, room_id: str) -> int:
        """R-25, R-27, R-31."""
        if not self._sound(fields, owner=None):
            return 422
        defaults = {"max_participants": DEFAULT_LIMIT, "enable_recording": False}
        times = {"created_at": self._change(), "updated_at": iso(self.now)}
        self.rooms[room_id] = {"id": room_id, "record_type": "room", **defaults, **_set(fields), **times}
        return 201

    def update_room(self, room_id: str, fields: Json) -> int:
        """R-32 to R-36."""
        if room_id not in self.rooms:
            return 404
        if not self._sound(fields, owner=room_id):
            return 422
        room = self.rooms[room_id]
        for name, value in fields.items():
            room.pop(name, None)
            if value is not None:
                room[name] = value
        room["updated_at"] = self._change()
        return 200

    def delete_room(self, room_id: str) -> int:
        """R-37, R-38, R-40."""
        if room_id not in self.rooms:
            return 404
        session_id = self.active_session(room_id)
        if session_id is not None:
            self._end(session_id)
        del self.rooms[room_id]
        self._change()
        return 204

    def _sound(self, fields: Json, *, owner: str | None) -> bool:
        name = fields.get("unique_name")
        taken = name is not None and any(r.get("unique_name") == name for i, r in self.rooms.items() if i != owner)
        return not taken and 2 <= fields.get("max_participants", DEFAULT_LIMIT) <= 50

    # -- tokens ---------------------------------------------------------------------------------------------------

    def expiry(self, ttl: int | None, default: int = DEFAULT_TTL) -> datetime:
        return self.now.replace(microsecond=0) + timedelta(seconds=default if ttl is None else ttl)

    def refresh(self, token: Token, path: str) -> int:
        """R-22, R-66 to R-69: the token names the room; a path that is another room's id is refused."""
        known = path in (token.room_id, "undefined") and token.room_id in self.rooms
        return 201 if known and token.good_at(self.now) else 403

    # -- coming and going -----------------------------------------------------------------------------------------

    def admitted(self, room_id: str, token: Token) -> int:
        """Status of a signaling frame with that token; 0 for one that is let through."""
        if not token.good_at(self.now):
            return 401
        if token.room_id != room_id:
            return 403
        return 0 if room_id in self.rooms else 404

    def may_join(self, room_id: str, person_id: str) -> int:
        """R-84; 0 for yes. Who is present in another room is refused."""
        person = self.people.get(person_id)
        if person is not None and "left_at" not in person and self.room_of(person_id) != room_id:
            return 403
        others = (
            [i for i in self.present(self.active_session(room_id)) if i != person_id] if self._going(room_id) else []
        )
        return 403 if len(others) >= self.rooms[room_id]["max_participants"] else 0

    def join(self, room_id: str, person_id: str, context: str, *, new_session: str) -> None:
        """R-71, R-73."""
        room = self.rooms[room_id]
        if not self._going(room_id):
            room["active_session_id"] = new_session
            times = {"created_at": iso(self.now), "updated_at": iso(self.now)}
            self.sessions[new_session] = {
                "id": new_session, "record_type": "room_session", "room_id": room_id, "active": True, **times
            }  # fmt: skip
        session = self.sessions[room["active_session_id"]]
        session["updated_at"] = self._change()
        self.people[person_id] = {
            "id": person_id,
            "record_type": "room_participant",
            "session_id": session["id"],
            "context": context,
            "joined_at": iso(self.now),
            "updated_at": iso(self.now),
            "_muted": False,
        }

    def leave(self, person_id: str) -> None:
        """R-72."""
        session_id = self.people[person_id]["session_id"]
        self._go(person_id)
        self._end_if_empty(session_id)

    def _going(self, room_id: str) -> bool:
        return self.active_session(room_id) is not None

    def _go(self, person_id: str) -> None:
        person = self.people[person_id]
        person["left_at"] = person["updated_at"] = self._change()
        self.sessions[person["session_id"]]["updated_at"] = iso(self.now)

    def _end(self, session_id: str) -> None:
        for person_id in self.present(session_id):
            self._go(person_id)
        session = self.sessions[session_id]
        session["active"] = False
        session["ended_at"] = session["updated_at"] = self._change()
        self.rooms[session["room_id"]].pop("active_session_id", None)

    def _end_if_empty(self, session_id: str) -> None:
        if self.sessions[session_id]["active"] and not self.present(session_id):
            self._end(session_id)

    # -- moderation -----------------------------------------------------------------------------------------------

    def end(self, session_id: str) -> int:
        """R-74 to R-76."""
        status = self._standing(session_id)
        if status == 200:
            self._end(session_id)
        return status

    def kick(self, session_id: str, targets: Any, exclude: list[str]) -> int:
        """R-77, R-79, R-83."""
        status = self._standing(session_id)
        if status == 200:
            for person_id in self._targets(session_id, targets, exclude):
                self._go(person_id)
            self._end_if_empty(session_id)
        return status

    def mute(self, session_id: str, targets: Any, exclude: list[str], *, muted: bool) -> int:
        """R-80, R-81."""
        status = self._standing(session_id)
        if status == 200:
            for person_id in self._targets(session_id, targets, exclude):
                person = self.people[person_id]
                if person["_muted"] is not muted:
                    person["_muted"] = muted
                    person["updated_at"] = self._change()
        return status

    def _standing(self, session_id: str) -> int:
        if session_id not in self.sessions:
            return 404
        return 200 if self.sessions[session_id]["active"] else 422

    def _targets(self, session_id: str, targets: Any, exclude: list[str]) -> list[str]:
        wanted = self.people if targets == "all" else targets or ()
        return [i for i in self.present(session_id) if i in wanted and i not in exclude]

    # -- compositions ---------------------------------------------------------------------------------------------

    def compose(self, session_id: str, film_id: str, user_id: str) -> int:
        """R-93, R-97."""
        if session_id not in self.sessions:
            return 422
        self.films[film_id] = {
            "id": film_id,
            "record_type": "room_composition",
            "room_id": self.sessions[session_id]["room_id"],
            "session_id": session_id,
            "user_id": user_id,
            "status": "enqueued",
            "format": "mp4",
            "resolution": "1280x720",
            "created_at": self._change(),
            "updated_at": iso(self.now),
        }
        return 202

    def drop_film(self, film_id: str) -> int:
        """R-101."""
        if self.films.pop(film_id, None) is None:
            return 404
        self._change()
        return 204

    # -- recordings -----------------------------------------------------------------------------------------------

    def record(self, person_id: str, recording_id: str, kind: str, codec: str) -> None:
        at = self._change()
        self.recordings[recording_id] = {
            "id": recording_id,
            "record_type": "room_recording",
            "room_id": self.room_of(person_id),
            "session_id": self.people[person_id]["session_id"],
            "participant_id": person_id,
            "type": kind,
            "status": "processing",
            "codec": codec,
            "created_at": at,
            "started_at": at,
            "updated_at": at,
        }

    def finish_recording(self, recording_id: str, duration: int) -> None:
        """R-88."""
        at = self._change()
        self.recordings[recording_id] |= {
            "status": "completed",
            "duration_secs": duration,
            "size_mb": 0.5,
            "ended_at": at,
            "completed_at": at,
            "updated_at": at,
        }

    def drop_recording(self, recording_id: str) -> int:
        """R-92."""
        if self.recordings.pop(recording_id, None) is None:
            return 404
        self._change()
        return 204

    def drop_recordings(self, session_id: str, kind: str, at_least: int) -> int:
        """R-59, R-91: how many; a recording that has no duration yet has none that is enough."""
        found = [
            i
            for i, r in self.recordings.items()
            if (r["session_id"], r["type"]) == (session_id, kind) and r.get("duration_secs", -1) >= at_least
        ]
        for recording_id in found:
            self.drop_recording(recording_id)
        return len(found)

    # -- time -----------------------------------------------------------------------------------------------------

    def advance(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def restart(self) -> None:
        """What was live is over; a clock that was moved begins at the last change again."""
        self.now = max(self.start, self.changed_at)
        for session_id in [i for i, session in self.sessions.items() if session["active"]]:
            self._end(session_id)
        for recording in self.recordings.values():
            if recording["status"] == "processing":  # no file is there that could be mended
                at = self._change()
                recording |= {"status": "completed", "duration_secs": 0, "size_mb": 0.0, "updated_at": at}
                recording |= {"ended_at": recording["started_at"], "completed_at": at}

    def _change(self) -> str:
        self.changed_at = self.now
        return iso(self.now)


def shown(record: Json) -> Json:
    return {name: value for name, value in record.items() if not name.startswith("_")}


def _set(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
