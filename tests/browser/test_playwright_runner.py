"""The module for @playwright/test, in the real runner: a spec as its users write it."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from conftest_plugin.participants import Participant
from conftest_plugin.room import Room
from conftest_plugin.rooms_emulator import RoomsEmulator
from tests.browser.browser_host import BrowserHost
from tests.browser.chromium import ARGUMENTS, find_chromium

pytestmark = pytest.mark.browser

RUNNER = Path(__file__).parent / "runner"
NODE_MODULES = Path(__file__).parent / "node_modules"


async def test_spec_passes_in_the_real_runner(
    browser_host: BrowserHost,
    rooms_emulator: RoomsEmulator,
    rooms_room: Room,
    rooms_participant: Callable[..., Participant],
    tmp_path: Path,
) -> None:
    alice = rooms_participant("alice", publish="self", tone=7)
    async with aiohttp.ClientSession() as http, http.get(f"{rooms_emulator.admin_url}/playwright.mjs") as answer:
        assert answer.content_type == "text/javascript"
        (tmp_path / "rooms.mjs").write_text(await answer.text())
    for file in RUNNER.iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    process = await asyncio.create_subprocess_exec(
        "node", str(NODE_MODULES / "@playwright" / "test" / "cli.js"), "test",
        cwd=tmp_path,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(tmp_path),
            **rooms_emulator.env,
            "ROOMS_CHROMIUM": str(find_chromium()),
            "ROOMS_ARGUMENTS": json.dumps(ARGUMENTS),
            "APP_URL": f"{browser_host.app_url}?emulator={rooms_emulator.admin_url.removesuffix('/_emulator')}",
            "ROOM_ID": rooms_room.id,
            "ALICE_ID": alice.participant_id,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(100):
            told = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, told
    assert "1 passed" in told
