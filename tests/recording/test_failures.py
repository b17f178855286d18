"""What goes wrong with files ends a recording, says why in one line, and never touches the meeting."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import sys
import threading
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest

from emulator.clients.room_client import RoomClient
from emulator.recording.ogg import OggWriter
from emulator.recording.recording import Outcome, Recording
from emulator.server import Config, Emulator
from emulator.store.budget import Budget
from emulator.store.disk import Disk
from emulator.store.files import MediaFiles
from tests.recording.house import KEY, House
from tests.recording.kit import duration_of, pictures, sound, tones

ACCOUNT = "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"
RECORD = "5c027fa9-012f-4d06-bef4-b148ffe4300a"


async def two_people(house: House) -> tuple[RoomClient, RoomClient]:
    room = await house.room()
    alice, bob = await house.client(room, "alice", tone=4), await house.client(room, "bob")
    await alice.publish("self")
    await bob.subscribe(alice.participant_id, "self")
    return alice, bob


async def is_alive(alice: RoomClient, bob: RoomClient) -> None:
    await bob.sees(alice)
    await bob.hears(alice)


async def test_full_disk_ends_the_recordings_with_what_they_have(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bob = await two_people(house)
    await house.recordings(2, status="processing")
    await asyncio.sleep(1.0)

    def full(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    done = await house.recordings(2)
    monkeypatch.undo()
    await is_alive(alice, bob)
    assert caplog.text.count("cannot be written: No space left on device") == 2
    for recording in done:
        path = await house.download(recording.download_url, tmp_path)
        assert 0.5 < duration_of(path) < 5
        if recording.type == "audio":
            assert tones(path, 0.2, duration_of(path) - 0.1) == {4}
        else:
            assert all(picture.reading for picture in pictures(path))
    await alice.leave()
    await bob.leave()
    assert len((await house.api.room_recordings.list()).data or []) == 2


async def test_spent_budget_ends_recordings_and_lets_no_other_begin(caplog: pytest.LogCaptureFixture) -> None:
    async with Emulator(Config(port=0, media_budget_mb=0.008)) as emulator, aiohttp.ClientSession() as http:
        house = House(emulator, http)
        alice, bob = await two_people(house)
        done = await house.recordings(1)
        assert "the media budget of 0.008 MB is spent: delete recordings, or raise --media-budget" in caplog.text
        await bob.publish("self")
        await is_alive(alice, bob)
        await alice.leave()
        await bob.leave()
        account = emulator.accounts.by_key(KEY)
        assert account is not None
        assert all(r.participant_id == alice.participant_id for r in account.records.recordings.values())
        assert sum(recording.size_mb for recording in done) < 0.02
        await house.api.close()


async def test_folder_that_cannot_be_written_lets_nothing_begin_and_is_named(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    really = os.open

    def refuse(path: str | Path, flags: int, *more: int, **named: int) -> int:
        if flags & os.O_CREAT and str(path).endswith((".ogg", ".webm")):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return really(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    alice, bob = await two_people(house)
    await is_alive(alice, bob)
    assert "is not recorded: " in caplog.text
    assert "cannot be written: Read-only file system" in caplog.text
    assert not (await house.api.room_recordings.list()).data
    await alice.leave()
    await bob.leave()


async def test_file_size_limit_of_the_process_is_no_end_of_it(tmp_path: Path) -> None:
    """RLIMIT_FSIZE: the kernel refuses what would make any file longer."""
    ready = tmp_path / "ready.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "emulator", "serve", "--port", "0", "--ready-file", str(ready)),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000)),
        stdout=DEVNULL,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(60):
            while not ready.exists():  # noqa: ASYNC110 - a file appears without an event
                await asyncio.sleep(0.02)
        told = SimpleNamespace(**json.loads(ready.read_text()))
        async with aiohttp.ClientSession() as http:
            house = House(told, http)
            alice, bob = await two_people(house)
            done = await house.recordings(2)
            await is_alive(alice, bob)
            for recording in done:
                path = await house.download(recording.download_url, tmp_path)
                assert path.stat().st_size <= 6_000
                assert duration_of(path) > 0.1
            await alice.leave()
            await bob.leave()
            await house.api.close()
    finally:
        process.terminate()
        _, errors = await process.communicate()
    assert process.returncode == 0
    assert errors.decode().count("cannot be written: File too large") == 2


async def test_slow_disk_makes_gaps_and_says_so_and_nothing_piles_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(asyncio.get_running_loop(), limit=2_000)
    files = MediaFiles(tmp_path, Budget(1_000_000))
    over: list[Outcome] = []
    container = OggWriter()
    recording = Recording(
        RECORD,
        "alice",
        container,
        files.create(ACCOUNT, RECORD, "", "ogg"),
        files=files,
        disk=disk,
        on_over=over.append,
    )
    gate = threading.Event()
    disk.run(gate.wait, None)
    packets = sound(3, 2.0)
    kept = 0
    for number, packet in enumerate(packets * 3):
        kept += recording.put(packet, number * 0.02, keyframe=True)
        if number % 10 == 9:
            recording.flush()
    assert recording.congested
    assert kept < 100
    assert disk.waiting < 4_000
    assert caplog.text.count("the disk is behind") == 1
    gate.set()
    await disk.drained()
    recording.flush()
    assert not recording.congested
    assert recording.put(packets[0], 9.0, keyframe=True)
    recording.finish(container.end)
    await disk.drained()
    assert recording.problem is not None
    (outcome,) = over
    assert outcome.size == (tmp_path / ACCOUNT / f"{RECORD}.ogg").stat().st_size
    assert duration_of(tmp_path / ACCOUNT / f"{RECORD}.ogg") == pytest.approx(outcome.duration, abs=0.01)
    await disk.close()


async def test_file_that_somebody_took_away_completes_as_empty(house: House, caplog: pytest.LogCaptureFixture) -> None:
    alice, bob = await two_people(house)
    await house.recordings(2, status="processing")
    folder = house.folder()
    assert folder is not None
    for path in folder.rglob("*.*"):
        path.unlink()
    await alice.leave()
    done = await house.recordings(2)
    assert [(recording.duration_secs, recording.size_mb) for recording in done] == [(0, 0.0)] * 2
    assert "cannot be closed" in caplog.text
    async with house.http.get(done[0].download_url) as answer:
        assert answer.status == 404
    await bob.leave()
