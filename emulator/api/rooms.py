"""Operations 1 to 5: rooms."""

from __future__ import annotations

from collections.abc import Mapping

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

FIELDS: Mapping[str, Check] = {
    "unique_name": nullable(text),
    "max_participants": integer_between(*MAX_PARTICIPANTS_RANGE),
    "enable_recording": boolean,
    "video_codecs": nullable(some_of(*VIDEO_CODECS)),
    **WEBHOOK_FIELDS,
}
"""What a body may set (section 2.2). `null` unsets a field that has no other default."""


async def list_all(call: Call) -> web.Response:
    parameters = call.parameters
    with_sessions = parameters.flag("include_sessions")
    wanted = queries.RoomFilter(
        unique_name=parameters.text("filter[unique_name]"),
        created_at=parameters.dates("date_created_at"),
        updated_at=parameters.dates("date_updated_at"),
    )
    records = call.account.records
    found = queries.list_rooms(records, wanted, call.page(parameters))
    return answers.many(found, lambda room: wire(records, room, with_sessions=with_sessions).as_json())


async def create(call: Call) -> web.Response:
    body = await read_body(call.request)
    room = call.account.create_room(RoomSettings(**checked(body, FIELDS)))
    return answers.one(wire(call.account.records, room, with_sessions=False).as_json(), status=201)


async def get(call: Call) -> web.Response:
    room = call.account.room(call.path_id("room_id"))
    with_sessions = call.parameters.flag("include_sessions")
    return answers.one(wire(call.account.records, room, with_sessions=with_sessions).as_json())


async def update(call: Call) -> web.Response:
    """Changes only what was sent (R-34)."""
    room = call.account.room(call.path_id("room_id"))
    body = await read_body(call.request)
    room = call.account.update_room(room.id, checked(body, FIELDS))
    return answers.one(wire(call.account.records, room, with_sessions=False).as_json())


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
