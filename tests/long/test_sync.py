"""Sound and picture after a minute in which the publisher's camera and sound card have drifted apart."""

from __future__ import annotations

import asyncio

import pytest

from emulator.clients import published_stream
from emulator.clients.room_client import RoomClient
from emulator.server import Emulator
from tests.browser.conftest import (  # noqa: F401 - fixtures, which are found by their names
    SdkPageFactory,
    browser_host,
    sdk_page,
)
from tests.browser.joined_room import JoinableRoom
from tests.browser.test_sync import BOUND_MS, in_step
from tests.long.conftest import Tell

pytestmark = [pytest.mark.browser, pytest.mark.long]

SECONDS = 60
DRIFT_PPM = 200


async def test_flash_and_beep_stay_together_over_a_minute_of_drift(
    emulator: Emulator,
    sdk_page: SdkPageFactory,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
    tell: Tell,
) -> None:
    """The camera's clock is 200 ppm fast; after a minute its timestamps are 12 ms ahead of the sound's."""
    monkeypatch.setattr(published_stream, "VIDEO_RATE", round(90_000 * (1 + DRIFT_PPM / 1e6)))
    room = await JoinableRoom.create(emulator.rest_url, emulator.api_key)
    page = await sdk_page(emulator.admin_url, name="viewer")
    await page.join(room.id, await room.token(), "Viewer")
    where = {"ws_url": emulator.ws_url, "room_id": room.id, "token": await room.token()}
    loop = asyncio.get_running_loop()
    async with RoomClient(name="alice", **where) as alice:
        await alice.publish("self", video={"source": "flash", "fps": 30}, audio="beep")
        await page.wait_event("stream_published", alice.participant_id, "self")
        video = await page.subscribe(alice.participant_id)
        await page.wait_card(video)
        began = loop.time()
        before = await in_step(page, video)
        await asyncio.sleep(began + SECONDS - loop.time())
        after = await in_step(page, video)
    tell(f"beep after flash: {before:.0f} ms at first, {after:.0f} ms after {SECONDS} s; bound {BOUND_MS} ms")
