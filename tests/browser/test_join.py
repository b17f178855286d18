"""The vendor's SDK in Chromium joins rooms of a running emulator, with synthetic participants and with itself.

Needs from outside this folder the fixture `emulator` (rest_url, ws_url, admin_url, api_key), and `synthetic`, a
factory of joined synthetic participants:

    await synthetic(room_id, client_token, username)   -> with participant_id and
        await .publish(key)                            publishes a test card with a tone
        await .set_video(key, enabled)                 switches its camera off and on
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

import pytest

from tests.browser.conftest import SdkPageFactory
from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage

pytestmark = pytest.mark.browser

FRAMES = 60
WITHIN_SECONDS = 15


class Emulator(Protocol):
    rest_url: str
    ws_url: str
    admin_url: str
    api_key: str


class Synthetic(Protocol):
    participant_id: str

    async def publish(self, key: str) -> None: ...
    async def set_video(self, key: str, enabled: bool) -> None: ...


class SyntheticFactory(Protocol):
    async def __call__(self, room_id: str, client_token: str, username: str) -> Synthetic: ...


@pytest.fixture
async def room(emulator: Emulator) -> JoinableRoom:
    return await JoinableRoom.create(emulator.rest_url, emulator.api_key)


@pytest.fixture
async def alice(emulator: Emulator, room: JoinableRoom, sdk_page: SdkPageFactory) -> SdkPage:
    """A page that is connected to the room."""
    page = await sdk_page(emulator.admin_url, name="alice")
    await page.join(room.id, await room.token(), "Alice")
    return page


@pytest.fixture
async def bob(emulator: Emulator, room: JoinableRoom, alice: SdkPage, sdk_page: SdkPageFactory) -> SdkPage:
    """A second page, connected after the first."""
    page = await sdk_page(emulator.admin_url, name="bob")
    await page.join(room.id, await room.token(), "Bob")
    return page


async def test_page_sees_the_right_moving_picture_of_every_participant_who_joins_later(
    alice: SdkPage, room: JoinableRoom, synthetic: SyntheticFactory
) -> None:
    others = [await synthetic(room.id, await room.token(), name) for name in ("Carol", "Dave")]
    for other in others:
        await alice.wait_event("participant_joined", other.participant_id)
        await other.publish("self")
        await alice.wait_event("stream_published", other.participant_id, "self")

    videos = {other.participant_id: await alice.subscribe(other.participant_id) for other in others}
    started = time.monotonic()
    await asyncio.gather(*(alice.wait_decoded_frames(video, FRAMES, WITHIN_SECONDS) for video in videos.values()))
    assert time.monotonic() - started < WITHIN_SECONDS

    for participant_id, video in videos.items():
        first = await alice.wait_card(video)
        later = await alice.wait_card(video, after=first.frame)
        assert (first.participant_id, first.key) == (participant_id, "self")
        assert (later.participant_id, later.key) == (participant_id, "self")
        assert later.frame > first.frame


async def test_names_of_participants_come_with_their_context(
    alice: SdkPage, room: JoinableRoom, synthetic: SyntheticFactory
) -> None:
    zoe = await synthetic(room.id, await room.token(), "Zoë")
    await alice.wait_event("participant_joined", zoe.participant_id)
    names = {each["id"]: each["name"] for each in (await alice.state())["participants"]}
    assert names == {alice.participant_id: "Alice", zoe.participant_id: "Zoë"}


async def test_what_one_page_publishes_another_page_decodes(alice: SdkPage, bob: SdkPage) -> None:
    await alice.add_stream("self")
    await bob.wait_event("stream_published", alice.participant_id, "self")
    video = await bob.subscribe(alice.participant_id)
    await bob.wait_decoded_frames(video, FRAMES, WITHIN_SECONDS)

    reports = await bob.stats(alice.participant_id)
    received = {each["kind"]: each for each in reports if each["type"] == "inbound-rtp"}
    assert received["video"]["framesDecoded"] >= FRAMES
    assert received["audio"]["packetsReceived"] > 0


async def test_page_that_joins_later_finds_those_who_are_there_in_its_state(
    alice: SdkPage, emulator: Emulator, room: JoinableRoom, sdk_page: SdkPageFactory
) -> None:
    await alice.add_stream("self")
    late = await sdk_page(emulator.admin_url, name="late")
    await late.join(room.id, await room.token(), "Late")
    state = await late.state()
    assert {each["id"] for each in state["participants"]} == {alice.participant_id, late.participant_id}
    if not any(each["participantId"] == alice.participant_id for each in state["streams"]):
        await late.wait_event("stream_published", alice.participant_id, "self")
    video = await late.subscribe(alice.participant_id)
    await late.wait_decoded_frames(video, FRAMES, WITHIN_SECONDS)


async def test_camera_of_a_participant_going_off_and_on_arrives_as_track_events(
    alice: SdkPage, room: JoinableRoom, synthetic: SyntheticFactory
) -> None:
    carol = await synthetic(room.id, await room.token(), "Carol")
    await carol.publish("self")
    await alice.wait_event("stream_published", carol.participant_id, "self")
    for enabled, event in ((False, "track_disabled"), (True, "track_enabled")):
        mark = await alice.mark()
        await carol.set_video("self", enabled)
        await alice.wait_event(event, carol.participant_id, "self", "video", since=mark)
        [stream] = await streams_of(alice, carol.participant_id)
        assert stream["isVideoEnabled"] is enabled
        assert stream["isAudioEnabled"] is True


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
    assert await streams_of(bob, alice.participant_id) == []


async def test_leaving_politely_ends_with_user_initiated(alice: SdkPage, bob: SdkPage) -> None:
    await alice.disconnect()
    left = await alice.wait_event("disconnected")
    assert left.args == ("user_initiated",)
    await bob.wait_event("participant_left", alice.participant_id)


async def streams_of(page: SdkPage, participant_id: str) -> list[dict[str, Any]]:
    streams = (await page.state())["streams"]
    return [each for each in streams if each["participantId"] == participant_id]
