"""Sound and picture on their whole way, from a publisher through the emulator to a subscriber, by their own timestamps.

A receiver plays them by what sender reports say of these (RFC 3550 6.4.1). How a browser does it is seen in
tests/long/test_sync.py.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import cast

import av
import numpy as np

from emulator.clients.peer import OnFrame, SubscriberConnection
from emulator.clients.room_client import RoomClient
from emulator.media.audio.opus import OpusDecoder
from emulator.media.rtp.assembler import Frame
from emulator.media.rtp.rtcp import SenderReport, parse_compound
from emulator.media.rtp.sequence import timestamp_delta
from emulator.media.rtp.timing import ntp_seconds
from emulator.probes.card_reader import flashes
from tests.clients.conftest import MakeClient

BOUND_SECS = 0.08
RATES = {"audio": 48_000, "video": 90_000}
LOUD, QUIET_BLOCKS = 0.02, 10


class Receiver:
    """Listens to a subscription beside its owner: timestamps of flashes and beeps, and the last sender reports."""

    def __init__(self, connection: SubscriberConnection) -> None:
        assert connection.audio is not None
        assert connection.video is not None
        self.begun: dict[str, list[int]] = {"audio": [], "video": []}
        self.reports: dict[str, SenderReport] = {}
        self.enough = asyncio.Event()
        self._receivers = {"audio": connection.audio, "video": connection.video}
        self._picture = cast(av.VideoCodecContext, av.CodecContext.create("vp8", "r"))
        self._sound = OpusDecoder()
        self._started = False
        self._was_bright = True
        self._quiet = 0
        for kind, receiver in self._receivers.items():
            take = self._hear if kind == "audio" else self._see
            receiver._on_frame = partial(self._pass_on, receiver._on_frame, take)
        self._on_rtcp = connection._peer.on_rtcp
        connection._peer.on_rtcp = self._reported
        connection.video.request_keyframe(asyncio.get_running_loop().time())

    @staticmethod
    def _pass_on(owner: OnFrame, take: OnFrame, frame: Frame, now: float) -> None:
        take(frame, now)
        owner(frame, now)

    def _reported(self, data: bytes) -> None:
        for packet in parse_compound(data):
            for kind, receiver in self._receivers.items():
                if isinstance(packet, SenderReport) and packet.ssrc == receiver.ssrc:
                    self.reports[kind] = packet
        self._on_rtcp(data)

    def _see(self, frame: Frame, _now: float) -> None:
        self._started = self._started or frame.keyframe
        if not self._started or frame.damaged:
            return
        for picture in self._picture.decode(av.Packet(frame.data)):
            bright = flashes(picture.to_ndarray()[: picture.height])
            if bright and not self._was_bright:
                self.begun["video"].append(frame.timestamp)
                self._look()
            self._was_bright = bright

    def _hear(self, frame: Frame, _now: float) -> None:
        if frame.damaged:
            return
        loud = np.flatnonzero(np.abs(self._sound.decode(frame.data)) > LOUD)
        if loud.size and self._quiet >= QUIET_BLOCKS:
            self.begun["audio"].append(frame.timestamp + int(loud[0]))
            self._look()
        self._quiet = 0 if loud.size else self._quiet + 1

    def _look(self) -> None:
        if min(len(times) for times in self.begun.values()) >= 3:
            self.enough.set()

    def moments(self, kind: str) -> list[float]:
        """When they were made, in seconds of the clock that the reports share."""
        report = self.reports[kind]
        start = ntp_seconds(report.ntp)
        return [
            start + timestamp_delta(timestamp & 0xFFFFFFFF, report.rtp_timestamp) / RATES[kind]
            for timestamp in self.begun[kind]
        ]


async def test_a_beep_belongs_to_its_flash_at_the_subscriber(join: MakeClient) -> None:
    """Also after the camera was off for a while, and black and silence were sent in its place."""
    alice, bob = await join("alice"), await join("bob")
    await alice.publish("self", video={"source": "flash", "fps": 25}, audio="beep")
    await bob.subscribe(alice)
    await bob.sees(alice, within=20)
    await check(bob, alice)
    await alice.update_stream("self", video=False, audio=False)
    await bob.sees_black(alice, within=20)
    await alice.update_stream("self", video=True, audio=True)
    await bob.sees(alice, within=20)
    await check(bob, alice)


async def check(bob: RoomClient, alice: RoomClient) -> None:
    connection = bob.subscription(alice).connection
    assert connection is not None
    receiver = Receiver(connection)
    async with asyncio.timeout(60):
        await receiver.enough.wait()
    flashed, beeped = receiver.moments("video"), receiver.moments("audio")
    # Who begins to listen between the two has one of them without the other at the beginning or the end.
    whole = [flash for flash in flashed if beeped[0] - 0.5 < flash < beeped[-1] + 0.5]
    assert len(whole) >= 2, (flashed, beeped)
    apart = [min((beep - flash for beep in beeped), key=abs) for flash in whole]
    assert max(map(abs, apart)) < BOUND_SECS, apart
