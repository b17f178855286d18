"""`kill -9` and start again, at once and on the same port: as a developer does it all day."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from emulator.clients import RoomClient
from tests.long.conftest import Tell
from tests.signaling.raw_client import RestRoom

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

PATIENCE_SECS = 60
KILLS = 5
EARLY_KILLS = 12

Serve = Callable[[int], Awaitable[Process]]


@pytest.fixture
def ready_file(tmp_path: Path) -> Path:
    return tmp_path / "ready.json"


@pytest.fixture
async def serve(ready_file: Path) -> AsyncIterator[Serve]:
    started: list[Process] = []

    async def start(port: int) -> Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "emulator", "serve", "--port", str(port), "--ready-file", str(ready_file)),
            stdout=DEVNULL,
            stderr=PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready(path: Path, process: Process) -> dict[str, Any]:
    """Whatever a ready file says must be true: it is of this process, and whole."""
    async with asyncio.timeout(PATIENCE_SECS):
        while not path.exists() or json.loads(path.read_text())["pid"] != process.pid:
            if process.returncode is not None:
                raise AssertionError((await process.communicate())[1].decode())
            await asyncio.sleep(0.01)  # a file changes without an event
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def free_port() -> int:
    """For TCP and UDP."""
    for _ in range(100):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free for both")


async def meet(told: dict[str, Any], http: aiohttp.ClientSession) -> tuple[RoomClient, RoomClient]:
    """Two people who see each other: REST, signaling and media all work."""
    room = await RestRoom.create(SimpleNamespace(**told), http)  # type: ignore[arg-type]  # its addresses are enough
    options = {"ws_url": told["ws_url"], "room_id": room.id}
    alice = RoomClient(name="alice", token=await room.token(), **options)
    bob = RoomClient(name="bob", token=await room.token(), **options)
    await asyncio.gather(alice.connect(), bob.connect())
    await alice.publish("self", video={"source": "test_card", "size": "160x90", "fps": 8})
    await bob.subscribe(alice)
    await bob.sees(alice, within=20.0)
    return alice, bob


async def test_killed_emulator_starts_again_at_once_on_the_same_port(
    serve: Serve, ready_file: Path, tell: Tell
) -> None:
    port = free_port()
    took, noticed = [], []
    clients: tuple[RoomClient, ...] = ()
    for _ in range(KILLS + 1):
        began = time.monotonic()
        process = await serve(port)
        told = await ready(ready_file, process)
        took.append(time.monotonic() - began)
        assert told["ws_url"] == f"ws://127.0.0.1:{port}"
        assert told["udp_port"] == port
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {told['api_key']}"}) as http:
            clients = await meet(told, http)
        began = time.monotonic()
        process.kill()
        for client in clients:
            ended = await client.wait_disconnected(timeout=10.0)
            assert (ended.code, ended.reason) == (1006, "network_error")
        noticed.append(time.monotonic() - began)
        await process.wait()
        for client in clients:
            await client.leave()
    tell(
        f"{KILLS + 1} starts on port {port}, ready after {min(took):.2f} to {max(took):.2f} s; "
        f"clients noticed the kill within {max(noticed) * 1000:.0f} ms"
    )


async def test_emulator_killed_while_it_starts_leaves_nothing_in_the_way(
    serve: Serve, ready_file: Path, tell: Tell, seed: int
) -> None:
    """At any moment: a ready file is whole or absent, and the next start on the port succeeds."""
    rng, port = Random(seed), free_port()
    process = await serve(port)
    began = time.monotonic()
    await ready(ready_file, process)
    whole = time.monotonic() - began
    process.kill()
    await process.wait()
    found = 0
    for _ in range(EARLY_KILLS):
        ready_file.unlink(missing_ok=True)
        process = await serve(port)
        await asyncio.sleep(rng.uniform(0.0, 1.1 * whole))
        process.kill()
        await process.wait()
        if ready_file.exists():
            found += 1
            assert set(json.loads(ready_file.read_text())) >= {"pid", "rest_url", "ws_url"}
    process = await serve(port)
    told = await ready(ready_file, process)
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {told['api_key']}"}) as http,
        http.get(f"{told['rest_url']}/rooms") as answer,
    ):
        assert answer.status == 200
    tell(f"seed {seed}: killed {EARLY_KILLS} times within {1.1 * whole:.2f} s of the start, {found} had been ready")


async def test_ready_file_of_a_killed_emulator_is_gone_before_the_next_one_is_ready(
    serve: Serve, ready_file: Path
) -> None:
    """Who waits for the file must not take the old one for the new one."""
    port = free_port()
    process = await serve(port)
    await ready(ready_file, process)
    process.kill()
    await process.wait()
    assert ready_file.exists()
    with socket.socket() as taken:  # the next one cannot become ready at all
        taken.bind(("127.0.0.1", port))
        taken.listen()
        process = await serve(port)
        async with asyncio.timeout(PATIENCE_SECS):
            assert await process.wait() == 2
    assert not ready_file.exists()
