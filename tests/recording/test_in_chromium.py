"""Chromium plays what is downloaded: a film whose test cards are read off the `<video>`, and its recordings."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import async_playwright

from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.recording.house import PATIENCE_SECS, House

pytestmark = pytest.mark.browser

PLAY = """
async ({url, crop, kind}) => {
  const player = document.createElement(kind);
  player.muted = kind === 'video';
  player.src = url;
  document.body.append(player);
  await player.play();
  if (kind === 'audio') {
    const sound = player.captureStream();
    while (!sound.getAudioTracks().length) await new Promise((done) => setTimeout(done, 20));
    return {tones: await RoomsProbe.tonesIn(sound, {ms: 1000}), length: player.duration};
  }
  for (;;) {
    const card = RoomsProbe.readCard(player, {crop});
    if (card) return {card, length: player.duration, size: [player.videoWidth, player.videoHeight]};
    if (player.ended) return {card: null, length: player.duration};
    await new Promise((done) => setTimeout(done, 20));
  }
}
"""


async def test_films_and_recordings_play(house: House) -> None:
    room = await house.room()
    alice = await house.client(room, "alice", tone=6)
    bob = await house.client(room, "bob")
    await alice.publish("self")
    await house.recordings(2, status="processing")
    await bob.hears(alice)
    await asyncio.sleep(2.5)
    await alice.leave()
    await bob.leave()
    done = {recording.type: recording for recording in await house.recordings(2)}
    layout = {"inset": {"width": 320, "height": 180, "x_pos": 200, "y_pos": 100, "video_sources": "*"}}
    film = (
        await house.api.room_compositions.create(
            session_id=done["video"].session_id, resolution="640x360", video_layout=layout
        )
    ).data
    async with asyncio.timeout(PATIENCE_SECS):
        while film.status != "completed":
            await asyncio.sleep(0.05)
            film = (await house.api.room_compositions.retrieve(film.id)).data
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        page = await browser.new_page()
        await page.goto(f"{house.emulator.admin_url}/")
        await page.add_script_tag(url=f"{house.emulator.admin_url}/probe.js")
        seen = await page.evaluate(PLAY, {"url": film.download_url, "crop": [200, 100, 320, 180], "kind": "video"})
        assert (seen["card"]["participantId"], seen["card"]["key"]) == (alice.participant_id, "self")
        assert seen["size"] == [640, 360]
        assert seen["length"] == pytest.approx((film.ended_at - film.started_at).total_seconds(), abs=0.1)
        video = done["video"]
        seen = await page.evaluate(PLAY, {"url": video.download_url, "crop": None, "kind": "video"})
        assert seen["card"]["participantId"] == alice.participant_id
        assert seen["length"] == pytest.approx((video.ended_at - video.started_at).total_seconds(), abs=0.1)
        heard = await page.evaluate(PLAY, {"url": done["audio"].download_url, "kind": "audio"})
        assert set(heard["tones"]) == {"6"}
        await browser.close()
