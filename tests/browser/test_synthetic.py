"""Synthetic participants as the vendor's SDK in Chromium sees them.

Needs the fixture `synthetic` (not in this folder), a factory of joined synthetic participants:

    await synthetic(room_id, client_token, username)   -> with participant_id and
        await .publish(key)                            publishes a test card with a tone
        await .set_video(key, enabled)                 switches its camera off and on
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

import pytest

from tests.browser.joined_room import JoinableRoom
from tests.browser.sdk_page import SdkPage

pytestmark = pytest.mark.browser

FRAMES = 60
WITHIN_SECONDS = 15


class Synthetic(Protocol):
    participant_id: str

    async def publish(self, key: str) -> None: ...
    async def set_video(self, key: str, enabled: bool) -> None: ...


class SyntheticFactory(Protocol):
    async def __call__(self, room_id: str, client_token: str, username: str) -> Synthetic: ...


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
        [stream] = await alice.streams_of(carol.participant_id)
        assert stream["isVideoEnabled"] is enabled
        assert stream["isAudioEnabled"] is True
