"""A plain page of the emulator's own origin observes a room: what the inspector does."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from emulator.clients import RoomClient
from emulator.server import Emulator
from tests.browser.browser_host import BrowserHost
from tests.browser.joined_room import JoinableRoom

pytestmark = pytest.mark.browser

OBSERVE = """async ([key, body]) => {
  const pc = new RTCPeerConnection();
  const video = Object.assign(document.createElement("video"), {muted: true, autoplay: true});
  document.body.append(video);
  const stream = new MediaStream();
  pc.ontrack = (event) => { stream.addTrack(event.track); video.srcObject = stream; };
  for (const kind of ["audio", "video"]) pc.addTransceiver(kind, {direction: "recvonly"});
  await pc.setLocalDescription();
  const answer = await fetch("/_emulator/observers", {
    method: "POST",
    headers: {authorization: `Bearer ${key}`, "content-type": "application/json"},
    body: JSON.stringify({...body, offer: pc.localDescription.sdp}),
  });
  const {data} = await answer.json();
  await pc.setRemoteDescription({type: "answer", sdp: data.answer});
  Object.assign(window, {pc, video, stream});
  return data.id;
}"""

SEEN = """async () => {
  for (;;) {
    const card = window.video.videoWidth && RoomsProbe.readCard(window.video);
    if (card) return [card.participantId, card.key];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""

HEARD = """async (tone) => {
  for (;;) {
    const tones = await RoomsProbe.tonesIn(window.stream);
    if (String(tone) in tones) return Object.keys(tones);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""


async def test_a_page_sees_and_hears_whom_it_observes(emulator: Emulator, browser_host: BrowserHost) -> None:
    room = await JoinableRoom.create(emulator.rest_url, emulator.api_key)
    context = await browser_host.call(browser_host.browser.new_context())
    page: Page = await browser_host.call(context.new_page())

    async def evaluate(code: str, argument: Any = None) -> Any:
        return await browser_host.call(page.evaluate(code, argument))

    await browser_host.call(page.goto(f"{emulator.admin_url}/"))
    await browser_host.call(page.add_script_tag(url=f"{emulator.admin_url}/probe.js"))
    where = {"ws_url": emulator.ws_url, "room_id": room.id, "token": await room.token()}
    async with RoomClient(name="Ada", tone=3, **where) as ada:
        await (await ada.publish()).wait_connected()
        body = {"room_id": room.id, "participant_id": ada.participant_id}
        await evaluate(OBSERVE, [emulator.api_key, body])
        assert await evaluate(SEEN) == [ada.participant_id, "self"]
        assert await evaluate(HEARD, ada.tone) == [str(ada.tone)]
        assert await evaluate("() => window.pc.connectionState") == "connected"
    await browser_host.call(context.close())
