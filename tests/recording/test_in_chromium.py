"""Chromium plays what is downloaded: a film whose test cards are read off the `<video>`, and its recordings.

Also of what Chromium publishes itself, with the official SDK: H.264, and simulcast.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from emulator.clients.room_client import RoomClient
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.browser.conftest import (  # noqa: F401 - fixtures, which are found by their names
    SdkPageFactory,
    browser_host,
    sdk_page,
)
from tests.browser.sdk_page import SdkPage
from tests.recording.house import House
from tests.recording.kit import codec_of, duration_of, pictures

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


@asynccontextmanager
async def player(house: House) -> AsyncIterator[Page]:
    """A page of the emulator's own origin: of another one's pictures a canvas tells nothing."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        page = await browser.new_page()
        await page.goto(f"{house.emulator.admin_url}/")
        await page.add_script_tag(url=f"{house.emulator.admin_url}/probe.js")
        yield page
        await browser.close()


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
    film = await house.film(film.id)
    async with player(house) as page:
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


async def page_in(house: House, sdk_page: SdkPageFactory, **room: Any) -> tuple[SdkPage, str]:  # noqa: F811
    """A page of the official SDK in a room of its own."""
    room_id = await house.room(**room)
    page = await sdk_page(house.emulator.admin_url, name="alice")
    await page.join(room_id, (await house.api.rooms.actions.generate_join_client_token(room_id)).data.token, "Alice")
    return page, room_id


async def video_of(house: House, page: SdkPage, into: Path) -> tuple[Any, Path]:
    """The page closes; the one video recording there is of it."""
    await page.close()
    (video,) = [each for each in await house.recordings(2) if each.type == "video"]
    path = await house.download(video.download_url, into)
    assert duration_of(path) == pytest.approx((video.ended_at - video.started_at).total_seconds(), abs=0.1)
    return video, path


async def test_h264_of_chromium_becomes_an_mp4_that_plays(
    house: House,
    sdk_page: SdkPageFactory,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    alice, _ = await page_in(house, sdk_page, video_codecs=["h264"])
    card = {"source": "card", "participantId": alice.participant_id, "width": 320, "height": 180, "fps": 15}
    await alice.add_stream("self", video=card, audio={"source": "tone", "index": 6})
    await house.recordings(2, status="processing")
    await asyncio.sleep(2.0)
    video, path = await video_of(house, alice, tmp_path)
    assert (path.suffix, video.codec, codec_of(path)) == (".mp4", "h264", "h264")
    seen = pictures(path)
    cards = [picture.reading for picture in seen if picture.reading is not None]
    assert len(cards) == len(seen) > 5
    assert {(card.participant_id, card.key) for card in cards} == {(alice.participant_id, "self")}
    assert all(before.frame_number <= after.frame_number for before, after in pairwise(cards))
    async with player(house) as page:
        played = await page.evaluate(PLAY, {"url": video.download_url, "crop": None, "kind": "video"})
        assert played["card"]["participantId"] == alice.participant_id
        assert played["length"] == pytest.approx((video.ended_at - video.started_at).total_seconds(), abs=0.1)


# An application's way to a layer's switch: the SDK keeps its connections to itself.
KEEP_SENDERS = """() => {
  const add = RTCPeerConnection.prototype.addTransceiver;
  window.senders = [];
  RTCPeerConnection.prototype.addTransceiver = function (...given) {
    const transceiver = add.apply(this, given);
    window.senders.push(transceiver.sender);
    return transceiver;
  };
}"""
SWITCH_LAYER = """async ([rid, active]) => {
  for (const sender of window.senders) {
    const parameters = sender.getParameters();
    const layer = parameters.encodings.find((encoding) => encoding.rid === rid);
    if (!layer) continue;
    layer.active = active;
    await sender.setParameters(parameters);
    return;
  }
  throw new Error(`no layer ${rid}`);
}"""


async def test_simulcast_of_chromium_becomes_one_file_without_a_broken_picture(
    house: House,
    sdk_page: SdkPageFactory,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    """Its best layer goes away and comes back, as on a bad network: the size changes, the card stays readable."""
    alice, room = await page_in(house, sdk_page)
    await alice.evaluate(KEEP_SENDERS)
    size = {"width": 960, "height": 540, "fps": 15}  # of smaller pictures Chromium makes fewer layers
    card = {"source": "card", "participantId": alice.participant_id, **size, "simulcast": True}
    viewer = await house.client(room, "viewer")
    await alice.add_stream("self", video=card, audio={"source": "tone", "index": 6})
    await viewer.subscribe(alice.participant_id, within=30)
    await until_width(viewer, alice, 960)
    await alice.evaluate(SWITCH_LAYER, ["h", False])
    await until_width(viewer, alice, 480)
    await alice.evaluate(SWITCH_LAYER, ["h", True])
    await until_width(viewer, alice, 960)
    await asyncio.sleep(0.5)
    await viewer.leave()
    video, path = await video_of(house, alice, tmp_path)
    assert (path.suffix, video.codec) == (".webm", "vp8")
    seen = pictures(path)
    cards = [picture.reading for picture in seen if picture.reading is not None]
    assert len(cards) == len(seen)
    assert {card.participant_id for card in cards} == {alice.participant_id}
    # A canvas that is not drawn anew in time is captured again: a number may come twice, but never an older one.
    assert all(before.frame_number <= after.frame_number for before, after in pairwise(cards))
    widths = [picture.size[0] for picture in seen]
    sizes = [width for width, _ in groupby(widths)]
    assert sizes[-3:] == [960, 480, 960], "the best layer went away and came back"
    assert set(sizes) <= {240, 480, 960}


async def until_width(viewer: RoomClient, whose: SdkPage, width: int) -> None:
    async with asyncio.timeout(60):  # Chromium takes its time with the best layer
        while (await viewer.sees(whose.participant_id, within=30)).width != width:
            pass
