"""Operations 1 to 5: rooms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from emulator.api import answers, sessions
from emulator.api.call import Call
from emulator.api.validation import (
    Check,
    boolean,
    checked,
    integer_between,
    nullable,
    read_body,
    some_of,
    text,
    webhook_url,
)
from emulator.rooms import queries
from emulator.rooms.records import Records
from emulator.rooms.room import MAX_PARTICIPANTS_RANGE, VIDEO_CODECS, WEBHOOK_TIMEOUT_RANGE, Room, RoomSettings
from emulator.wire import rest

WEBHOOK_FIELDS: Mapping[str, Check] = {
    "webhook_event_url": nullable(webhook_url),
    "webhook_event_failover_url": nullable(webhook_url),
    "webhook_timeout_secs": nullable(integer_between(*WEBHOOK_TIMEOUT_RANGE)),
}
"""The same for compositions. `null` unsets them."""


def _name(pointer: str, value: Any) -> str | None:
    """An empty one is none, as in state documents: no two rooms clash for having no name."""
    return text(pointer, value) or None


FIELDS: Mapping[str, Check] = {
    "unique_name": nullable(_name),
    "max_participants": integer_between(*MAX_PARTICIPANTS_RANGE),
    "enable_recording": boolean,
    "video_codecs": nullable(some_of(*VIDEO_CODECS)),
    **WEBHOOK_FIELDS,
}
"""What a body may set (section 2.2). `null` unsets a field that has no other default."""


async def list_all(call: Call) -> web.Response:
    parameters = call.parameters
    with_sessions = parameters.flag("include_sessions")
    wanted = queries.ANY_ROOM
    if parameters:
        wanted = queries.RoomFilter(
            unique_name=parameters.text("filter[unique_name]"),
            created_at=parameters.dates("date_created_at"),
            updated_at=parameters.dates("date_updated_at"),
        )
    records = call.account.records
    found = queries.list_rooms(records, wanted, call.page(parameters))
    if with_sessions:
        return answers.many(found, lambda room: wire(records, room, with_sessions=True).as_json())
    return answers.many_texts(found, [_TEXTS.of(records, room) for room in found.items])


async def create(call: Call) -> web.Response:
    body = await read_body(call.request)
    room = call.account.create_room(RoomSettings(**checked(body, FIELDS)))
    return answers.one_text(_TEXTS.of(call.account.records, room), status=201)


async def get(call: Call) -> web.Response:
    records, room = call.account.records, call.account.room(call.path_id("room_id"))
    if call.parameters.flag("include_sessions"):
        return answers.one(wire(records, room, with_sessions=True).as_json())
    return answers.one_text(_TEXTS.of(records, room))


async def update(call: Call) -> web.Response:
    """Changes only what was sent (R-34)."""
    room = call.account.room(call.path_id("room_id"))
    body = await read_body(call.request)
    room = call.account.update_room(room.id, checked(body, FIELDS))
    return answers.one_text(_TEXTS.of(call.account.records, room))


async def delete(call: Call) -> web.Response:
    call.account.delete_room(call.path_id("room_id"))
    return answers.nothing()


def wire(records: Records, room: Room, *, with_sessions: bool) -> rest.Room:
    settings = room.settings
    return rest.Room(
        id=room.id,
        max_participants=settings.max_participants,
        enable_recording=settings.enable_recording,
        created_at=room.created_at,
        updated_at=room.updated_at,
        unique_name=settings.unique_name,
        active_session_id=room.active_session_id,
        webhook_event_url=settings.webhook_event_url,
        webhook_event_failover_url=settings.webhook_event_failover_url,
        webhook_timeout_secs=settings.webhook_timeout_secs,
        video_codecs=settings.video_codecs,
        sessions=[sessions.wire(records, s, with_participants=False) for s in queries.sessions_of(records, room)]
        if with_sessions
        else None,
    )


MAX_TEXTS = 4_096
"""A few pages of lists; about 400 bytes each."""


class _Texts:
    """Rooms as JSON, without their sessions: lists show the same ones again and again, mostly as they were.

    A room's text is good as long as what it was made of is the very same: each of these objects is replaced, never
    changed. So it does not matter who changes a room, or whose it is.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[RoomSettings, datetime | None, datetime | None, str | None, str]] = {}

    def of(self, records: Records, room: Room) -> str:
        known = self._known.get(room.id)
        if known is not None:
            settings, created_at, updated_at, session_id, text = known
            if (
                settings is room.settings
                and created_at is room.created_at
                and updated_at is room.updated_at
                and session_id is room.active_session_id
            ):
                return text
        text = wire(records, room, with_sessions=False).as_text()
        if len(self._known) >= MAX_TEXTS:
            self._known.clear()
        self._known[room.id] = (room.settings, room.created_at, room.updated_at, room.active_session_id, text)
        return text


_TEXTS = _Texts()
