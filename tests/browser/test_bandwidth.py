"""Chromium behind a narrow uplink: it hears of its losses, sends less, and more again when there is room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import pytest

from emulator.server import Emulator
from tests.browser.conftest import SdkPageFactory
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

UPLINK = 120_000
CARD = {"source": "card", "width": 640, "height": 360, "fps": 30}
"""Some 200 kbit/s, when nothing is in the way."""


@dataclass(frozen=True)
class Sending:
    """What the page's own statistics say: bit/s that it allows itself, share of its video that is lost."""

    allowed: float
    lost: float


async def sending(page: SdkPage) -> Sending:
    reports = await page.stats(page.participant_id)
    (pair,) = [each for each in reports if each["type"] == "candidate-pair"]
    told = [each for each in reports if each["type"] == "remote-inbound-rtp" and each["kind"] == "video"]
    return Sending(
        float(pair["availableOutgoingBitrate"]), max((float(each["fractionLost"]) for each in told), default=0)
    )


async def until(page: SdkPage, condition: Callable[[Sending], bool]) -> Sending:
    """Statistics have no event. Some seconds; a busy machine's browser takes its time."""
    now = await sending(page)
    try:
        async with asyncio.timeout(60):
            while not condition(now):
                await asyncio.sleep(0.2)
                now = await sending(page)
    except TimeoutError:
        pytest.fail(f"it never came to that: {now}")
    return now


async def test_a_publisher_sends_less_through_a_narrow_uplink_and_recovers(
    emulator: Emulator, sdk_page: SdkPageFactory
) -> None:
    room = await JoinableRoom.create(emulator.rest_url, emulator.api_key)
    alice, bob = await asyncio.gather(
        sdk_page(emulator.admin_url, name="alice"), sdk_page(emulator.admin_url, name="bob")
    )
    await asyncio.gather(alice.join(room.id, await room.token(), "Alice"), bob.join(room.id, await room.token(), "Bob"))
    await alice.add_stream("self", video={**CARD, "participantId": alice.participant_id})
    await bob.wait_event("stream_published", alice.participant_id, "self")
    video = await bob.subscribe(alice.participant_id)
    await bob.wait_card(video)
    await until(alice, lambda now: now.allowed > 400_000)  # the SDK asks for 500,000, and REMB grants it
    narrow = {
        "participant_id": alice.participant_id,
        "direction": "up",
        "kind": "bandwidth",
        "parameters": {"bits_per_sec": UPLINK, "queue_bytes": 15_000},
    }
    impairments = f"{emulator.admin_url}/impairments"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {emulator.api_key}"}) as http:
        async with http.post(impairments, json=narrow) as answer:
            assert answer.status == 201
        await until(alice, lambda now: now.lost > 0.1)
        await until(alice, lambda now: now.allowed < UPLINK and now.lost < 0.05)
        shown = (await bob.wait_card(video, timeout=30)).frame
        await bob.wait_card(video, after=shown + 4, timeout=30)  # little, but it is seen
        async with http.delete(impairments) as answer:
            assert answer.status == 204
    low = await sending(alice)
    await until(alice, lambda now: now.allowed > 2 * low.allowed)
