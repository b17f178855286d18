"""Operations 18 to 25: recordings and compositions, which this version does not have yet."""

from __future__ import annotations

from aiohttp import web

from emulator.api.call import Call
from emulator.api.errors import NotAvailable


async def recordings(call: Call) -> web.Response:
    raise NotAvailable("recordings")


async def compositions(call: Call) -> web.Response:
    raise NotAvailable("compositions")
