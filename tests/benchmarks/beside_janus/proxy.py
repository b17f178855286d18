"""A WebSocket proxy in front of either server: both then are as far away from the SDK.

In front of Janus it also translates, as the vendor's gateway does (tests/janus/translation.py).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import WSMsgType, web

from tests.benchmarks.beside_janus.servers import Server
from tests.janus.janus_server import ROOM
from tests.janus.translation import Translation

PROTOCOL = "janus-protocol"


class Proxy:
    """`url` is where the SDK connects to, whatever room it names. Made by `proxy`."""

    def __init__(self, server: Server, room_id: str, http: aiohttp.ClientSession) -> None:
        self.url = ""
        self._server = server
        self._room_id = room_id
        self._http = http

    async def serve(self, request: web.Request) -> web.StreamResponse:
        near = web.WebSocketResponse(protocols=(PROTOCOL,), autoclose=False)
        await near.prepare(request)
        async with self._http.ws_connect(self._server.url, protocols=[PROTOCOL], autoclose=False) as far:
            # Without a token the other end is Janus, and knows nothing of the vendor's gateway.
            translation = Translation(self._room_id, ROOM) if self._server.token is None else None
            there = self._carry(near, far, None if translation is None else translation.outgoing)
            back = self._carry(far, near, None if translation is None else translation.incoming)
            tasks = {asyncio.create_task(there), asyncio.create_task(back)}
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(far.close(), near.close())
        return near

    async def _carry(
        self,
        source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
        sink: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
        change: Callable[[dict[str, object]], dict[str, object]] | None,
    ) -> None:
        while True:
            message = await source.receive()
            if message.type is not WSMsgType.TEXT:
                return
            await sink.send_str(message.data if change is None else json.dumps(change(json.loads(message.data))))


@asynccontextmanager
async def proxy(server: Server, room_id: str, host: str = "127.0.0.1") -> AsyncIterator[Proxy]:
    """Listens at `host`, from which our own clients send their media, too."""
    async with aiohttp.ClientSession() as http:
        made = Proxy(server, room_id, http)
        app = web.Application()
        app.router.add_get("/{path:.*}", made.serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, 0)
            await site.start()
            made.url = f"ws://{host}:{runner.addresses[0][1]}"
            yield made
        finally:
            await runner.cleanup()
