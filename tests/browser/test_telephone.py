"""Somebody calls in: what the vendor's SDK makes of a telephone (S-105)."""

from __future__ import annotations

import pytest

from emulator.clients.room_client import RoomClient
from emulator.server import Emulator
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage

pytestmark = pytest.mark.browser

TONE = 21


async def test_s105_sdk_knows_a_telephone_by_its_origin_and_hears_it(
    alice: SdkPage, emulator: Emulator, room: JoinableRoom
) -> None:
    phone = RoomClient(
        ws_url=emulator.ws_url,
        room_id=room.id,
        token=await room.token(),
        kind="telephone",
        context='{"username":"+15551230000"}',
        tone=TONE,
    )
    async with phone:
        await alice.wait_event("participant_joined", phone.participant_id)
        (known,) = [each for each in (await alice.state())["participants"] if each["id"] == phone.participant_id]
        assert known["origin"] == "telephony_engine"
        assert known["context"] == '{"username":"+15551230000"}'
        await phone.publish(video=None, audio="tone")
        await alice.wait_tone(TONE)
        await alice.wait_event("audio_activity", phone.participant_id, None)
        assert await alice.streams_of(phone.participant_id) == []
    await alice.wait_event("participant_left", phone.participant_id)
