"""What a person with the SDK can do besides joining and publishing: other sources, freezing, simulcast, new tokens."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from emulator.clients import RoomClient
from emulator.clients.errors import ClientStateError, OptionError
from emulator.clients.events import ParticipantLeft, StreamPublished, TrackEnabled
from emulator.config import Config
from emulator.server import Emulator
from tests.clients.conftest import MakeClient
from tests.signaling.raw_client import RestRoom


async def test_another_source_is_sent_without_a_new_offer(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish(audio=None)
    subscription = await bob.subscribe(alice)
    await bob.sees(alice)
    await alice.replace(video={"source": "screen", "size": "640x360"}, audio="tone")
    await bob.hears(alice)
    sighting = await bob.sees(alice)
    while sighting.width == 320:
        sighting = await bob.sees(alice)
    assert (sighting.width, sighting.height) == (640, 360)
    assert bob.subscription(alice) is subscription
    await bob.wait_for(TrackEnabled, {"participant_id": alice.participant_id, "kind": "audio"})


async def test_a_stream_without_a_camera_can_be_given_one(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.publish(video=None)
    await bob.subscribe(alice)
    await bob.sees_black(alice)
    await alice.replace(video="test_card")
    await bob.wait_for(TrackEnabled, {"kind": "video"})
    await bob.sees(alice)


async def test_a_source_that_does_not_fit_what_was_negotiated_is_refused(join: MakeClient) -> None:
    alice = await join("Alice")
    await alice.publish()
    with pytest.raises(ClientStateError, match="'self' is sent as VP8"):
        await alice.replace(video={"source": "test_card", "codec": "H264"})
    with pytest.raises(ClientStateError, match="published without simulcast"):
        await alice.replace(video={"source": "test_card", "size": "640x360", "simulcast": True})
    with pytest.raises(ClientStateError, match="no stream 'other'"):
        await alice.replace("other", video="test_card")


async def test_frozen_media_stand_still_and_go_on_where_the_flags_are(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    stream = await alice.publish()
    await bob.subscribe(alice)
    await asyncio.gather(bob.sees(alice), bob.hears(alice))
    await alice.freeze(signaling=False)
    await asyncio.gather(
        bob.frozen(alice, for_seconds=0.4, within=0.5), bob.hears_not(alice, for_seconds=0.4, within=0.5)
    )
    assert stream.connection is not None
    assert stream.connection.failure is None
    await alice.update_stream(audio=False)
    await alice.thaw()
    await bob.sees(alice)
    await bob.hears_not(alice, for_seconds=0.4, within=0.5)
    await alice.update_stream(audio=True)
    await bob.hears(alice)


async def test_frozen_signaling_neither_sends_nor_looks(join: MakeClient) -> None:
    alice, bob = await join("Alice", keepalive_interval=0.05), await join("Bob")
    await alice.publish()
    await bob.subscribe(alice)
    await alice.freeze(media=False)
    mark = alice.mark
    publishing = asyncio.ensure_future(alice.publish("second", video=None))
    await bob.publish(video=None)
    await bob.sees(alice)  # media go on
    assert alice.history.since(mark) == []
    assert not publishing.done()
    await alice.thaw()
    await alice.wait_for(StreamPublished, {"participant_id": bob.participant_id})
    await publishing
    await bob.wait_for(StreamPublished, {"participant_id": alice.participant_id, "key": "second"})


async def test_who_is_frozen_for_long_is_put_out_and_can_still_leave() -> None:
    async with (
        Emulator(Config(port=0, idle_timeout_secs=0.5)) as emulator,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {emulator.api_key}"}) as http,
    ):
        room = await RestRoom.create(emulator, http)
        people = [
            RoomClient(
                ws_url=emulator.ws_url, room_id=room.id, token=await room.token(), name=name, keepalive_interval=0.1
            )
            for name in ("Alice", "Bob")
        ]
        async with people[0] as alice, people[1] as bob:
            await alice.publish(video=None)
            await alice.freeze()
            await bob.wait_for(ParticipantLeft, {"participant_id": alice.participant_id})
            assert alice.status == "connected"  # it has not looked
            await alice.thaw()
            ended = await alice.wait_disconnected()
            assert (ended.code, alice.end_reason) == (3999, "timed_out")


async def test_simulcast_sends_three_layers_of_one_picture(join: MakeClient) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    stream = await alice.publish(
        video={"source": "test_card", "size": "640x360", "simulcast": True, "loop": 0}, audio=None
    )
    await stream.wait_connected()
    await bob.subscribe(alice)
    await bob.sees(alice)
    assert stream.connection is not None
    layers = len(stream.connection.videos)
    assert layers in (1, 3)  # an answer without simulcast is accepted, and one layer is sent
    form = [(track.source.format.width, track.source.format.height) for track in stream.video_tracks]
    assert form == [(640, 360), (320, 180), (160, 90)][:layers]
    await alice.update_stream(video=False)
    await bob.sees_black(alice)
    await alice.update_stream(video=True)
    await bob.sees(alice)
    assert [track.source.format.width for track in stream.video_tracks] == [640, 320, 160][:layers]


async def test_a_subscriber_chooses_the_layer_it_sees(join: MakeClient) -> None:
    """Read off the card: its size is the layer's, also from the first picture on."""
    alice, bob, carol = await join("Alice"), await join("Bob"), await join("Carol")
    await alice.publish(video={"source": "test_card", "size": "640x360", "simulcast": True, "loop": 0}, audio=None)
    await bob.subscribe(alice, substream=0)
    await carol.subscribe(alice)
    await _until_width(carol, alice, 640)
    assert (await bob.sees(alice)).width == 160
    for substream, width in ((1, 320), (2, 640), (0, 160)):
        await bob.update_subscription(alice, substream=substream)
        await _until_width(bob, alice, width)
    assert (await carol.sees(alice)).width == 640, "a layer is chosen for oneself"
    assert {sighting.reading is not None for sighting in bob.subscription(alice).sightings} == {True}
    for wrong in (3, -1, "h"):
        with pytest.raises(OptionError, match="substream: expected"):
            await bob.update_subscription(alice, substream=wrong)  # type: ignore[arg-type]


async def _until_width(viewer: RoomClient, whose: RoomClient, width: int) -> None:
    async with asyncio.timeout(30):
        while (await viewer.sees(whose)).width != width:
            pass


async def test_a_new_token_keeps_one_in_the_room(join: MakeClient, room: RestRoom) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    await alice.update_token(await room.token())
    await alice.publish(video=None)
    await bob.hears(alice)


async def test_a_kick_is_noticed_as_what_it_is(join: MakeClient, room: RestRoom) -> None:
    alice, bob = await join("Alice"), await join("Bob")
    assert alice.end_reason is None
    session = await room.active_session()
    await room.post(f"room_sessions/{session}/actions/kick", {"participants": [alice.participant_id]})
    await alice.wait_disconnected()
    assert alice.end_reason == "kicked"
    await bob.leave()
    assert bob.end_reason == "user_initiated"
