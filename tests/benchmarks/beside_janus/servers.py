"""The two servers, each in a process of its own, and what a client of either has to say differently."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aioice.ice import get_host_addresses

from tests.benchmarks.start import Rest, emulator
from tests.janus.janus_server import ROOM, JanusServer

ROOM_NAME = "beside"
MOST_PARTICIPANTS = 50


@dataclass(frozen=True, slots=True)
class Server:
    """`room` is as requests name it; `token` is None where none is asked for. `host` is where its media is."""

    name: str
    url: str
    pid: int
    host: str
    room: int | str
    token: str | None

    def cpu(self) -> float:
        """Seconds used by the process since it began, threads that have ended included (see `clock_getcpuclockid`)."""
        return time.clock_gettime(~self.pid << 3 | 2)


@asynccontextmanager
async def ours() -> AsyncIterator[Server]:
    """`rooms-emulator serve`, with a fresh room."""
    with emulator() as served:
        async with Rest(served.rest_url) as rest:
            room = await rest.room(max_participants=MOST_PARTICIPANTS)
            token = await rest.token(room)
        url = f"{served.ws_url}/{room}/janus"
        yield Server("emulator", url, served.pid, "127.0.0.1", room, token)


@asynccontextmanager
async def janus() -> AsyncIterator[Server]:
    """Debian's. It offers no loopback address, so the media is at the machine's own; that is the same interface."""
    async with JanusServer(ROOM_NAME, publishers=MOST_PARTICIPANTS) as server:
        host = get_host_addresses(use_ipv4=True, use_ipv6=False)[0]
        yield Server("Janus", server.url, server.pid, host, ROOM, None)
