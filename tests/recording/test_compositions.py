"""Compositions through the front door: R-93, R-94, R-98 to R-101 with films behind them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from emulator.clients.room_client import RoomClient
from emulator.probes.card_reader import read_card
from emulator.server import Config, Emulator
from tests.recording.house import KEY, PATIENCE_SECS, House
from tests.recording.kit import duration_of, opened, tones

HEADERS = {"Authorization": f"Bearer {KEY}"}


class Cutter:
    """Asks for compositions, and steers them at the admin API."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.url = f"{house.emulator.admin_url}/compositions"

    async def ask(self, session: str, *, audio_sources: list[str] | None = None, **fields: Any) -> str:
        """`audio_sources` is no field of the public document, nor of the SDK."""
        more: Any = {} if audio_sources is None else {"extra_body": {"audio_sources": audio_sources}}
        return str((await self.house.api.room_compositions.create(session_id=session, **fields, **more)).data.id)

    async def status(self, composition: str) -> str:
        return str((await self.house.api.room_compositions.retrieve(composition)).data.status)

    async def until(self, composition: str, status: str) -> Any:
        return await self.house.film(composition, status)

    async def made(self, composition: str) -> None:
        """Until the film is there, whether it may be told or not."""
        async with asyncio.timeout(PATIENCE_SECS):
            while (await self.job(composition))["progress"] < 1:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.05)

    async def call(self, method: str, path: str = "", **body: Any) -> tuple[int, Any]:
        async with self.house.http.request(method, self.url + path, json=body or None, headers=HEADERS) as answer:
            return answer.status, await answer.json()

    async def job(self, composition: str) -> dict[str, Any]:
        _, body = await self.call("GET")
        return next(each for each in body["data"]["compositions"] if each["id"] == composition)


@pytest.fixture
def cutter(house: House) -> Cutter:
    return Cutter(house)


async def meet(house: House) -> tuple[str, RoomClient, RoomClient, dict[str, float]]:
    """Alice is there all the time, Bob for the second half of it. Returns the session, and Unix seconds."""
    room = await house.room(unique_name="cut")
    alice = await house.client(room, "alice", tone=1)
    await alice.publish("self")
    first = await house.recordings(2, status="processing")
    await asyncio.sleep(1.2)
    bob = await house.client(room, "bob", tone=2)
    await bob.publish("self")
    await house.recordings(4, status="processing")
    await bob.hears(alice)
    await alice.hears(bob)
    await asyncio.sleep(1.5)
    session = str(first[0].session_id)
    await house.api.rooms.sessions.actions.end(session)
    done = await house.recordings(4)
    moments = {f"{r.participant_id} {r.type}": r.started_at.timestamp() for r in done}
    await alice.leave()
    await bob.leave()
    return session, alice, bob, moments


async def test_film_of_a_meeting_shows_everybody_in_their_place_and_time(
    house: House, cutter: Cutter, tmp_path: Path
) -> None:
    """R-94, R-98 to R-100; the acceptance of issue 8: each region shows the right person, the right tones sound."""
    session, alice, bob, moments = await meet(house)
    videos = {r.participant_id: r.id for r in await house.recordings(4) if r.type == "video"}
    composition = await cutter.ask(
        session,
        resolution="640x480",
        audio_sources=["*"],
        video_layout={
            "main": {"width": 640, "height": 360, "video_sources": [videos[alice.participant_id]]},
            "inset": {
                "width": 160, "height": 90, "x_pos": 470, "y_pos": 380, "z_pos": 2,
                "video_sources": [videos[bob.participant_id]],
            },
        },
    )  # fmt: skip
    done = await cutter.until(composition, "completed")
    path = await house.download(done.download_url, tmp_path)
    began = min(moments.values())
    assert done.started_at.timestamp() == pytest.approx(began, abs=0.01)
    assert duration_of(path) == pytest.approx((done.ended_at - done.started_at).total_seconds(), abs=0.1)
    assert done.duration_secs == round(duration_of(path))
    assert done.size_mb == path.stat().st_size / 1e6
    assert path.name.endswith(f"_cut_composition-640x480_{composition}.mp4")
    bob_from = moments[f"{bob.participant_id} video"] - began
    with opened(path) as film:
        for frame in film.decode(video=0):
            assert (frame.width, frame.height) == (640, 480)
            luma = frame.to_ndarray(format="yuv420p")[:480]
            main, inset = (read_card(np.ascontiguousarray(part)) for part in (luma[:360], luma[380:470, 470:630]))
            if 0.3 < frame.time < duration_of(path) - 0.2:
                assert main is not None
                assert main.participant_id == alice.participant_id
            if frame.time < bob_from - 0.1:
                assert inset is None
                assert luma[380:470, 470:630].max() < 40
            elif bob_from + 0.2 < frame.time < duration_of(path) - 0.2:
                assert inset is not None
                assert inset.participant_id == bob.participant_id
    end = duration_of(path)
    assert tones(path, end - 1.0, end - 0.1) == {1, 2}
    assert tones(path, 0.2, bob_from - 0.3) <= {1}


