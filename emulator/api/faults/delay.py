"""`delay`: the answer takes its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from aiohttp import web

from emulator.api.faults.base import REST, Exchange, Proceed, RestFault
from emulator.faults import Choice, Delay, Duration


@REST.kind("delay")
@dataclass(frozen=True, slots=True, kw_only=True)
class DelayFault(RestFault):
    """Hold the request back before the operation happens, or its answer after it has."""

    secs: Annotated[Delay, Duration("how long, in real seconds")]
    when: Annotated[
        Literal["before", "after"],
        Choice(("before", "after"), "the operation; before if left out"),
    ] = "before"

    async def around(self, exchange: Exchange, proceed: Proceed) -> web.StreamResponse:
        secs = self.secs.draw(exchange.rng)
        if self.when == "before":
            await exchange.sleep(secs)
            return await proceed()
        response = await proceed()
        await exchange.sleep(secs)
        return response
