"""From the command to the first answer, and how much memory that takes.

Beside it, in turns: a bare aiohttp application, the least a Python HTTP server can do.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from emulator.clients.room_client import RoomClient
from tests.benchmarks import session_fixture
from tests.benchmarks.cpu import resident
from tests.benchmarks.table import Row

ROOT = Path(__file__).parent.parent.parent
API_KEY = "KEY_bench"
LONGEST_START = 20.0
ROOM_SECS = 4.0

# Nothing of this project is in it. Its answers have the fields of the emulator's, so that both write and carry the same
# JSON, from a list in memory; a POST's body is parsed, and answered as a room. It checks nothing and keeps nothing.
BARE = """
import sys
from aiohttp import web

AT = "2026-09-17T20:00:00.123456Z"
ROOM = {"id": "4d8f1d9e-0f5c-4c1b-8ecf-2f1d9e0f5c4c", "record_type": "room", "max_participants": 10,
        "enable_recording": False, "created_at": AT, "updated_at": AT}
ROOMS = [{**ROOM, "unique_name": f"first {number}"} for number in range(3)]
META = {"page_number": 1, "page_size": 20, "total_pages": 1, "total_results": len(ROOMS)}

async def listed(request):
    return web.json_response({"data": ROOMS, "meta": META})

async def created(request):
    return web.json_response({"data": {**ROOM, **await request.json()}}, status=201)

async def ready(request):
    return web.Response(text="ok")

app = web.Application()
app.router.add_get("/readyz", ready)
app.router.add_get("/v2/rooms", listed)
app.router.add_post("/v2/rooms", created)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A server in a process of its own. `took` is in seconds, from the command until /readyz answered."""

    pid: int
    port: int
    took: float

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def rest_url(self) -> str:
        return f"{self.origin}/v2"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


@contextlib.contextmanager
def served(command: Sequence[str]) -> Iterator[Served]:
    """Runs the command with a free port as its last argument. Raises RuntimeError if it does not answer in 20 s."""
    port = _free_port()
    began = time.perf_counter()
    process = subprocess.Popen(
        [*command, str(port)], cwd=ROOT, env=session_fixture.as_installed(), stdout=subprocess.DEVNULL
    )
    try:
        while not _ready(port):
            if process.poll() is not None or time.perf_counter() - began > LONGEST_START:
                raise RuntimeError(f"{' '.join(command)[:80]}: no answer (exit code {process.poll()})")
            time.sleep(0.001)
        yield Served(process.pid, port, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(LONGEST_START)


def emulator() -> contextlib.AbstractContextManager[Served]:
    """`rooms-emulator serve`."""
    return served([sys.executable, "-m", "emulator", "serve", "--api-key", API_KEY, "--port"])


def bare() -> contextlib.AbstractContextManager[Served]:
    return served([sys.executable, "-c", BARE])


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as sock:
            sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return b" 200 " in sock.recv(64)
    except OSError:
        return False


class Rest:
    """The few calls benchmarks need, with the benchmarks' key. An async context manager."""

    def __init__(self, rest_url: str) -> None:
        self._url = rest_url
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> Rest:
        self._http = aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def room(self, **fields: object) -> str:
        return str((await self.post("/rooms", **fields))["id"])

    async def token(self, room_id: str) -> str:
        return str((await self.post(f"/rooms/{room_id}/actions/generate_join_client_token"))["token"])

    async def session(self, room_id: str) -> str:
        """The id of the active one."""
        async with self._http.get(f"{self._url}/rooms/{room_id}") as answer:
            return str((await answer.json())["data"]["active_session_id"])

    async def post(self, path: str, **body: object) -> dict[str, object]:
        async with self._http.post(f"{self._url}{path}", json=body) as answer:
            answer.raise_for_status()
            data: dict[str, object] = (await answer.json())["data"]
            return data


async def _room_of_two(server: Served) -> None:
    """Both publish picture and sound, and subscribe to each other."""
    async with Rest(server.rest_url) as rest:
        room_id = await rest.room()
        alice, bob = [
            RoomClient(ws_url=server.ws_url, room_id=room_id, token=await rest.token(room_id), name=name)
            for name in ("alice", "bob")
        ]
        async with alice, bob:
            await alice.publish()
            await bob.publish()
            await alice.subscribe(bob)
            await bob.subscribe(alice)
            await bob.sees(alice)
            await asyncio.sleep(ROOM_SECS)


def rows(*, quick: bool) -> list[Row]:
    starts: list[float] = []
    bare_starts: list[float] = []
    idle: list[float] = []
    bare_idle: list[float] = []
    busy: list[float] = []
    fixtures: list[float] = []
    bare_fixtures: list[float] = []
    with emulator():  # compiled and in the file cache from here on
        session_fixture.seconds("rooms_emulator_server")
    for _ in range(2 if quick else 5):
        with emulator() as server:
            starts.append(server.took)
            time.sleep(0.5)  # what is loaded behind the first answer belongs to it, too
            idle.append(resident(server.pid) / 1e6)
            if len(busy) < 2:
                asyncio.run(_room_of_two(server))
                busy.append(resident(server.pid) / 1e6)
        with bare() as server:
            bare_starts.append(server.took)
            bare_idle.append(resident(server.pid) / 1e6)
        fixtures.append(session_fixture.seconds("rooms_emulator_server"))
        bare_fixtures.append(session_fixture.seconds("bare_server"))
    return [
        Row("start to ready", tuple(starts), "s", tuple(bare_starts), "bare aiohttp", live=True),
        Row("", tuple(starts), "s", (1.96,), "Prism 5.14"),
        Row("", tuple(starts), "s", (0.42,), "moto server"),
        Row("pytest: session fixture to ready", tuple(fixtures), "s", tuple(bare_fixtures), "bare aiohttp", live=True),
        Row("resident memory after start", tuple(idle), "MB", tuple(bare_idle), "bare aiohttp", live=True),
        Row("", tuple(idle), "MB", (157, 230), "Prism 5.14"),
        Row("resident memory with a room of 2", tuple(busy), "MB", (43,), "Janus 1.1.2"),
    ]
