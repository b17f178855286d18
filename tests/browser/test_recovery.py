"""Bad networks and browsers that stand still: what the viewer sees recovers, and nobody else is disturbed.

The bounds, for what one viewer sees of a stream of 15 pictures per second: with 5 % or 15 % loss, or jitter of 100 ms,
the picture never stands still for longer than a second, and no picture is ever broken; after a blackout of 3 s, and
after a process that was stopped for 5 s goes on, it moves again within two seconds. On an idle machine it takes a
fraction of these. The tests allow a busy machine `PATIENCE` times as long.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from emulator.clients.room_client import RoomClient
from emulator.server import Emulator
from tests.browser.browser_host import BrowserHost
from tests.browser.chromium import find_chromium
from tests.browser.conftest import SdkPageFactory
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage

pytestmark = pytest.mark.browser

STANDSTILL_SECS = 1.0
RECOVERY_SECS = 2.0
PATIENCE = 5
STOPPED_SECS = 5.0
SECONDS = 4.0
"""How long the network is bad."""
FPS = 15

# Reads every picture that is shown, with its time in seconds.
WATCH = """([selector, seconds]) => new Promise((resolve) => {
  const video = document.querySelector(selector);
  const seen = [];
  const look = () => {
    seen.push([performance.now() / 1000, RoomsProbe.readCard(video)?.frame ?? null]);
    pending = video.requestVideoFrameCallback(look);
  };
  let pending = video.requestVideoFrameCallback(look);
  setTimeout(() => { video.cancelVideoFrameCallback(pending); resolve(seen); }, seconds * 1000);
})"""


@dataclass(frozen=True)
class Trouble:
    kind: str
    parameters: dict[str, Any]
    standstill: float


TROUBLES = {
    "5 % loss": Trouble("loss", {"p": 0.05}, STANDSTILL_SECS),
    "15 % loss": Trouble("loss", {"p": 0.15}, STANDSTILL_SECS),
    "jitter of 100 ms": Trouble("jitter", {"secs": 0.1}, STANDSTILL_SECS),
    "blackout of 3 s": Trouble("blackout", {}, 3 + RECOVERY_SECS),
}


@pytest.fixture
async def room(emulator: Emulator) -> JoinableRoom:
    return await JoinableRoom.create(emulator.rest_url, emulator.api_key)


async def client(emulator: Emulator, room: JoinableRoom, name: str) -> RoomClient:
    token = await room.token()
    return RoomClient(ws_url=emulator.ws_url, room_id=room.id, token=token, name=name)


async def impair(emulator: Emulator, page: SdkPage, trouble: Trouble, seconds: float) -> None:
    body = {
        "participant_id": page.participant_id,
        "direction": "both",
        "kind": trouble.kind,
        "parameters": trouble.parameters,
        "for_secs": seconds,
        "seed": 7,
    }
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    url = emulator.admin_url.rstrip("/") + "/impairments"
    async with aiohttp.ClientSession(headers=headers) as http, http.post(url, json=body) as answer:
        assert answer.status == 201, await answer.text()


def longest(seen: list[list[Any]], *, since: float, until: float) -> float:
    """The longest time without a new picture, in seconds."""
    times = [since, *(at for at, _ in seen if since <= at <= until), until]
    return max(later - earlier for earlier, later in pairwise(times))


async def test_a_bad_network_of_one_viewer_is_overcome_and_is_nobody_elses(
    emulator: Emulator, room: JoinableRoom, sdk_page: SdkPageFactory
) -> None:
    """Four viewers with a trouble each, all at once, and one without."""
    pages = await asyncio.gather(*(sdk_page(emulator.admin_url, name=name) for name in TROUBLES))
    await asyncio.gather(*[page.join(room.id, await room.token(), page.name) for page in pages])
    async with await client(emulator, room, "alice") as alice, await client(emulator, room, "carol") as carol:
        await alice.publish("self", video={"source": "test_card", "fps": FPS})
        await carol.subscribe(alice)
        await carol.sees(alice, within=20)

        async def view(page: SdkPage) -> str:
            await page.wait_event("stream_published", alice.participant_id, "self")
            video = await page.subscribe(alice.participant_id)
            await page.wait_card(video, timeout=20)
            return video

        videos = await asyncio.gather(*(view(page) for page in pages))
        before = carol.statistics(alice)
        watching = [
            asyncio.ensure_future(page.evaluate(WATCH, [video, SECONDS + 2], 60))
            for page, video in zip(pages, videos, strict=True)
        ]
        for page in pages:
            trouble = TROUBLES[page.name]
            await impair(emulator, page, trouble, 3.0 if trouble.kind == "blackout" else SECONDS)
        seen = await asyncio.gather(*watching)
        after = carol.statistics(alice)
        for page, pictures in zip(pages, seen, strict=True):
            trouble = TROUBLES[page.name]
            assert None not in [frame for _, frame in pictures], f"{page.name}: a broken picture"
            assert pictures, page.name
            still = longest(pictures, since=pictures[0][0], until=pictures[-1][0])
            assert still <= trouble.standstill * PATIENCE, f"{page.name}: no picture for {still:.2f} s"
        # It goes on for all of them.
        await asyncio.gather(*(moves(page, video) for page, video in zip(pages, videos, strict=True)))
        assert after.video_lost == before.video_lost
        assert after.keyframes_received - before.keyframes_received <= 2 + SECONDS + 2 * len(pages)
        assert after.frames_received - before.frames_received >= SECONDS * FPS / PATIENCE


async def moves(page: SdkPage, video: str, seconds: float = RECOVERY_SECS * PATIENCE) -> float:
    """Waits for the next picture; how many seconds that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    shown = await page.wait_card(video, timeout=seconds)
    await page.wait_card(video, after=shown.frame, timeout=seconds)
    return loop.time() - began


