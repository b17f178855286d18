"""Rooms with `enable_recording`, through the front door: R-86 to R-92 with files behind them."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from emulator.server import Config, Emulator
from tests.recording.house import KEY, House
from tests.recording.kit import codec_of, duration_of, pictures, tones


async def test_room_without_enable_recording_records_nothing(house: House) -> None:
    """R-86."""
    room = await house.room(enable_recording=False)
    alice = await house.client(room, "alice")
    await alice.publish("self")
    bob = await house.client(room, "bob")
    await bob.subscribe(alice.participant_id, "self")
    await bob.sees(alice)
    await house.api.rooms.update(room, enable_recording=True)  # from the next session on
    await alice.leave()
    await bob.leave()
    assert not (await house.api.room_recordings.list()).data
    assert house.folder() is None


async def test_one_participant_makes_one_audio_and_one_video_file(house: House, tmp_path: Path) -> None:
    """R-87 to R-90: the vendor's SDK lists them, a plain GET fetches them, a decoder plays them."""
    room = await house.room(unique_name="Team stand-up")
    alice = await house.client(room, "Alice", tone=5)
    await alice.publish("self")
    running = await house.recordings(2, status="processing")
    assert all(recording.download_url is None for recording in running)
    await asyncio.sleep(2.0)
    await alice.leave()
    done = await house.recordings(2)
    assert {recording.id for recording in done} == {recording.id for recording in running}
    for recording in done:
        path = await house.download(recording.download_url, tmp_path)
        assert recording.participant_id == alice.participant_id
        assert recording.size_mb == path.stat().st_size / 1e6
        assert recording.codec == codec_of(path)
        assert duration_of(path) == pytest.approx(recording.duration_secs, abs=0.5)
        wall = (recording.ended_at - recording.started_at).total_seconds()
        assert duration_of(path) == pytest.approx(wall, abs=0.1)
        assert path.name.endswith(f"_{recording.id}{path.suffix}")
        assert "_Team-stand-up_Alice_" in path.name
        if recording.type == "audio":
            assert (recording.codec, path.suffix) == ("opus", ".ogg")
            assert tones(path, 0.3, wall - 0.3) == {5}
        else:
            assert (recording.codec, path.suffix) == ("vp8", ".webm")
            cards = [picture.reading for picture in pictures(path)]
            assert len(cards) > 5
            assert {card.participant_id for card in cards if card} == {alice.participant_id}
            assert None not in cards


async def test_download_serves_ranges_with_its_type_and_refuses_a_changed_url(house: House) -> None:
    """R-90."""
    alice = await house.client(await house.room(), "alice")
    await alice.publish("self")
    await house.recordings(2, status="processing")
    await alice.leave()
    done = await house.recordings(2)
    for recording in done:
        url = recording.download_url
        async with house.http.get(url, headers={"Range": "bytes=0-3"}) as answer:
            assert answer.status == 206
            assert await answer.read() == {"audio": b"OggS", "video": b"\x1a\x45\xdf\xa3"}[recording.type]
            assert answer.headers["Content-Type"] == {"audio": "audio/ogg", "video": "video/webm"}[recording.type]
        async with house.http.get(url.replace(recording.id, "../../etc/passwd")) as answer:
            assert answer.status in (403, 404)
        async with house.http.get(url[:-1]) as answer:
            assert answer.status == 403
    clock = f"{house.emulator.admin_url}/clock"
    await house.http.post(clock, json={"advance_secs": 3601}, headers={"Authorization": f"Bearer {KEY}"})
    url = done[0].download_url
    async with house.http.get(url) as answer:
        assert answer.status == 403
    fresh = (await house.api.room_recordings.retrieve(done[0].id)).data.download_url
    assert urlsplit(fresh).path == urlsplit(url).path
    async with house.http.get(fresh) as answer:
        assert answer.status == 200


