"""Operations 8 to 14: sessions, under their room and of the whole account, and what can be done to one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiohttp import web

from emulator.api import answers, participants
from emulator.api.call import Call
from emulator.api.errors import BadBody
from emulator.api.parameters import Parameters
from emulator.api.validation import Body, read_body, read_optional_body, uuids
from emulator.rooms import queries
from emulator.rooms.account import Targets
from emulator.rooms.records import Records
from emulator.rooms.session import Session
from emulator.wire import rest


async def list_of_room(call: Call) -> web.Response:
    """404 for an unknown room; else the same as filtering by it (R-55)."""
    room = call.account.room(call.path_id("room_id"))
    parameters = call.parameters
    return _list(call, parameters, replace(_filter(parameters), room_id=room.id))


async def list_all(call: Call) -> web.Response:
    parameters = call.parameters
    return _list(call, parameters, replace(_filter(parameters), room_id=parameters.text("filter[room_id]")))


async def get(call: Call) -> web.Response:
    session = call.account.session(call.path_id("room_session_id"))
    with_participants = call.parameters.flag("include_participants")
    return answers.one(wire(call.account.records, session, with_participants=with_participants).as_json())


async def end(call: Call) -> web.Response:
    """No body needed; clients send `{}` or nothing (2.2)."""
    session = call.account.session(call.path_id("room_session_id"))
    await read_optional_body(call.request)
    call.account.end_session(session.id)
    return answers.one(rest.ACTION_OK)


async def kick(call: Call) -> web.Response:
    session, targets, exclude = await _targets(call)
    call.account.kick(session.id, targets, exclude)
    return answers.one(rest.ACTION_OK)


async def mute(call: Call) -> web.Response:
    session, targets, exclude = await _targets(call)
    call.account.mute(session.id, targets, exclude)
    return answers.one(rest.ACTION_OK)


async def unmute(call: Call) -> web.Response:
    session, targets, exclude = await _targets(call)
    call.account.unmute(session.id, targets, exclude)
    return answers.one(rest.ACTION_OK)


def wire(records: Records, session: Session, *, with_participants: bool) -> rest.RoomSession:
    return rest.RoomSession(
        id=session.id,
        active=session.active,
        room_id=session.room_id or None,
        created_at=session.created_at,
        updated_at=session.updated_at,
        ended_at=session.ended_at,
        participants=[participants.wire(p) for p in queries.participants_of(records, session)]
        if with_participants
        else None,
    )


async def _targets(call: Call) -> tuple[Session, Targets | None, list[str]]:
    """The session first (R-76), then the body (R-82)."""
    session = call.account.session(call.path_id("room_session_id"))
    body = await read_body(call.request)
    return session, _participants(body), _exclude(body)


def _participants(body: Body) -> Targets | None:
    value: Any = body.get("participants")
    if "participants" not in body or value == "all":
        return value  # type: ignore[no-any-return]  # None or the word "all"
    if not isinstance(value, list):
        raise BadBody("/participants", 'participants must be the word "all" or a list of UUIDs.')
    return uuids("/participants", value)


def _exclude(body: Body) -> list[str]:
    return uuids("/exclude", body["exclude"]) if "exclude" in body else []


def _filter(parameters: Parameters) -> queries.SessionFilter:
    return queries.SessionFilter(
        active=parameters.boolean("filter[active]"),
        created_at=parameters.dates("date_created_at"),
        updated_at=parameters.dates("date_updated_at"),
        ended_at=parameters.dates("date_ended_at"),
    )


def _list(call: Call, parameters: Parameters, wanted: queries.SessionFilter) -> web.Response:
    records = call.account.records
    with_participants = parameters.flag("include_participants")
    found = queries.list_sessions(records, wanted, call.page(parameters))
    return answers.many(found, lambda session: wire(records, session, with_participants=with_participants).as_json())