# --- a browser that stands still -------------------------------------------------------------------------------------


class StoppableBrowser:
    """A browser of its own, whose processes can be stopped and let go on."""

    def __init__(self) -> None:
        self._mark = f"--rooms-test={uuid4()}"
        self.host = BrowserHost(self._mark)

    async def page(self, emulator: Emulator, name: str) -> SdkPage:
        context = await self.host.call(self.host.browser.new_context())
        page = SdkPage(self.host, await self.host.call(context.new_page()), name)
        await page.open(self.host.app_url, emulator.admin_url.partition("/_emulator")[0])
        return page

    def send(self, which: signal.Signals) -> None:
        pids = self._pids()
        assert len(pids) > 1, pids
        for pid in pids:
            os.kill(pid, which)

    def _pids(self) -> list[int]:
        """The browser's own process, which has the mark in its arguments, and all below it."""
        parents: dict[int, int] = {}
        found: list[int] = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                pid, parent = int(folder.name), int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                marked = self._mark.encode() in (folder / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[pid] = parent
            if marked:
                found.append(pid)
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid and child not in found]
        return found


@pytest.fixture
async def stoppable() -> AsyncIterator[StoppableBrowser]:
    browser = StoppableBrowser()
    await asyncio.to_thread(browser.host.start, find_chromium())
    try:
        yield browser
    finally:
        browser.send(signal.SIGCONT)
        await asyncio.to_thread(browser.host.stop)


async def test_a_browser_that_is_stopped_for_five_seconds_sees_and_is_seen_again(
    emulator: Emulator, room: JoinableRoom, browser_host: BrowserHost, stoppable: StoppableBrowser
) -> None:
    """kill -STOP: no goodbye, no packet; the others go on, and so does everything when it comes back."""
    bob = await stoppable.page(emulator, "bob")
    await bob.join(room.id, await room.token(), "Bob")
    async with await client(emulator, room, "alice") as alice, await client(emulator, room, "carol") as carol:
        await alice.publish("self", video={"source": "test_card", "fps": FPS})
        await bob.wait_event("stream_published", alice.participant_id, "self")
        card = {"source": "card", "participantId": bob.participant_id, "fps": FPS}
        await bob.add_stream("self", video=card)
        video = await bob.subscribe(alice.participant_id)
        await bob.wait_card(video, timeout=20)
        await carol.subscribe(alice)
        await carol.subscribe(bob.participant_id)
        await carol.sees(alice, within=20)
        await carol.sees(bob.participant_id, within=20)
        await bob.mark()
        before = carol.statistics(alice)
        stoppable.send(signal.SIGSTOP)
        try:
            await carol.frozen(bob.participant_id, for_seconds=STOPPED_SECS - 2, within=2)
            meanwhile = carol.statistics(alice)
        finally:
            stoppable.send(signal.SIGCONT)
        assert meanwhile.frames_received - before.frames_received >= (STOPPED_SECS - 2) * FPS / PATIENCE
        assert meanwhile.video_lost == before.video_lost
        await carol.sees(bob.participant_id, within=RECOVERY_SECS * PATIENCE)
        await moves(bob, video)
        assert await bob.events("disconnected") == []
        assert carol.statistics(alice).video_lost == before.video_lost
