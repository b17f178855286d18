"""Commands about rooms."""

from __future__ import annotations

from typing import Any

from emulator.rooms import happenings as h
from emulator.rooms.errors import Duplicate, Invalid
from emulator.rooms.ledger import command
from emulator.rooms.room import MAX_PARTICIPANTS_RANGE, VIDEO_CODECS, WEBHOOK_TIMEOUT_RANGE, Room, RoomSettings
from emulator.rooms.session_commands import SessionCommands


class RoomCommands(SessionCommands):
    @command
    def create_room(self, settings: RoomSettings) -> Room:
        """Raises Invalid (with the field) or Duplicate."""
        _check_settings(settings)
        self._check_name(settings.unique_name, owner=None)
        room_id = self.new_id()
        self._tell(h.RoomCreated(room_id, settings.as_dict()))
        return self.records.rooms[room_id]

    @command
    def update_room(self, room_id: str, changes: dict[str, Any]) -> Room:
        """Change only the fields given (R-34); a refused change changes nothing (R-35)."""
        room = self.room(room_id)
        changed = room.settings.changed(changes)
        _check_settings(changed)
        self._check_name(changed.unique_name, owner=room_id)
        self._tell(h.RoomUpdated(room_id, dict(changes)))
        return room

    @command
    def delete_room(self, room_id: str) -> None:
        """Ends the active session and throws everyone out (R-38); sessions stay readable (R-40)."""
        room = self.room(room_id)
        if room.active_session_id is not None:
            self._end(self.records.sessions[room.active_session_id], "room_deleted", "Room deleted")
        self._tell(h.RoomDeleted(room_id))

    def _check_name(self, name: str | None, *, owner: str | None) -> None:
        if name is not None and self.records.rooms_by_name.get(name, owner) != owner:
            raise Duplicate("unique_name", f"A room with the unique_name {name!r} already exists.")


def _check_settings(settings: RoomSettings) -> None:
    low, high = MAX_PARTICIPANTS_RANGE
    if settings.max_participants is not None and not low <= settings.max_participants <= high:
        raise Invalid("max_participants", f"max_participants must be between {low} and {high}.")
    low, high = WEBHOOK_TIMEOUT_RANGE
    if settings.webhook_timeout_secs is not None and not low <= settings.webhook_timeout_secs <= high:
        raise Invalid("webhook_timeout_secs", f"webhook_timeout_secs must be between {low} and {high}.")
    codecs = settings.video_codecs
    if codecs is not None and (not codecs or len({*codecs}) != len(codecs) or not {*codecs} <= {*VIDEO_CODECS}):
        raise Invalid("video_codecs", f"video_codecs must name {' or '.join(VIDEO_CODECS)}, or both, each once.")
