"""Pages that run the vendor's SDK meet each other in a room of a running emulator."""

from __future__ import annotations

import time

import pytest

from emulator.server import Emulator
from tests.browser.conftest import SdkPageFactory
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage

pytestmark = pytest.mark.browser

FRAMES = 60
WITHIN_SECONDS = 15
PICTURE = {"source": "canvas", "width": 320, "height": 180, "fps": 30}


async def test_what_one_page_publishes_another_page_decodes(alice: SdkPage, bob: SdkPage) -> None:
    await alice.add_stream("self", video=PICTURE)
    await bob.wait_event("stream_published", alice.participant_id, "self")
    video = await bob.subscribe(alice.participant_id)
    await bob.wait_decoded_frames(video, FRAMES, WITHIN_SECONDS)

    reports = await bob.stats(alice.participant_id)
    received = {each["kind"]: each for each in reports if each["type"] == "inbound-rtp"}
    assert received["video"]["framesDecoded"] >= FRAMES
    assert received["audio"]["packetsReceived"] > 0


async def test_each_page_hears_the_other_in_the_mix_and_not_itself(alice: SdkPage, bob: SdkPage) -> None:
    chords = {alice: 5, bob: 9}
    for page, index in chords.items():
        await page.add_stream("self", audio={"source": "tone", "index": index}, video=False)
    for page, other in ((alice, bob), (bob, alice)):
        await page.wait_tone(chords[other])
        assert set(await page.tones(seconds=1)) == {chords[other]}


async def test_page_that_joins_later_finds_those_who_are_there_in_its_state(
    alice: SdkPage, emulator: Emulator, room: JoinableRoom, sdk_page: SdkPageFactory
) -> None:
    await alice.add_stream("self", video=PICTURE)
    late = await sdk_page(emulator.admin_url, name="late")
    await late.join(room.id, await room.token(), "Late")
    state = await late.state()
    assert {each["id"] for each in state["participants"]} == {alice.participant_id, late.participant_id}
    if not any(each["participantId"] == alice.participant_id for each in state["streams"]):
        await late.wait_event("stream_published", alice.participant_id, "self")
    video = await late.subscribe(alice.participant_id)
    await late.wait_decoded_frames(video, FRAMES, WITHIN_SECONDS)


async def test_camera_of_a_page_going_off_and_on_reaches_the_other_page(alice: SdkPage, bob: SdkPage) -> None:
    await alice.add_stream("self")
    await bob.wait_event("stream_published", alice.participant_id, "self")
    for source, event in ((False, "track_disabled"), (True, "track_enabled")):
        mark = await bob.mark()
        await alice.update_stream("self", video=source)
        await bob.wait_event(event, alice.participant_id, "self", "video", since=mark)


async def test_page_that_is_closed_abruptly_is_gone_for_the_others_within_a_second(
    alice: SdkPage, bob: SdkPage
) -> None:
    await alice.add_stream("self")
    await bob.wait_event("stream_published", alice.participant_id, "self")
    await bob.subscribe(alice.participant_id)
    mark = await bob.mark()
    closed_at = time.time() * 1000  # the pages' events carry the same clock
    await alice.close()
    left = await bob.wait_event("participant_left", alice.participant_id, since=mark)
    assert left.t - closed_at < 1000

    names = [event.name for event in await bob.events(since=mark) if event.args[:1] == (alice.participant_id,)]
    assert names.index("stream_unpublished") < names.index("participant_left")
    assert names.count("participant_left") == 1
    assert await bob.streams_of(alice.participant_id) == []


async def test_leaving_politely_ends_with_user_initiated(alice: SdkPage, bob: SdkPage) -> None:
    await alice.disconnect()
    left = await alice.wait_event("disconnected")
    assert left.args == ("user_initiated",)
    await bob.wait_event("participant_left", alice.participant_id)
