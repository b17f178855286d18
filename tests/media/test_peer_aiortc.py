"""aiortc as the other end: it shares no code with ours, so two wrongs cannot agree here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from fractions import Fraction

import aioice.ice
import av
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription, rtcdtlstransport
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from emulator.media.transport.answer import accept_answer, make_answer
from emulator.media.transport.negotiation import (
    H264,
    MIX_POLICY,
    OPUS,
    PUBLISHER_POLICY,
    VIEWER_POLICY,
    AnswerPolicy,
    LocalSource,
    Negotiated,
)
from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.media.transport.udp import MediaSocket
from emulator.wire.sdp import Direction

from .transport_kit import Watched, aiortc_connection, open_client, open_socket, rtp_packet

SOURCE = LocalSource(0xCAFE, "cname", "stream", "track")


@pytest.fixture(autouse=True)
def _loopback_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves 127.0.0.1 out of its host candidates."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


@pytest.fixture
async def media_socket() -> AsyncIterator[MediaSocket]:
    opened = open_socket()
    yield opened
    opened.close()


@pytest.fixture
async def browser() -> AsyncIterator[RTCPeerConnection]:
    """An aiortc peer connection, as a browser stands in the other tests."""
    connection = aiortc_connection()
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def opus_frames() -> list[bytes]:
    """Encoded 20 ms frames of silence."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48000, "stereo", "s16"
    encoder.time_base = Fraction(1, 48000)
    frames = []
    for number in range(60):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, Fraction(1, 48000)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frames += [bytes(packet) for packet in encoder.encode(frame)]
    return frames


async def answer_with(peer: Watched, connection: RTCPeerConnection, policy: AnswerPolicy) -> Negotiated:
    """aiortc offers, we answer."""
    await connection.setLocalDescription(await connection.createOffer())
    answer, negotiated = make_answer(connection.localDescription.sdp, peer.peer.local, policy)
    peer.peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role, controlling=False)
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    return negotiated


async def offer_with(peer: Watched, connection: RTCPeerConnection, offered: list[OfferedMedia]) -> Negotiated:
    """We offer, aiortc answers."""
    offer = make_offer(offered, peer.peer.local)
    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    negotiated = accept_answer(connection.localDescription.sdp, offered)
    peer.peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role)
    return negotiated


async def state_reached_in_time(reached: asyncio.Event) -> None:
    async with asyncio.timeout(5):
        await reached.wait()


def state_reached(connection: RTCPeerConnection, state: str) -> Awaitable[None]:
    """To be awaited once; begins to listen at once."""
    reached = asyncio.Event()

    @connection.on("connectionstatechange")
    def _changed() -> None:
        if connection.connectionState == state:
            reached.set()

    return state_reached_in_time(reached)


async def feed_until_heard(
    peer: Watched, connection: RTCPeerConnection, frames: list[bytes], payload_type: int
) -> None:
    """Sends Opus until aiortc has decoded some of it."""
    track = connection.getReceivers()[0].track
    heard = asyncio.ensure_future(track.recv())
    number = 0
    async with asyncio.timeout(10):
        while not heard.done():
            frame = frames[number % len(frames)]
            packet = rtp_packet(number, ssrc=SOURCE.ssrc, payload_type=payload_type, payload=frame)
            assert peer.peer.send_rtp(packet)
            number += 1
            await asyncio.wait({heard}, timeout=0.005)
    decoded = heard.result()
    assert isinstance(decoded, av.AudioFrame)
    assert decoded.sample_rate == 48000


@pytest.mark.parametrize("ends", ["server", "client"])
async def test_aiortc_publishes_audio_and_video_to_us(
    ends: str, media_socket: MediaSocket, browser: RTCPeerConnection
) -> None:
    peer = Watched(media_socket.create_peer()) if ends == "server" else open_client()
    browser.addTransceiver(AudioStreamTrack(), direction="sendonly")
    browser.addTransceiver(VideoStreamTrack(), direction="sendonly")

    negotiated = await answer_with(peer, browser, PUBLISHER_POLICY)
    await peer.connected()
    audio, video = negotiated.media
    ssrcs = {audio.remote_ssrcs[0], video.remote_ssrcs[0]}
    await peer.until(lambda: ssrcs <= {int.from_bytes(packet[8:12], "big") for packet in peer.rtp})
    await peer.until(lambda: bool(peer.rtcp))

    assert (audio.direction, audio.codec.name) == (Direction.RECVONLY, "opus")
    assert (video.direction, video.codec.name) == (Direction.RECVONLY, "VP8")
    assert {packet[1] & 0x7F for packet in peer.rtp} == {audio.codec.payload_type, video.codec.payload_type}
    peer.peer.close()