async def test_film_without_audio_sources_has_no_sound_and_a_grid_of_all(
    house: House, cutter: Cutter, tmp_path: Path
) -> None:
    session, alice, bob, _ = await meet(house)
    composition = await cutter.ask(session, resolution="640x180")
    path = await house.download((await cutter.until(composition, "completed")).download_url, tmp_path)
    with opened(path) as film:
        assert [stream.type for stream in film.streams] == ["video"]
        luma = [frame.to_ndarray(format="yuv420p")[:180] for frame in film.decode(video=0)][-10]
    for part, person in ((luma[:, :320], alice), (luma[:, 320:], bob)):
        reading = read_card(np.ascontiguousarray(part))
        assert reading is not None
        assert reading.participant_id == person.participant_id


async def short(house: House) -> str:
    """A short meeting; returns its session."""
    alice = await house.client(await house.room(), "alice")
    await alice.publish("self")
    session = str((await house.recordings(2, status="processing"))[0].session_id)
    await alice.leave()
    return session


async def test_composition_waits_for_recordings_that_are_still_made(house: House, cutter: Cutter) -> None:
    alice = await house.client(await house.room(), "alice")
    await alice.publish("self")
    session = str((await house.recordings(2, status="processing"))[0].session_id)
    composition = await cutter.ask(session)
    await asyncio.sleep(0.3)
    assert await cutter.status(composition) == "enqueued"
    await alice.leave()
    assert (await cutter.until(composition, "completed")).duration_secs >= 0


async def test_by_hand_it_goes_step_by_step_and_never_back(house: House, cutter: Cutter) -> None:
    """R-94."""
    assert await cutter.call("PUT", mode="manual") == (200, {"data": {"mode": "manual"}})
    composition = await cutter.ask(await short(house))
    await asyncio.sleep(0.3)
    assert await cutter.job(composition) == {"id": composition, "status": "enqueued", "progress": 0.0}
    assert (await cutter.call("POST", f"/{composition}/steps"))[0] == 200
    await cutter.until(composition, "processing")
    await cutter.made(composition)
    assert await cutter.status(composition) == "processing"
    assert (await house.api.room_compositions.retrieve(composition)).data.download_url is None
    await cutter.call("POST", f"/{composition}/steps")
    await cutter.until(composition, "completed")
    assert (await cutter.call("POST", f"/{composition}/steps"))[0] == 404
    second = await cutter.ask((await house.recordings(2))[0].session_id)
    await cutter.call("POST", f"/{second}/steps", steps=2)
    await cutter.until(second, "completed")


async def test_after_a_while_of_the_accounts_time_each_step_comes(house: House, cutter: Cutter) -> None:
    clock = f"{house.emulator.admin_url}/clock"
    session = await short(house)
    await house.recordings(2)
    await house.http.post(clock, json={"freeze": True}, headers=HEADERS)
    await cutter.call("PUT", mode="after", secs=60)
    composition = await cutter.ask(session)
    await asyncio.sleep(0.2)
    assert await cutter.status(composition) == "enqueued"
    await house.http.post(clock, json={"advance_secs": 61}, headers=HEADERS)
    await cutter.until(composition, "processing")
    await cutter.made(composition)
    assert await cutter.status(composition) == "processing"
    await house.http.post(clock, json={"advance_secs": 61}, headers=HEADERS)
    await cutter.until(composition, "completed")


async def test_pace_that_is_none_is_refused(cutter: Cutter) -> None:
    wrong: dict[str, dict[str, Any]] = {"/mode": {"mode": "soon"}, "/secs": {"mode": "after", "secs": -1}}
    for pointer, body in wrong.items():
        status, answer = await cutter.call("PUT", **body)
        assert (status, answer["errors"][0]["source"]["pointer"]) == (422, pointer)
    assert (await cutter.call("POST", "/5c027fa9-012f-4d06-bef4-b148ffe4300a/steps"))[0] == 404


async def test_deleted_composition_is_given_up_and_leaves_nothing(house: House, cutter: Cutter) -> None:
    """R-101."""
    session = await short(house)
    await house.recordings(2)
    await cutter.call("PUT", mode="manual")
    composition = await cutter.ask(session)
    await cutter.call("POST", f"/{composition}/steps")
    await cutter.until(composition, "processing")
    await house.api.room_compositions.delete(composition)
    folder = house.folder()
    assert folder is not None
    async with asyncio.timeout(PATIENCE_SECS):
        while list(folder.rglob("*.mp4")):  # noqa: ASYNC110 - a file goes without an event
            await asyncio.sleep(0.02)
    assert (await cutter.call("GET"))[1]["data"]["compositions"] == []


