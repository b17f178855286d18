"""The vendor's SDK in Debian's Firefox, beside a synthetic participant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from emulator.clients import RoomClient
from emulator.clients.events import StreamPublished
from emulator.config import Config
from emulator.server import Emulator
from tests.browser.browser_host import app_server
from tests.browser.firefox import Firefox
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_bundle import ensure_bundle
from tests.test_networks import own_address

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(own_address() is None, reason="Firefox needs an address that is not loopback"),
]

JOIN = """async ([config, key]) => {
  await window.appReady;
  const id = await window.app.initialize(config);
  await window.app.connect();
  await window.app.addStream(key, {audio: "microphone", video: {source: "card", participantId: id, key}});
  return id;
}"""

CARD = """async ([participantId, key]) => {
  await window.app.addSubscription(participantId, key, {audio: true, video: true});
  for (;;) {
    for (const video of document.querySelectorAll("video")) {
      const card = video.videoWidth && RoomsProbe.readCard(video);
      if (card && card.participantId === participantId) return card.key;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""


@pytest.fixture
async def app_url() -> AsyncIterator[str]:
    await asyncio.to_thread(ensure_bundle)
    runner = web.AppRunner(app_server(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/index.html"
    await runner.cleanup()


async def test_firefox_and_a_synthetic_participant_see_each_other(app_url: str) -> None:
    async with Emulator(Config(host=own_address() or "", port=0)) as emulator, Firefox() as firefox:
        room = await JoinableRoom.create(emulator.rest_url, emulator.api_key)
        where = {"ws_url": emulator.ws_url, "room_id": room.id, "token": await room.token()}
        async with RoomClient(name="Ada", tone=3, **where) as ada:
            await (await ada.publish()).wait_connected()
            await firefox.open(f"{app_url}?emulator={emulator.rest_url.removesuffix('/v2')}")
            config = {"roomId": room.id, "clientToken": await room.token(), "enableMessages": False}
            fox = await firefox.evaluate(JOIN, [config, "self"])
            await ada.wait_for(StreamPublished, {"participant_id": fox, "key": "self"}, timeout=20)
            subscription = await ada.subscribe(fox)
            seen = await ada.sees(fox, within=20)
            assert seen.reading is not None
            assert await firefox.evaluate(CARD, [ada.participant_id, "self"]) == "self"
            assert subscription.statistics.video_lost == 0
        told = await firefox.evaluate("() => window.app.events.map((event) => event.name)")
        assert {"connected", "stream_published", "subscription_started"} <= set(told)
