"""Says aloud what is accepted but has no effect in this version: a setting must not fail in silence."""

from __future__ import annotations

import logging

from emulator.events import Record
from emulator.rooms import happenings as h

log = logging.getLogger("emulator.rooms")


def tell_what_is_missing(record: Record) -> None:
    """A subscriber: one warning for each room that asks for what is not there yet."""
    match record.event:
        case h.RoomCreated(room_id=room_id, settings=asked) | h.RoomUpdated(room_id=room_id, changes=asked):
            if asked.get("enable_recording"):
                log.warning("room %s: enable_recording is stored, but this version records nothing yet", room_id)
