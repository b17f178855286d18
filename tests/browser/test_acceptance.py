"""The whole path at once: a scenario on stage, the vendor's JavaScript SDK in the room, the Python SDK beside it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import telnyx
from PIL import Image

from emulator.probes.card_reader import read_card
from emulator.scenario.runner import load, run_scenario_on
from emulator.server import Emulator
from tests.browser.conftest import SdkPageFactory
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent.parent
SCREENSHOT = ROOT / "fixtures" / "two-live-test-cards.png"

SCENARIO = """
version: 1
name: acceptance
seed: 11
room: {unique_name: acceptance}
participants:
  alice:
    context: {username: Alice}
    streams: {self: {video: {source: test_card, size: 640x360, fps: 15}, audio: {source: tone}}}
  bob:
    context: {username: Bob}
    streams: {self: {video: {source: test_card, size: 640x360, fps: 15}, audio: {source: tone}}}
timeline:
  - at: 0s
    do: [{alice: join}, {bob: join}]
  - at: 500ms
    do: {alice: {publish: self}, bob: {publish: self}}
  - at: 9s
    do: {alice: {stop_video: self}}
  - at: 11s
    do: {alice: {start_video: self}}
"""


@pytest.fixture
async def room(emulator: Emulator) -> JoinableRoom:
    """Made by the official Python SDK, as an application's backend would."""
    client = telnyx.Telnyx(api_key=emulator.api_key, base_url=emulator.rest_url)
    made = await asyncio.to_thread(client.rooms.create, unique_name="acceptance", max_participants=10)
    assert made.data is not None
    assert made.data.id is not None
    return JoinableRoom(emulator.rest_url, emulator.api_key, made.data.id)


@pytest.fixture
async def watcher(emulator: Emulator, room: JoinableRoom, sdk_page: SdkPageFactory) -> SdkPage:
    """A page that is in the room before anybody else."""
    page = await sdk_page(emulator.admin_url, name="watcher")
    await page.join(room.id, await room.token(), "Watcher")
    return page


@pytest.fixture
async def stage(emulator: Emulator, watcher: SdkPage, tmp_path: Path) -> AsyncIterator[None]:
    """The scenario, begun once the watcher is in."""
    path = tmp_path / "acceptance.yaml"
    path.write_text(SCENARIO)
    running = asyncio.create_task(
        run_scenario_on(
            load(path), rest_url=emulator.rest_url, ws_url=emulator.ws_url, api_key=emulator.api_key, stay=True
        )
    )
    yield
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def joined(page: SdkPage, count: int) -> dict[str, str]:
    """Name -> participant id of the first `count` who came after the page."""
    found: dict[str, str] = {}
    while len(found) < count:
        event = await page.wait_event("participant_joined", since=len(found))
        for joined_event in await page.events("participant_joined"):
            found[joined_event.args[0]] = joined_event.args[0]
        assert event
        if len(found) < count:
            await asyncio.sleep(0.05)  # the page's log has no count to wait for
    names = {each["id"]: each["name"] for each in (await page.state())["participants"]}
    return {names[participant_id]: participant_id for participant_id in found}


async def test_unmodified_sdk_meets_the_scenario_and_the_python_sdk_lists_them(
    emulator: Emulator, room: JoinableRoom, watcher: SdkPage, stage: None
) -> None:
    people = await joined(watcher, 2)
    assert set(people) == {"Alice", "Bob"}
    for participant_id in people.values():
        await watcher.wait_event("stream_published", participant_id, "self")
    videos = {participant_id: await watcher.subscribe(participant_id) for participant_id in people.values()}
    await asyncio.gather(*(watcher.wait_decoded_frames(video, 60, 40) for video in videos.values()))
    for participant_id, video in videos.items():
        first = await watcher.wait_card(video)
        later = await watcher.wait_card(video, after=first.frame)
        assert first.participant_id == later.participant_id == participant_id
        assert later.frame > first.frame

    await asyncio.to_thread(check_lists, emulator, room, watcher, people)

    alice = people["Alice"]
    await watcher.wait_event("track_disabled", alice, "self", "video", timeout=20)
    await watcher.wait_event("track_enabled", alice, "self", "video", timeout=20)
    again = await watcher.wait_card(videos[alice])
    assert again.participant_id == alice


def check_lists(emulator: Emulator, room: JoinableRoom, watcher: SdkPage, people: dict[str, str]) -> None:
    """The official Python SDK sees the session and everyone in it while the browser is there."""
    client = telnyx.Telnyx(api_key=emulator.api_key, base_url=emulator.rest_url)
    (session,) = list(client.rooms.sessions.list_0(filter={"active": True}))
    assert session.room_id == room.id
    participants: list[Any] = list(client.room_participants.list(filter={"session_id": session.id}))
    contexts = {participant.id: json.loads(participant.context)["username"] for participant in participants}
    assert contexts == {watcher.participant_id: "Watcher", **{people[name]: name for name in people}}
    assert all(participant.left_at is None for participant in participants)
    token = client.rooms.actions.generate_join_client_token(room.id)
    assert token.data is not None
    assert token.data.token


async def test_screenshot_shows_two_live_test_cards(
    room: JoinableRoom, watcher: SdkPage, stage: None, tmp_path: Path
) -> None:
    """The picture in the README; both cards are read off the picture itself."""
    people = await joined(watcher, 2)
    for participant_id in people.values():
        await watcher.wait_event("stream_published", participant_id, "self")
        video = await watcher.subscribe(participant_id)
        await watcher.wait_card(video)
    path = await watcher.screenshot(tmp_path / "page.png")
    seen = set()
    picture = np.asarray(Image.open(path).convert("L"))
    boxes = await watcher.evaluate(
        """() => [...document.querySelectorAll("video")].filter((v) => v.videoWidth > 0).map((v) => {
          const box = v.getBoundingClientRect();
          const fit = Math.min(box.width / v.videoWidth, box.height / v.videoHeight);
          const width = v.videoWidth * fit, height = v.videoHeight * fit;
          return [box.x + (box.width - width) / 2, box.y + (box.height - height) / 2, width, height];
        })"""
    )
    for x, y, width, height in boxes:
        luma = picture[round(y) : round(y + height), round(x) : round(x + width)]
        reading = read_card(np.ascontiguousarray(luma))
        if reading is not None:
            seen.add(reading.participant_id)
    assert seen == set(people.values())
    if os.environ.get("ROOMS_UPDATE_SCREENSHOT"):
        SCREENSHOT.write_bytes(path.read_bytes())
    assert SCREENSHOT.is_file(), "ROOMS_UPDATE_SCREENSHOT=1 writes it"
