"""Simulcast as the vendor's SDK asks for it (`enableSimulcast`), from Chromium to Chromium."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.server import Emulator
from tests.browser.conftest import SdkPageFactory
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage

pytestmark = pytest.mark.browser

# The SDK has no word for layers: a page that wants one patches what is sent, as an application would have to.
ASK_FOR_LAYER = """(layer) => {
  const send = WebSocket.prototype.send;
  window.wantedLayer ??= (WebSocket.prototype.send = function (text) {
    const frame = typeof text === 'string' && text.startsWith('{') ? JSON.parse(text) : {};
    if (frame.body?.request === 'configure' && !frame.jsep && !frame.body.display) {
      frame.body.substream = window.wantedLayer.layer;
      return send.call(this, JSON.stringify(frame));
    }
    return send.call(this, text);
  }, {});
  window.wantedLayer.layer = layer;
}"""

WIDTH = """([selector, width, milliseconds]) => new Promise((resolve, reject) => {
  const started = performance.now();
  const look = () => {
    const now = document.querySelector(selector)?.videoWidth;
    if (now === width) resolve(performance.now() - started);
    else if (performance.now() - started < milliseconds) setTimeout(look, 10);
    else reject(new Error(`${selector} is ${now} pixels wide, not ${width}`));
  };
  look();
})"""

# Reads every picture that is shown while something happens.
WATCH = """(selector) => {
  const video = document.querySelector(selector);
  window.seen = [];
  window.watching = true;
  const look = () => {
    const card = RoomsProbe.readCard(video);
    window.seen.push([video.videoWidth, card && card.frame]);
    if (window.watching) video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}"""


async def wait_width(page: SdkPage, video: str, width: int, seconds: float = 20) -> None:
    await page.evaluate(WIDTH, [video, width, seconds * 1000], seconds + 5)


async def test_layers_of_a_simulcast_change_without_a_broken_picture(
    emulator: Emulator, sdk_page: SdkPageFactory
) -> None:
    room = await JoinableRoom.create(emulator.rest_url, emulator.api_key)
    alice, bob = await asyncio.gather(
        sdk_page(emulator.admin_url, name="alice"), sdk_page(emulator.admin_url, name="bob")
    )
    await asyncio.gather(alice.join(room.id, await room.token(), "Alice"), bob.join(room.id, await room.token(), "Bob"))
    card = {
        "source": "card",
        "participantId": alice.participant_id,
        "width": 960,  # for smaller pictures Chromium makes fewer layers
        "height": 540,
        "fps": 15,
        "simulcast": True,
    }
    await alice.add_stream("self", video=card)
    await bob.wait_event("stream_published", alice.participant_id, "self")
    video = await bob.subscribe(alice.participant_id)
    await wait_width(bob, video, 960)
    sent = {each["rid"]: each for each in await alice.stats(alice.participant_id) if each.get("rid")}
    assert set(sent) == {"h", "m", "l"}

    await bob.evaluate(WATCH, video)
    for layer, width in ((0, 240), (2, 960), (1, 480), (0, 240), (2, 960)):
        await bob.evaluate(ASK_FOR_LAYER, layer)
        await bob.update_subscription(alice.participant_id, "self", audio=True, video=True)
        await wait_width(bob, video, width)
        shown = (await bob.wait_card(video)).frame
        await bob.wait_card(video, after=shown + 4)
    seen: list[list[Any]] = await bob.evaluate("() => { window.watching = false; return window.seen; }")
    unreadable = [each for each in seen if each[1] is None]
    assert not unreadable, f"{len(unreadable)} of {len(seen)} pictures"
    assert {width for width, _ in seen} == {240, 480, 960}
    frames = [frame for _, frame in seen]
    assert frames == sorted(frames), "no picture of the past comes back"
    assert (await bob.wait_card(video)).participant_id == alice.participant_id
