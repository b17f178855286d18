"""Operations 15 to 17: participants, under their session and of the whole account."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from emulator.api import answers
from emulator.api.call import Call
from emulator.api.parameters import Parameters
from emulator.rooms import queries
from emulator.rooms.participant import Participant
from emulator.wire import rest


async def list_of_session(call: Call) -> web.Response:
    """404 for an unknown session; else the same as filtering by it (R-57)."""
    session = call.account.session(call.path_id("room_session_id"))
    parameters = call.parameters
    return _list(call, parameters, replace(_filter(parameters), session_id=session.id))


async def list_all(call: Call) -> web.Response:
    parameters = call.parameters
    return _list(call, parameters, replace(_filter(parameters), session_id=parameters.text("filter[session_id]")))


async def get(call: Call) -> web.Response:
    return answers.one(wire(call.account.participant(call.path_id("room_participant_id"))).as_json())


def wire(participant: Participant) -> rest.RoomParticipant:
    return rest.RoomParticipant(
        id=participant.id,
        session_id=participant.session_id or None,
        joined_at=participant.joined_at,
        updated_at=participant.updated_at,
        context=participant.context,
        left_at=participant.left_at,
    )


def _filter(parameters: Parameters) -> queries.ParticipantFilter:
    return queries.ParticipantFilter(
        context=parameters.text("filter[context]"),
        joined_at=parameters.dates("date_joined_at"),
        updated_at=parameters.dates("date_updated_at"),
        left_at=parameters.dates("date_left_at"),
    )


def _list(call: Call, parameters: Parameters, wanted: queries.ParticipantFilter) -> web.Response:
    found = queries.list_participants(call.account.records, wanted, call.page(parameters))
    return answers.many(found, lambda participant: wire(participant).as_json())
