"""A real file that cannot grow: the limit of the process on the size of its files (RLIMIT_FSIZE)."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import aiohttp

PATIENCE_SECS = 60
LIMIT = 200_000

SERVE = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}))
from emulator.cli import main
sys.exit(main())
"""


async def test_r12_what_was_refused_for_want_of_room_is_not_there_and_all_else_is(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    options = ("serve", "--port", "0", "--ready-file", str(ready), "--data-dir", str(tmp_path / "data"))
    names: list[set[str]] = []
    for limited in (True, False):
        ready.unlink(missing_ok=True)
        start = ("-c", SERVE) if limited else ("-m", "emulator")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", *start, *options, "--log-level", "error", stdout=DEVNULL, stderr=PIPE
        )
        try:
            async with asyncio.timeout(PATIENCE_SECS):
                while not ready.exists():
                    assert process.returncode is None, (await process.communicate())[1].decode()
                    await asyncio.sleep(0.02)  # a file appears without an event
            url = json.loads(ready.read_text())["rest_url"] + "/rooms"
            async with aiohttp.ClientSession(headers={"Authorization": "Bearer KEY"}) as http:
                names.append(await (fill if limited else listed)(http, url))
                if limited:
                    assert await listed(http, url) == names[0], "reading goes on"
            process.kill() if limited else process.terminate()
        finally:
            _, errors = await process.communicate()
        assert errors == b""
    assert names[0] == names[1]


async def fill(http: aiohttp.ClientSession, url: str) -> set[str]:
    """Rooms until three were refused; returns the names of those that were not."""
    made: set[str] = set()
    refused = 0
    for number in range(1000):
        name = f"{number} {'x' * 2000}"
        async with http.post(url, json={"unique_name": name}) as answer:
            if answer.status == 201:
                made.add(name)
                continue
            assert answer.status == 507
            assert answer.headers["x-should-retry"] == "false"
            assert "could not be written to" in (await answer.json())["errors"][0]["detail"]
        refused += 1
        if refused == 3:
            assert made
            return made
    raise AssertionError("the file has grown beyond its limit")


async def listed(http: aiohttp.ClientSession, url: str) -> set[str]:
    async with http.get(url, params={"page[size]": "250"}) as answer:
        body = await answer.json()
        assert body["meta"]["total_pages"] <= 1
        return {room["unique_name"] for room in body["data"]}