async def test_deleting_a_recording_removes_its_file_also_while_it_runs(house: House) -> None:
    """R-91, R-92."""
    room = await house.room()
    alice = await house.client(room, "alice")
    bob = await house.client(room, "bob")
    await alice.publish("self")
    await bob.publish("self")
    running = await house.recordings(4, status="processing")
    folder = house.folder()
    assert folder is not None
    assert len(list(folder.rglob("*.*"))) == 4
    (chosen,) = (r.id for r in running if (r.participant_id, r.type) == (alice.participant_id, "audio"))
    await house.api.room_recordings.delete(chosen)
    gone = await house.api.room_recordings.delete_bulk(filter={"participant_id": bob.participant_id, "type": "video"})
    assert gone.data.room_recordings == 1
    await alice.leave()
    await bob.leave()
    left = await house.recordings(2)
    assert {path.stem.rpartition("_")[2] for path in folder.rglob("*.*")} == {recording.id for recording in left}
    assert (await house.api.room_recordings.delete_bulk()).data.room_recordings == 2
    await house.emulator.media_settled()
    assert not list(folder.rglob("*.*"))


async def test_camera_that_is_off_is_a_pause_and_fallback_media_starts_nothing(house: House, tmp_path: Path) -> None:
    """R-87."""
    alice = await house.client(await house.room(), "alice")
    await alice.publish("self")
    await house.recordings(2, status="processing")
    await asyncio.sleep(0.5)
    await alice.update_stream("self", video=False)
    await asyncio.sleep(2.0)
    await alice.update_stream("self", video=True)
    await asyncio.sleep(0.7)
    await alice.leave()
    (video,) = [each for each in await house.recordings(2) if each.type == "video"]
    path = await house.download(video.download_url, tmp_path)
    seen = pictures(path)
    steps = [later.time - earlier.time for earlier, later in pairwise(seen)]
    assert max(steps) == pytest.approx(2.0, abs=0.5)
    assert [picture.reading for picture in seen].count(None) <= 2  # those that crossed a change of flags
    assert duration_of(path) == pytest.approx((video.ended_at - video.started_at).total_seconds(), abs=0.1)


async def test_who_publishes_nothing_or_is_switched_off_is_not_recorded(house: House) -> None:
    room = await house.room()
    alice = await house.client(room, "alice")
    bob = await house.client(room, "bob")
    await alice.publish("self", video=None, audio=None)
    await bob.subscribe(alice.participant_id, "self")
    await asyncio.sleep(0.5)
    await alice.leave()
    await bob.leave()
    assert not (await house.api.room_recordings.list()).data


async def test_telephone_is_recorded_from_its_only_leg(house: House, tmp_path: Path) -> None:
    room = await house.room()
    caller = await house.client(room, "caller", kind="telephone", tone=9)
    await caller.publish("self", video=None)
    await house.recordings(1, status="processing")
    await asyncio.sleep(1.0)
    await caller.leave()
    (audio,) = await house.recordings(1)
    path = await house.download(audio.download_url, tmp_path)
    assert tones(path, 0.3, 0.9) == {9}


@pytest.mark.parametrize("end", ["end", "delete", "kick"])
async def test_however_a_meeting_ends_its_files_are_whole(house: House, tmp_path: Path, end: str) -> None:
    room = await house.room()
    alice = await house.client(room, "alice")
    await alice.publish("self")
    running = await house.recordings(2, status="processing")
    await asyncio.sleep(0.8)
    if end == "delete":
        await house.api.rooms.delete(room)
    elif end == "kick":
        await house.api.rooms.sessions.actions.kick(running[0].session_id, participants="all")
    else:
        await house.api.rooms.sessions.actions.end(running[0].session_id)
    for recording in await house.recordings(2):
        path = await house.download(recording.download_url, tmp_path)
        assert duration_of(path) == pytest.approx((recording.ended_at - recording.started_at).total_seconds(), abs=0.1)
    await alice.leave()


async def test_reset_and_stop_leave_no_file_behind(tmp_path: Path) -> None:
    async with Emulator(Config(port=0)) as emulator, aiohttp.ClientSession() as http:
        house = House(emulator, http)
        alice = await house.client(await house.room(), "alice")
        await alice.publish("self")
        await house.recordings(2, status="processing")
        folder = house.folder()
        assert folder is not None
        await http.post(f"{emulator.admin_url}/reset", headers={"Authorization": f"Bearer {KEY}"})
        await emulator.media_settled()
        assert not list(folder.rglob("*.*"))
        bob = await house.client(await house.room(), "bob")
        await bob.publish("self")
        await house.recordings(2, status="processing")
        assert len(list(folder.rglob("*.*"))) == 2
        emulator.forget_account(KEY)
        await emulator.media_settled()
        assert not list(folder.rglob("*.*"))
        await house.api.close()
    assert not folder.exists()