async def test_what_cannot_be_made_says_why_and_a_step_tries_again(
    house: House, cutter: Cutter, caplog: pytest.LogCaptureFixture
) -> None:
    session = await short(house)
    video = next(each for each in await house.recordings(2) if each.type == "video")
    folder = house.folder()
    assert folder is not None
    (path,) = folder.rglob(f"*{video.id}.webm")
    whole = path.read_bytes()
    path.write_bytes(b"no film")
    composition = await cutter.ask(session)
    async with asyncio.timeout(PATIENCE_SECS):
        while "problem" not in (job := await cutter.job(composition)):  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)
    assert job["status"] == "processing"
    assert "Invalid data" in job["problem"]
    assert f"the composition {composition} cannot be made" in caplog.text
    path.write_bytes(whole)
    await cutter.call("POST", f"/{composition}/steps")
    assert (await cutter.until(composition, "completed")).size_mb > 0


async def test_film_of_recordings_whose_files_are_gone_is_not_made_and_says_so(
    house: House, cutter: Cutter, caplog: pytest.LogCaptureFixture
) -> None:
    session = await short(house)
    audio = next(each for each in await house.recordings(2) if each.type == "audio")
    folder = house.folder()
    assert folder is not None
    (path,) = folder.rglob(f"*{audio.id}.ogg")
    kept = path.read_bytes()
    path.unlink()
    composition = await cutter.ask(session)
    async with asyncio.timeout(PATIENCE_SECS):
        while "problem" not in (job := await cutter.job(composition)):  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)
    assert job["status"] == "processing"
    assert job["problem"] == f"the audio recording {audio.id} cannot be read: the file {path.name} is gone"
    assert job["problem"] in caplog.text
    path.write_bytes(kept)
    await cutter.call("POST", f"/{composition}/steps")
    assert (await cutter.until(composition, "completed")).size_mb > 0


async def test_recordings_in_the_making_are_shown(house: House) -> None:
    alice = await house.client(await house.room(unique_name="board"), "Alice")
    await alice.publish("self")
    await house.recordings(2, status="processing")
    async with house.http.get(f"{house.emulator.admin_url}/recordings", headers=HEADERS) as answer:
        told = (await answer.json())["data"]
    assert told["directory"] == str(house.folder())
    assert told["budget_mb"] == 2000
    assert {name.split("_", 1)[1] for name in (each["name"] for each in told["running"])} == {
        "board_Alice_audio",
        "board_Alice_video-self",
    }
    assert told["problems"] == []
    await alice.leave()


async def test_composition_is_told_to_its_own_webhook_when_the_film_is_there(house: House, cutter: Cutter) -> None:
    """R-114: with what the file is."""
    sink = f"{house.emulator.admin_url}/sink/films"
    composition = await cutter.ask(await short(house), webhook_event_url=sink)
    done = await cutter.until(composition, "completed")
    async with house.http.get(sink, params={"wait": PATIENCE_SECS}) as answer:
        (received,) = (await answer.json())["data"]
    assert received["signature"] == {"valid": True}
    told = received["json"]["data"]
    assert told["event_type"] == "video.room.composition.completed"
    payload = told["payload"]
    assert (payload["composition_id"], payload["size_mb"]) == (composition, done.size_mb)
    async with house.http.get(payload["download_url"]) as answer:
        assert answer.headers["Content-Type"] == "video/mp4"
        assert len(await answer.read()) == done.size_mb * 1e6


async def test_composition_under_way_is_made_after_a_restart(tmp_path: Path) -> None:
    config = Config(port=0, data_dir=tmp_path / "data")
    async with Emulator(config) as emulator, aiohttp.ClientSession() as http:
        house = House(emulator, http)
        cutter = Cutter(house)
        session = await short(house)
        await house.recordings(2)
        await cutter.call("PUT", mode="manual")
        enqueued, processing = await cutter.ask(session), await cutter.ask(session)
        await cutter.call("POST", f"/{processing}/steps")
        await cutter.until(processing, "processing")
        await house.api.close()
    async with Emulator(config) as emulator, aiohttp.ClientSession() as http:
        house = House(emulator, http)
        cutter = Cutter(house)
        for composition in (enqueued, processing):
            done = await cutter.until(composition, "completed")
            async with http.get(done.download_url) as answer:
                assert answer.status == 200
        films = {path.stem.rpartition("_")[2] for path in (tmp_path / "data").rglob("*.mp4")}
        assert films == {enqueued, processing}
        await house.api.close()
