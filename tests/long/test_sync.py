"""Sound and picture at the receiver: a card that flashes, a beep at the same moment, watched in Chromium.

What sender reports say of them is in the ordinary suite (tests/media/test_rtp_sync.py). Here a browser plays them,
which takes a machine that is not busy with other things.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from emulator.clients import published_stream
from emulator.clients.room_client import RoomClient
from emulator.clients.sources.base import FRAMES_PER_SECOND, Samples
from emulator.clients.sources.beep import BeepSource
from emulator.server import Emulator
from tests.browser.conftest import (  # noqa: F401 - fixtures, which are found by their names
    SdkPageFactory,
    browser_host,
    sdk_page,
)
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage
from tests.long.conftest import Tell

pytestmark = [pytest.mark.browser, pytest.mark.long]

SECONDS = 60
DRIFT_PPM = 200


BOUND_MS = 80
LATE_BLOCKS = 15
"""300 ms: what the probe has to notice."""


@dataclass(frozen=True)
class LateBeep:
    """A publisher whose sound is out of step with its picture, to show that this is seen."""

    beep: BeepSource
    stream_timed = True
    loop = FRAMES_PER_SECOND

    def block(self, number: int) -> Samples:
        return self.beep.block((number - LATE_BLOCKS) % FRAMES_PER_SECOND)


async def in_step(page: SdkPage, video: str, *, apart: float = 0, seconds: float = 60) -> float:
    """Waits until beeps are so far behind flashes, give or take the bound, and says how far; all in milliseconds.

    A browser needs some sender reports to find the step, and on a busy machine its sound stumbles now and then; what
    does not fit does not get better by waiting.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        found = await watch(page, video, 3.3)
        if len(found["offsets"]) >= 2 and abs(found["offset"] - apart) <= BOUND_MS:
            return float(found["offset"])
        assert loop.time() < until, found


async def watch(page: SdkPage, video: str, seconds: float) -> dict[str, Any]:
    """What `RoomsProbe.watchSync` finds. Offsets are in milliseconds, above 0 if the beep is late."""
    code = "([selector, ms]) => RoomsProbe.watchSync(document.querySelector(selector), { ms })"
    found: dict[str, Any] = await page.evaluate(code, [video, round(seconds * 1000)], seconds + 15)
    return found


async def test_a_flash_is_seen_when_its_beep_is_heard(
    emulator: Emulator,
    sdk_page: SdkPageFactory,  # noqa: F811 - the fixture
    tell: Tell,
) -> None:
    room = await JoinableRoom.create(emulator.rest_url, emulator.api_key)
    page = await sdk_page(emulator.admin_url, name="viewer")
    await page.join(room.id, await room.token(), "Viewer")
    where = {"ws_url": emulator.ws_url, "room_id": room.id, "token": await room.token()}
    async with RoomClient(name="alice", **where) as alice:
        flash = {"source": "flash", "fps": 30}
        await alice.publish("self", video=flash, audio="beep")
        await alice.publish("presentation", video=flash, audio=LateBeep(BeepSource(40)))
        videos = []
        for key in ("self", "presentation"):
            await page.wait_event("stream_published", alice.participant_id, key)
            videos.append(await page.subscribe(alice.participant_id, key))
        await asyncio.gather(*(page.wait_card(video) for video in videos))
        good = await in_step(page, videos[0])
        late = await in_step(page, videos[1], apart=LATE_BLOCKS * 20)
    tell(f"beep after flash: {good:.0f} ms; {late:.0f} ms of a publisher whose sound is {LATE_BLOCKS * 20} ms late")


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
