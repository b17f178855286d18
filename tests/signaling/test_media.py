"""Publishers, subscribers and mixer legs with aiortc as the other end (S-57 to S-63, S-70 to S-88)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import uuid4

import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from av import AudioFrame

from emulator.server import Emulator
from tests.signaling.aiortc_peer import CountingTrack, answer_offer, connected, new_connection, offer_and_apply, take
from tests.signaling.conftest import Clients
from tests.signaling.raw_client import RawClient, RestRoom, stream_display


@pytest.fixture(autouse=True)
def loopback_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves 127.0.0.1 out of its host candidates; here it is the only address that may be used."""
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


@dataclass
class Publication:
    client: RawClient
    pc: RTCPeerConnection
    handle: int
    stream_id: str
    feed: int
    key: str
    tracks: list[object] = field(default_factory=list)

    def display(self, *, audio: bool = True, video: bool = True) -> str:
        return stream_display(self.client.participant_id, self.stream_id, self.key, audio=audio, video=video)


class Peers:
    """Connections of one test, closed at its end."""

    def __init__(self) -> None:
        self._open: list[RTCPeerConnection] = []

    def new(self) -> RTCPeerConnection:
        pc = new_connection()
        self._open.append(pc)
        return pc

    async def publish(self, client: RawClient, key: str = "self") -> Publication:
        """PUB: join, configure with aiortc's offer, until connected."""
        handle = await client.attach("videoroom")
        stream_id = str(uuid4())
        text = stream_display(client.participant_id, stream_id, key)
        body = {"request": "join", "room": client.room_id, "ptype": "publisher", "display": text}
        joined = (await client.message(handle, body))["plugindata"]["data"]
        assert joined["videoroom"] == "joined"
        pc = self.new()
        pc.addTrack(AudioStreamTrack())
        pc.addTrack(CountingTrack())
        for transceiver in pc.getTransceivers():
            transceiver.direction = "sendonly"
        body = {"request": "configure", "audio": True, "video": True, "bitrate": 500_000, "display": text}
        data = await offer_and_apply(client, handle, body, pc)
        assert (data["videoroom"], data["configured"]) == ("event", "ok")
        await connected(pc)
        return Publication(client, pc, handle, stream_id, joined["id"], key)

    async def subscribe(
        self, client: RawClient, feed: int, *, audio: bool = True, video: bool = True
    ) -> tuple[RTCPeerConnection, int, str]:
        """SUB: join, start with aiortc's answer. Returns connection, handle, and the offer's text."""
        handle = await client.attach("videoroom")
        body = {"request": "join", "room": client.room_id, "ptype": "subscriber", "feed": feed}
        reply = await client.message(handle, {**body, "audio": audio, "video": video})
        assert reply["plugindata"]["data"]["videoroom"] == "attached"
        pc = self.new()
        data = await answer_offer(client, handle, reply["jsep"], pc)
        assert data["started"] == "ok"
        await connected(pc)
        return pc, handle, reply["jsep"]["sdp"]

    async def never_connect(self, client: RawClient, feed: int) -> int:
        """SUB: an answer comes, but nothing after it. Returns the handle."""
        handle = await client.attach("videoroom")
        reply = await client.message(handle, {"request": "join", "ptype": "subscriber", "feed": feed})
        pc = self.new()
        await pc.setRemoteDescription(RTCSessionDescription(sdp=reply["jsep"]["sdp"], type=reply["jsep"]["type"]))
        answer = await pc.createAnswer()  # and not set here: aiortc would connect
        started = await client.message(handle, {"request": "start"}, {"type": "answer", "sdp": answer.sdp})
        assert started["plugindata"]["data"]["started"] == "ok"
        return handle

    async def close(self) -> None:
        for pc in self._open:
            await pc.close()


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    made = Peers()
    yield made
    await made.close()


def received(pc: RTCPeerConnection, kind: str) -> object:
    return next(r.track for r in pc.getReceivers() if r.track.kind == kind)


async def brightness(pc: RTCPeerConnection, frames: int = 10) -> list[float]:
    track = received(pc, "video")
    return [float(np.mean(f.to_ndarray(format="gray"))) for f in await take(track, frames)]  # type: ignore[arg-type]


