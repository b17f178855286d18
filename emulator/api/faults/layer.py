"""Puts faults between an authenticated request and its operation."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from emulator.api.edge import answered
from emulator.api.faults.base import REST, Exchange, Proceed, RestFault
from emulator.api.faults.operations import OPERATIONS
from emulator.api.recorder import FAULT_HEADER
from emulator.faults import Facts, FaultBook, Fired
from emulator.rooms.account import Account

log = logging.getLogger("emulator.api.faults")

_VERSION = "/v2"


class FaultLayer:
    """`sleep` takes real seconds."""

    def __init__(self, book: FaultBook, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._book = book
        self._sleep = sleep

    def threaten(self, account: Account) -> bool:
        """Whether the account has any rule at all: without one, an operation needs no `run`."""
        return self._book.active(account.id, REST)

    async def run(self, request: web.Request, account: Account, operation: Handler) -> web.StreamResponse:
        """The operation's answer, or what the account's faults make of it; the first rule is the outermost.

        Comes after authentication and rate limit: what those refuse is no match. Without a fault, refusals of the
        operation are raised as ever.
        """
        fired = self._book.draw(account.id, REST, facts(request))
        if not fired:
            return await operation(request)

        proceed: Proceed = functools.partial(answered, request, operation)
        for happening in reversed(fired):
            proceed = self._wrapped(request, happening, proceed)
        response = await proceed()
        ids = ", ".join(happening.rule_id for happening in fired)
        log.info("%s %s: fault %s", request.method, request.path, ids)
        response.headers[FAULT_HEADER] = ids
        return response

    def _wrapped(self, request: web.Request, happening: Fired[RestFault], proceed: Proceed) -> Proceed:
        exchange = Exchange(request, happening.rng, self._sleep)

        async def around() -> web.StreamResponse:
            return await happening.fault.around(exchange, proceed)

        return around


def facts(request: web.Request) -> Facts:
    """What rules can match on (see `REST`)."""
    found = request.match_info
    resource = found.route.resource
    template = "" if resource is None else resource.canonical.removeprefix(_VERSION)
    method = hdrs.METH_GET if request.method == hdrs.METH_HEAD else request.method
    bare = request.path.removeprefix(_VERSION)
    return {
        "operation": OPERATIONS.get((method, template)),
        "method": request.method,
        "path": (bare, _VERSION + bare),
        "room_id": _lower(found.get("room_id")),
        "session_id": _lower(found.get("room_session_id")),
        "participant_id": _lower(found.get("room_participant_id")),
        "recording_id": _lower(found.get("room_recording_id")),
        "composition_id": _lower(found.get("room_composition_id")),
    }


def _lower(text: str | None) -> str | None:
    """Ids are lower-case (R-4), however the client writes them."""
    return None if text is None else text.lower()
