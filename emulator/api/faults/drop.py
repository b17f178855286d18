"""`drop`: the connection breaks, and the client can not tell whether before the operation or after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from aiohttp import web

from emulator.api.faults.base import REST, Exchange, Proceed, RestFault
from emulator.faults import Choice


@REST.kind("drop")
@dataclass(frozen=True, slots=True, kw_only=True)
class DropFault(RestFault):
    """Close the connection without an answer: before the operation (request lost) or after it (answer lost)."""

    final: ClassVar[bool] = True

    when: Annotated[
        Literal["before", "after"],
        Choice(("before", "after"), "the operation; before if left out"),
    ] = "before"

    async def around(self, exchange: Exchange, proceed: Proceed) -> web.StreamResponse:
        response = await proceed() if self.when == "after" else web.Response(status=500)
        if exchange.request.transport is not None:
            exchange.request.transport.abort()
        return response  # goes nowhere