async def test_published_video_and_audio_reach_a_subscriber(client: Clients, peers: Peers) -> None:
    """S-70, S-71, S-74, S-81, S-84, S-85: aiortc offers as publisher, answers as subscriber.

    S-34, S-35: neither side trickles anything, not even that it is done.
    """
    alice, bob = await client(entered=True), await client(entered=True)
    published = await peers.publish(alice)
    announced = await bob.event(videoroom="event", publishers=...)
    (entry,) = announced["publishers"]
    assert entry["id"] == published.feed
    assert entry["display"] == published.display()
    assert (entry["audio_codec"], entry["video_codec"]) == ("opus", "vp8")
    assert "audio_moderated" not in entry

    pc, _, _ = await peers.subscribe(bob, published.feed)
    levels = await brightness(pc, 12)
    steps = np.diff(levels)
    assert np.sum(np.abs(steps - 8) < 3) >= 8, levels  # the counting picture, frame by frame
    audio = await take(received(pc, "audio"), 10)  # type: ignore[arg-type]
    assert len(audio) == 10
    assert not any(frame["janus"] == "trickle" for frame in (*alice.frames, *bob.frames))
    assert not any("publishers" in event for event in alice.events())  # never told of oneself


async def test_s82_s83_both_kinds_are_offered_sendonly_also_when_not_relayed(client: Clients, peers: Peers) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    published = await peers.publish(alice)
    await bob.event(publishers=...)
    _, _, sdp = await peers.subscribe(bob, published.feed, audio=False, video=False)
    lines = sdp.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("m=")] == ["m=audio", "m=video"]
    assert lines.count("a=sendonly") == 2
    assert "a=end-of-candidates" in lines
    assert not any("transport-wide-cc" in line for line in lines)


async def test_s86_relaying_of_video_stops_and_resumes_with_a_keyframe(client: Clients, peers: Peers) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    published = await peers.publish(alice)
    await bob.event(publishers=...)
    pc, handle, _ = await peers.subscribe(bob, published.feed)
    await brightness(pc, 3)
    reply = await bob.message(handle, {"request": "configure", "audio": True, "video": False})
    assert reply["plugindata"]["data"]["configured"] == "ok"
    track = received(pc, "video")
    with contextlib.suppress(TimeoutError):  # drain what was on its way, until nothing comes any more
        while True:
            await take(track, 1, seconds=1.0)  # type: ignore[arg-type]
    await bob.message(handle, {"request": "configure", "video": True})
    assert len(await take(track, 5)) == 5  # type: ignore[arg-type]


async def test_s87_two_subscribers_and_a_second_subscription_of_one(client: Clients, peers: Peers) -> None:
    alice, bob, carol = [await client(entered=True) for _ in range(3)]
    published = await peers.publish(alice)
    await bob.event(publishers=...)
    first, handle, _ = await peers.subscribe(bob, published.feed)
    second, _, _ = await peers.subscribe(carol, published.feed)
    await asyncio.gather(brightness(first, 3), brightness(second, 3))
    await first.close()
    assert (await bob.request("detach", handle_id=handle))["janus"] == "success"
    again, _, _ = await peers.subscribe(bob, published.feed)
    await asyncio.gather(brightness(again, 3), brightness(second, 3))


