"""/_emulator/observers: aiortc receives what it asks for, and nobody in the room is the wiser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame, VideoFrame
from jsonschema import Draft202012Validator

from emulator.clients import RoomClient
from emulator.probes.card_reader import read_card
from emulator.probes.tones import tones_in
from emulator.server import Emulator
from tests.admin.caller import Caller, Reply
from tests.admin.conftest import MakeClient
from tests.webhooks.receiver import Receiver


@pytest.fixture
async def room(admin: Caller, receiver: Receiver) -> Any:
    return await admin.room(webhook_event_url=receiver.url)


class Observer:
    """An aiortc connection that only receives."""

    def __init__(self, admin: Caller) -> None:
        self._admin = admin
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.ended = asyncio.Event()
        self.pc.on("connectionstatechange", self._changed)

    def _changed(self) -> None:
        if self.pc.connectionState in ("closed", "failed"):
            self.ended.set()

    async def ask(self, *kinds: str, **body: Any) -> Reply:
        for kind in kinds:
            self.pc.addTransceiver(kind, direction="recvonly")
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return await self._admin.post("observers", {**body, "offer": self.pc.localDescription.sdp})

    async def watch(self, *kinds: str, **body: Any) -> Any:
        data = (await self.ask(*kinds, **body)).data
        await self.pc.setRemoteDescription(RTCSessionDescription(data["answer"], "answer"))
        return data

    def track(self, kind: str) -> MediaStreamTrack:
        return next(each.receiver.track for each in self.pc.getTransceivers() if each.kind == kind)

    async def sees(self, client: RoomClient, key: str = "self") -> None:
        track = self.track("video")
        async with asyncio.timeout(20):
            while True:
                frame = await track.recv()
                assert isinstance(frame, VideoFrame)
                luma = frame.to_ndarray(format="gray")
                reading = read_card(np.ascontiguousarray(luma))
                if reading is not None:
                    assert (reading.participant_id, reading.key) == (client.participant_id, key)
                    return

    async def hears(self, *tones: int) -> None:
        """Exactly these at once, within a while."""
        track, samples = self.track("audio"), np.zeros(0, dtype=np.float32)
        async with asyncio.timeout(20):
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                block = frame.to_ndarray().reshape(-1, len(frame.layout.channels)).mean(axis=1) / 32768
                samples = np.concatenate([samples, block.astype(np.float32)])[-14_400:]
                if len(samples) == 14_400 and set(tones_in(samples)) == set(tones):
                    return


@pytest.fixture
async def observer(admin: Caller) -> AsyncIterator[Callable[[], Observer]]:
    made: list[Observer] = []

    def make() -> Observer:
        made.append(Observer(admin))
        return made[-1]

    yield make
    for each in made:
        await each.pc.close()


MakeObserver = Callable[[], Observer]


async def test_a_stream_is_seen_and_heard_and_the_mix_is_everybody(
    room: Any, join: MakeClient, observer: MakeObserver
) -> None:
    ada, ben = await join("Ada"), await join("Ben")
    await asyncio.gather(ada.publish(), ben.publish())
    await ben.subscribe(ada)
    await ben.sees(ada)
    of_ada, of_all, both = observer(), observer(), observer()
    await of_ada.watch("audio", "video", room_id=room["id"], participant_id=ada.participant_id)
    await of_all.watch("audio", room_id=room["id"])
    await both.watch("video", "audio", room_id=room["id"], participant_id=ben.participant_id, key="self", audio="mix")
    await asyncio.gather(
        of_ada.sees(ada),
        of_ada.hears(ada.tone),
        of_all.hears(ada.tone, ben.tone),
        both.sees(ben),
        both.hears(ada.tone, ben.tone),
    )


async def test_nobody_knows(
    admin: Caller, emulator: Emulator, room: Any, join: MakeClient, observer: MakeObserver, receiver: Receiver
) -> None:
    ada, ben = await join("Ada"), await join("Ben")
    await ada.publish()
    await ben.subscribe(ada)
    await asyncio.gather(ben.sees(ada), ben.hears(ada))

    async def known() -> dict[str, Any]:
        assert admin.key is not None
        account = emulator.accounts.by_key(admin.key)
        assert account is not None
        await emulator.webhooks.drained(account)
        # Who talks is told as ever: that is Ada's tone. Keepalives go on as well.
        frames = [entry["text"] for entry in (await admin.get("wire?kind=frame")).data["entries"]]
        events = [event["type"] for event in (await admin.get("events?since=0")).data]
        return {
            "participants": (await admin.get("/v2/room_participants")).data,
            "sessions": (await admin.get("/v2/room_sessions")).data,
            "recordings": (await admin.get("/v2/room_recordings")).data,
            "webhooks": receiver.types,
            "events": [kind for kind in events if kind != "talking_changed"],
            "frames": [text for text in frames if "keepalive" not in text and "talking" not in text],
            "people": [list(client.participants) for client in (ada, ben)],
        }

    before = await known()
    made = observer()
    data = await made.watch("audio", "video", room_id=room["id"], participant_id=ada.participant_id)
    await asyncio.gather(made.sees(ada), made.hears(ada.tone))
    (listed,) = (await admin.get("observers")).data
    assert listed["state"] == "connected"
    assert ":" in listed["selected_address"]
    assert (await admin.call("DELETE", f"observers/{data['id']}")).status == 204
    async with asyncio.timeout(20):
        await made.ended.wait()
    assert (await admin.get("observers")).data == []
    assert await known() == before
    (await admin.call("DELETE", f"observers/{data['id']}")).refused(404)


async def test_it_ends_with_its_stream_and_the_mix_with_the_session(
    admin: Caller, room: Any, join: MakeClient, observer: MakeObserver
) -> None:
    ada = await join("Ada")
    await ada.publish()
    of_stream, of_mix = observer(), observer()
    await of_stream.watch("video", room_id=room["id"], participant_id=ada.participant_id)
    await of_mix.watch("audio", room_id=room["id"])
    await asyncio.gather(of_stream.sees(ada), of_mix.hears(ada.tone))
    await ada.unpublish()
    async with asyncio.timeout(20):
        await of_stream.ended.wait()
    (left,) = (await admin.get("observers")).data
    assert left["stream_id"] is None
    session = (await admin.get("/v2/room_sessions")).data[0]
    await admin.post(f"/v2/room_sessions/{session['id']}/actions/end")
    async with asyncio.timeout(20):
        await of_mix.ended.wait()
    assert (await admin.get("observers")).data == []


async def test_a_moderators_mute_holds_for_observers_as_well(
    admin: Caller, room: Any, join: MakeClient, observer: MakeObserver
) -> None:
    ada, ben = await join("Ada"), await join("Ben")
    await asyncio.gather(ada.publish(), ben.publish())
    made = observer()
    await made.watch("audio", room_id=room["id"])
    await made.hears(ada.tone, ben.tone)
    session = (await admin.get("/v2/room_sessions")).data[0]
    await admin.post(f"/v2/room_sessions/{session['id']}/actions/mute", {"participants": [ada.participant_id]})
    await made.hears(ben.tone)


async def test_what_cannot_be_observed_is_refused_with_the_reason(
    admin: Caller, room: Any, join: MakeClient, observer: MakeObserver
) -> None:
    assert "no active session" in (await observer().ask("audio", room_id=room["id"])).refused(404)
    ada = await join("Ada")
    who = {"room_id": room["id"], "participant_id": ada.participant_id}
    assert "they publish: nothing" in (await observer().ask("video", **who)).refused(404)
    await (await ada.publish()).wait_connected()
    assert "they publish: self" in (await observer().ask("video", **who, key="screen")).refused(404)
    assert "no room" in (await observer().ask("video", room_id="x")).refused(404)
    assert "no participant" in (await observer().ask("video", room_id=room["id"], participant_id="x")).refused(404)
    body = {"room_id": room["id"], "offer": "x"}
    assert "no room" in (await admin.with_key("KEY_other").post("observers", body)).refused(404)
    post = admin.post
    (await post("observers", {**who, "offer": "nonsense"})).refused(422, pointer="/offer")
    (await post("observers", {"room_id": room["id"]})).refused(422, pointer="/offer")
    (await post("observers", {"offer": "x"})).refused(422, pointer="/room_id")
    (await post("observers", {"room_id": room["id"], "offer": "x", "key": "self"})).refused(
        422, pointer="/participant_id"
    )
    (await post("observers", {"room_id": room["id"], "offer": "x", "audio": "stream"})).refused(422, pointer="/audio")
    (await post("observers", {"room_id": room["id"], "offer": "x", "vidoe": 1})).refused(422, pointer="/vidoe")
    (await observer().ask("video", room_id=room["id"])).refused(422, pointer="/offer")  # the mix has no picture
    twice = observer()
    assert "one video m-line" in (await twice.ask("video", "video", **who)).refused(422, pointer="/offer")
    sends = observer()
    sends.pc.addTransceiver("audio", direction="sendonly")
    assert "to receive" in (await sends.ask(**who)).refused(422, pointer="/offer")
    assert (await admin.get("observers")).data == []


async def test_there_are_no_more_than_a_bounded_number(
    admin: Caller, room: Any, join: MakeClient, observer: MakeObserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.conference.conferences.MAX_OBSERVERS", 1)
    await join("Ada")
    await observer().watch("audio", room_id=room["id"])
    assert "at most 1" in (await observer().ask("audio", room_id=room["id"])).refused(422)


async def test_the_published_schema_fits(admin: Caller, room: Any, join: MakeClient, observer: MakeObserver) -> None:
    await join("Ada")
    reply = await observer().ask("audio", room_id=room["id"])
    paths = (await admin.get("openapi.json")).body["paths"]["/_emulator/observers"]
    for method, status, body in (("post", "201", reply.body), ("get", "200", (await admin.get("observers")).body)):
        schema = paths[method]["responses"][status]["content"]["application/json"]["schema"]
        Draft202012Validator(schema).validate(body)