async def test_aiortc_hears_the_mix_it_sends_to(
    media_socket: MediaSocket, browser: RTCPeerConnection, opus_frames: list[bytes]
) -> None:
    server = Watched(media_socket.create_peer())
    browser.addTrack(AudioStreamTrack())

    negotiated = await answer_with(server, browser, replace(MIX_POLICY, sources={"0": SOURCE}))
    await server.connected()
    await feed_until_heard(server, browser, opus_frames, negotiated.media[0].codec.payload_type)
    await server.until(lambda: bool(server.rtp))

    assert negotiated.media[0].direction is Direction.SENDRECV
    server.peer.close()


@pytest.mark.parametrize("ends", ["server", "client"])
async def test_aiortc_subscribes_to_our_offer(
    ends: str, media_socket: MediaSocket, browser: RTCPeerConnection, opus_frames: list[bytes]
) -> None:
    peer = Watched(media_socket.create_peer()) if ends == "server" else open_client()
    offered = [
        OfferedMedia.audio("0", Direction.SENDONLY, source=SOURCE),
        OfferedMedia.video("1", Direction.SENDONLY, codecs=(H264,), source=replace(SOURCE, ssrc=0xBEEF)),
    ]

    negotiated = await offer_with(peer, browser, offered)
    await peer.connected()
    await feed_until_heard(peer, browser, opus_frames, OPUS.payload_type)

    assert [(each.direction, each.codec.name) for each in negotiated.media] == [
        (Direction.SENDONLY, OPUS.name),
        (Direction.SENDONLY, H264.name),
    ]
    peer.peer.close()


async def test_aiortc_opens_the_transport_of_a_data_channel(
    media_socket: MediaSocket, browser: RTCPeerConnection
) -> None:
    server = Watched(media_socket.create_peer())
    negotiated = await offer_with(server, browser, [OfferedMedia.data("0")])
    browser.createDataChannel("JanusDataChannel")
    await server.connected()
    await server.until(lambda: bool(server.data))

    assert negotiated.media[0].sctp_port == 5000
    assert server.data[0][12] == 1  # an SCTP INIT chunk (RFC 9260 section 3.3.2)
    server.peer.close()


async def test_aiortc_offering_a_data_channel_is_answered(
    media_socket: MediaSocket, browser: RTCPeerConnection
) -> None:
    server = Watched(media_socket.create_peer())
    browser.createDataChannel("any")
    negotiated = await answer_with(server, browser, VIEWER_POLICY)
    await server.connected()
    await server.until(lambda: bool(server.data))

    assert (negotiated.media[0].kind, negotiated.media[0].sctp_port) == ("application", 5000)
    server.peer.close()


async def test_an_end_without_aead_gets_the_older_profile(
    media_socket: MediaSocket,
    browser: RTCPeerConnection,
    opus_frames: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rtcdtlstransport, "SRTP_PROFILES", [rtcdtlstransport.SRTP_AES128_CM_SHA1_80])
    server = Watched(media_socket.create_peer())
    browser.addTrack(AudioStreamTrack())

    negotiated = await answer_with(server, browser, replace(MIX_POLICY, sources={"0": SOURCE}))
    await server.connected()
    await feed_until_heard(server, browser, opus_frames, negotiated.media[0].codec.payload_type)
    await server.until(lambda: bool(server.rtp))

    assert server.peer.srtp_profile == "SRTP_AES128_CM_SHA1_80"
    server.peer.close()


async def test_aiortc_closing_ends_our_peer(media_socket: MediaSocket, browser: RTCPeerConnection) -> None:
    server = Watched(media_socket.create_peer())
    browser.addTransceiver("audio", direction="sendonly")
    finished = state_reached(browser, "connected")
    await answer_with(server, browser, PUBLISHER_POLICY)
    await server.connected()
    await finished  # the server is done half a round trip earlier

    await browser.close()

    assert "close_notify" in await server.ended()


async def test_our_closing_ends_aiortcs_connection(media_socket: MediaSocket, browser: RTCPeerConnection) -> None:
    server = Watched(media_socket.create_peer())
    browser.addTrack(AudioStreamTrack())
    ended = state_reached(browser, "closed")
    await answer_with(server, browser, PUBLISHER_POLICY)
    await server.connected()

    server.peer.close()

    await ended