async def test_media_waits_for_the_other_subscriptions_that_the_viewer_is_connecting(
    client: Clients, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("QUIET_SECS", "LONGEST_SECS", "RECENT_SECS"):
        monkeypatch.setattr(f"emulator.conference.starts.{limit}", 60.0)
    alice, bob, carol = [await client(entered=True) for _ in range(3)]
    published = await peers.publish(alice)
    await bob.event(publishers=...)
    hanging = await peers.never_connect(bob, published.feed)
    pc, _, _ = await peers.subscribe(bob, published.feed)
    other, _, _ = await peers.subscribe(carol, published.feed)
    await brightness(other, 3)  # another viewer's wait for nobody
    track = received(pc, "video")
    with pytest.raises(TimeoutError):
        await take(track, 1, seconds=0.5)  # type: ignore[arg-type]
    await bob.request("detach", handle_id=hanging)
    assert len(await take(track, 5)) == 5  # type: ignore[arg-type]


async def test_a_subscription_that_never_connects_does_not_keep_the_others_waiting(
    client: Clients, peers: Peers
) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    published = await peers.publish(alice)
    await bob.event(publishers=...)
    await peers.never_connect(bob, published.feed)
    pc, _, _ = await peers.subscribe(bob, published.feed)
    assert len(await brightness(pc, 5)) == 5


async def test_s75_s76_s80_configure_with_a_display_tells_the_others_and_late_joiners(
    client: Clients, peers: Peers
) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    published = await peers.publish(alice)
    await bob.event(publishers=...)
    changed = published.display(video=False)
    reply = await alice.message(published.handle, {"request": "configure", "display": changed})
    assert reply["plugindata"]["data"]["configured"] == "ok"
    event = await bob.event(videoroom="event", display=changed)
    assert event["id"] == published.feed
    late = await client()
    await late.create()
    await late.join_register()
    (entry,) = (await late.join_listener())["plugindata"]["data"]["publishers"]
    assert entry["display"] == changed


async def test_s31_s92_detach_of_a_publisher_unpublishes_once(client: Clients, peers: Peers) -> None:
    """S-30, S-78, S-88: its subscribers' handles survive until they are detached; the key is free again."""
    alice, bob = await client(entered=True), await client(entered=True)
    published = await peers.publish(alice)
    await bob.event(publishers=...)
    _, handle, _ = await peers.subscribe(bob, published.feed)
    await published.pc.close()
    await alice.request("detach", handle_id=published.handle)
    await bob.event(unpublished=published.feed)
    assert (await bob.message(handle, {"request": "configure", "video": True}))["plugindata"]["data"]["configured"]
    assert (await bob.request("detach", handle_id=handle))["janus"] == "success"
    assert (await bob.request("detach", handle_id=handle))["janus"] == "success"
    again = await peers.publish(alice)
    assert again.feed != published.feed
    await bob.wait(lambda: sum("publishers" in e for e in bob.events()) == 2, "the second announcement")
    assert [e["unpublished"] for e in bob.events() if "unpublished" in e] == [published.feed]


async def test_s92_who_leaves_is_unpublished_and_gone_exactly_once(client: Clients, peers: Peers) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    streams = [await peers.publish(alice, key) for key in ("self", "presentation")]
    await bob.wait(lambda: sum("publishers" in e for e in bob.events()) == 2, "both streams")
    await alice.close()
    await bob.event(leaving=alice.reg_id)
    await bob.wait(lambda: sum("unpublished" in e for e in bob.events()) == 2, "both unpublished")
    assert sorted(e["unpublished"] for e in bob.events() if "unpublished" in e) == sorted(s.feed for s in streams)
    assert sum(e.get("leaving") == alice.reg_id for e in bob.events()) == 1


async def test_same_key_twice_is_refused(client: Clients, peers: Peers) -> None:
    alice = await client(entered=True)
    await peers.publish(alice)
    handle = await alice.attach("videoroom")
    text = stream_display(alice.participant_id, str(uuid4()), "self")
    reply = await alice.message(handle, {"request": "join", "ptype": "publisher", "display": text})
    assert "self" in reply["plugindata"]["data"]["error"]


async def test_s91_stream_whose_connection_never_comes_up_is_never_announced(client: Clients, peers: Peers) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    handle = await alice.attach("videoroom")
    stream_id = str(uuid4())
    text = stream_display(alice.participant_id, stream_id, "self")
    await alice.message(handle, {"request": "join", "ptype": "publisher", "display": text})
    pc = peers.new()
    pc.addTrack(CountingTrack())
    await pc.setLocalDescription(await pc.createOffer())
    offer = {"type": "offer", "sdp": pc.localDescription.sdp}
    await alice.message(handle, {"request": "configure", "display": text}, offer)  # the answer is not applied
    await alice.close()
    await bob.event(leaving=alice.reg_id)
    await bob.request("keepalive")
    assert not any("publishers" in e or "unpublished" in e for e in bob.events())


async def test_s57_s58_s61_mixer_leg_is_answered_sendrecv_and_gets_opus(client: Clients, peers: Peers) -> None:
    """S-59: connected at once, although nobody speaks; the offer has no track (a=msid without a track)."""
    alice = await client(entered=True)
    await alice.join_mixer()
    pc = peers.new()
    pc.addTransceiver("audio", direction="sendrecv")
    data = await offer_and_apply(alice, alice.mix, {"request": "configure"}, pc)
    assert data["result"] == "ok"
    assert "a=sendrecv" in pc.remoteDescription.sdp.splitlines()
    await connected(pc)
    frames = await take(received(pc, "audio"), 20)  # type: ignore[arg-type]
    assert {frame.sample_rate for frame in frames} == {48000}  # type: ignore[union-attr]


async def test_r80_s97_s98_s99_mute_stops_forwarded_audio_and_is_told_to_all(
    client: Clients, peers: Peers, room: RestRoom
) -> None:
    """S-66: an entry says `audio_moderated` exactly while it is."""
    alice, bob = await client(entered=True), await client(entered=True)
    published = await peers.publish(alice)
    await bob.event(publishers=...)
    session = await room.active_session()
    for action, value in (("mute", "muted"), ("unmute", "unmuted")):
        await room.post(f"room_sessions/{session}/actions/{action}", {"participants": "all"})
        for each in (alice, bob):
            assert (await each.event(audio_moderation=value))["id"] == published.feed
        late = await client()
        await late.create()
        await late.join_register()
        (entry,) = (await late.join_listener())["plugindata"]["data"]["publishers"]
        assert entry.get("audio_moderated", False) is (value == "muted")
        assert (entry["id"], entry["display"]) == (published.feed, published.display())


async def test_random_datagrams_on_the_media_port_disturb_nothing(
    client: Clients, peers: Peers, emulator: Emulator
) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    published = await peers.publish(alice)
    await bob.event(publishers=...)
    pc, _, _ = await peers.subscribe(bob, published.feed)
    await brightness(pc, 3)
    draw = random.Random(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", emulator.udp_port))
        for number in range(10_000):
            size = draw.randrange(0, 1400)
            first = draw.choice([0, 1, 20, 22, 63, 64, 128, 144, 191, 255])
            sock.send(bytes([first]) + draw.randbytes(size) if size else b"")
            if number % 100 == 0:
                await asyncio.sleep(0)
    assert len(await brightness(pc, 10)) == 10
    assert (await alice.request("keepalive"))["janus"] == "ack"


async def test_t35_publisher_whose_connection_ends_is_unpublished_and_stays_in_the_room(
    client: Clients, peers: Peers
) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    published = await peers.publish(alice)
    await bob.event(publishers=...)
    await published.pc.close()
    await bob.event(unpublished=published.feed)
    changed = published.display(video=False)
    reply = await alice.message(published.handle, {"request": "configure", "display": changed})
    assert reply["plugindata"]["data"]["configured"] == "ok"
    assert not any(event.get("leaving") == alice.reg_id for event in bob.events())


async def test_offer_with_two_audio_lines_for_the_mix_is_refused_with_a_reason(client: Clients, peers: Peers) -> None:
    alice = await client(entered=True)
    await alice.join_mixer()
    pc = peers.new()
    for _ in range(2):
        pc.addTransceiver("audio", direction="sendrecv")
    await pc.setLocalDescription(await pc.createOffer())
    offer = {"type": "offer", "sdp": pc.localDescription.sdp}
    reply = await alice.message(alice.mix, {"request": "configure"}, offer)
    assert "one audio m-line" in reply["error"]["reason"]


class LoudTrack(AudioStreamTrack):
    """A tone at about -9 dBFS instead of silence."""

    async def recv(self) -> AudioFrame:
        frame = await super().recv()
        times = np.arange(frame.samples)
        samples = (np.sin(times * 2 * np.pi * 5 / frame.samples) * 16_000).astype(np.int16)
        loud = AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        loud.sample_rate, loud.pts, loud.time_base = frame.sample_rate, frame.pts, frame.time_base
        return loud


async def test_s100_talk_of_a_publisher_whose_packets_carry_no_level_is_decoded(client: Clients, peers: Peers) -> None:
    alice, bob = await client(entered=True), await client(entered=True)
    handle = await alice.attach("videoroom")
    text = stream_display(alice.participant_id, str(uuid4()), "self")
    await alice.message(handle, {"request": "join", "ptype": "publisher", "display": text})
    pc = peers.new()
    pc.addTrack(LoudTrack())
    await pc.setLocalDescription(await pc.createOffer())
    lines = pc.localDescription.sdp.splitlines(keepends=True)
    offer = {"type": "offer", "sdp": "".join(line for line in lines if "ssrc-audio-level" not in line)}
    reply = await alice.message(handle, {"request": "configure", "display": text}, offer)
    assert "ssrc-audio-level" not in reply["jsep"]["sdp"]
    await pc.setRemoteDescription(RTCSessionDescription(**reply["jsep"]))
    await connected(pc)
    feed = (await bob.event(publishers=...))["publishers"][0]["id"]
    assert (await bob.event(videoroom="talking"))["id"] == feed
