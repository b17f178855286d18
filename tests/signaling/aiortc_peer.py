"""aiortc's own RTCPeerConnection as the other end of publishers, subscribers and mixer legs."""

from __future__ import annotations

import asyncio
from typing import Any

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import AudioStreamTrack
from av import AudioFrame, VideoFrame

from tests.signaling.raw_client import RawClient

CONNECT_SECS = 20.0


class CountingTrack(MediaStreamTrack):
    """Video of an increasing brightness: frame n is a grey of n * 8 modulo 256."""

    kind = "video"

    def __init__(self, fps: int = 15) -> None:
        super().__init__()
        self._fps = fps
        self._number = 0

    async def recv(self) -> VideoFrame:
        from fractions import Fraction

        import numpy as np

        await asyncio.sleep(1 / self._fps)  # a camera's pace, not a wait for something
        frame = VideoFrame.from_ndarray(np.full((270, 320), (self._number * 8) % 256, np.uint8), format="yuv420p")
        frame.pts, frame.time_base = self._number * 90000 // self._fps, Fraction(1, 90000)
        self._number += 1
        return frame


def new_connection() -> RTCPeerConnection:
    # No ICE servers: a STUN server that cannot be reached would hold gathering up for seconds.
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def connected(pc: RTCPeerConnection) -> None:
    done = asyncio.Event()

    @pc.on("connectionstatechange")
    def changed() -> None:
        if pc.connectionState in ("connected", "failed", "closed"):
            done.set()

    if pc.connectionState != "connected":
        async with asyncio.timeout(CONNECT_SECS):
            await done.wait()
    assert pc.connectionState == "connected"


async def offer_and_apply(
    client: RawClient, handle: int, body: dict[str, Any], pc: RTCPeerConnection
) -> dict[str, Any]:
    """Send pc's offer with a plugin message, apply the answer; returns the plugin's data."""
    await pc.setLocalDescription(await pc.createOffer())
    reply = await client.message(handle, body, {"type": "offer", "sdp": pc.localDescription.sdp})
    assert "jsep" in reply, reply
    await pc.setRemoteDescription(RTCSessionDescription(**{k: reply["jsep"][k] for k in ("sdp", "type")}))
    data: dict[str, Any] = reply["plugindata"]["data"]
    return data


async def answer_offer(client: RawClient, handle: int, jsep: dict[str, str], pc: RTCPeerConnection) -> dict[str, Any]:
    """Answer a SUB offer with `start`; returns the plugin's data."""
    await pc.setRemoteDescription(RTCSessionDescription(sdp=jsep["sdp"], type=jsep["type"]))
    await pc.setLocalDescription(await pc.createAnswer())
    body = {"request": "start", "room": client.room_id}
    reply = await client.message(handle, body, {"type": "answer", "sdp": pc.localDescription.sdp})
    data: dict[str, Any] = reply["plugindata"]["data"]
    return data


async def take(track: MediaStreamTrack, count: int, *, seconds: float = 20.0) -> list[VideoFrame | AudioFrame]:
    """The next frames of a track, decoded by aiortc."""
    async with asyncio.timeout(seconds):
        return [await track.recv() for _ in range(count)]  # type: ignore[misc]  # recv may also give packets


__all__ = ["AudioStreamTrack", "CountingTrack", "MediaBlackhole"]
