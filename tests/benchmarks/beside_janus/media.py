"""The load: a publisher of ready-made packets, and subscribers that count what comes without decrypting it."""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass
from random import Random

from emulator.clients.client_socket import ClientSocket
from emulator.clients.peer import MediaSettings, PublisherConnection
from emulator.media.rtp.rtcp import ReceiverReport, ReportBlock, Sdes, serialise_compound
from emulator.media.rtp.vp8 import packetise
from emulator.media.transport.answer import make_answer
from emulator.media.transport.dtls import Certificate
from emulator.media.transport.inbox import DATAGRAM_LIMIT
from emulator.media.transport.negotiation import VIEWER_POLICY
from emulator.media.transport.parameters import PeerRole
from emulator.media.transport.peer import Peer
from emulator.media.transport.udp import BATCH
from tests.benchmarks.beside_janus.member import Member, Refused

PACE_SECS = 0.005
"""Distance of what is sent together, as WebRTC's own pacer has it."""
AUDIO_SECS, AUDIO_BYTES, AUDIO_LEVEL = 0.02, 100, 40
PACKET_BYTES = 1100
KEYFRAME_SECS = 2.0
CONNECT_SECS = 10.0
REPORT_SECS = 1.0
MOST_BACKLOG_SECS = 0.1
"""A publisher that is further behind than this lets packets go, as it were: it never catches up in one burst."""

_CERTIFICATE = Certificate.generate()


@dataclass(frozen=True, slots=True)
class Stream:
    """What is published: Opus in packets of 20 ms, and VP8 of `packets` full packets a frame at `fps`."""

    fps: int
    packets: int

    @property
    def rate(self) -> float:
        """RTP packets per second."""
        return 1 / AUDIO_SECS + self.fps * self.packets


class Publisher:
    """Connected by `publish`; `run` sends until it is cancelled."""

    def __init__(self, member: Member, stream: Stream) -> None:
        loop = asyncio.get_running_loop()
        settings = MediaSettings(member.server.host, _CERTIFICATE, Random(), "load", loop.time)
        self._member = member
        self._stream = stream
        self._stream_id = str(uuid.uuid4())
        self._connection = PublisherConnection("load", settings, codec="VP8", stream_id=self._stream_id)
        self._keyframe = True
        self._loop = loop

    async def publish(self) -> None:
        member, stream_display = self._member, self._member.stream_display(self._stream_id)
        handle = await member.attach("videoroom")
        await member.message(handle, {"request": "join", "ptype": "publisher", "display": stream_display})
        body = {"request": "configure", "audio": True, "video": True, "bitrate": 20_000_000, "display": stream_display}
        _, answer = await member.message(handle, body, {"type": "offer", "sdp": self._connection.offer()})
        if answer is None:
            raise Refused(f"{member.server.name}: the publisher got no answer")
        self._connection.accept(answer)
        await self._connection.wait_connected()

    async def run(self) -> None:
        connection, stream = self._connection, self._stream
        audio = connection.audio
        if audio is None:
            raise RuntimeError("publish() comes first")
        (video,) = connection.videos
        video.on_keyframe_request = self._keyframe_wanted
        opus = random.randbytes(AUDIO_BYTES)
        rest = random.randbytes(PACKET_BYTES * stream.packets - 50)
        clock = self._loop.time
        began = clock()
        audio_number = frame = position = 0
        keyframe_at = 0.0
        payloads: list[bytes] = []
        while True:
            now = clock() - began
            while audio_number * AUDIO_SECS <= now:
                audio.send_frame([opus], audio_number * 960, False, AUDIO_LEVEL)
                audio_number += 1
            # Every packet has its time, evenly over its frame's; what is due at this beat is sent together.
            due = int(now * stream.fps * stream.packets)
            behind = due - int(MOST_BACKLOG_SECS * stream.fps * stream.packets)
            position = max(position, behind)
            while position < due:
                frame, index = divmod(position, stream.packets)
                if index == 0 or not payloads:
                    if now >= keyframe_at:
                        self._keyframe = True
                    first = b"\x10" if self._keyframe else b"\x11"
                    if self._keyframe:
                        keyframe_at = now + KEYFRAME_SECS
                    self._keyframe = False
                    payloads = packetise(first + rest, frame, max_payload=PACKET_BYTES)
                video.send_frame([payloads[index]], frame * 90000 // stream.fps, index == stream.packets - 1)
                position += 1
            await asyncio.sleep(PACE_SECS - (clock() - began) % PACE_SECS)

    def _keyframe_wanted(self) -> None:
        self._keyframe = True

    def close(self) -> None:
        self._connection.close()


class CountingSocket(ClientSocket):
    """Reads as usual until `count`; from then on RTP is counted by its header alone, so that reading costs little."""

    packets = 0
    _peer: Peer | None = None
    _looking = False

    def count(self, peer: Peer) -> None:
        self._peer = peer
        self._buffer = bytearray(DATAGRAM_LIMIT)
        self._view = memoryview(self._buffer)
        self._heads: dict[int, tuple[int, int]] = {}
        self._own_ssrc = random.getrandbits(32)

    def decrypt(self) -> None:
        """Back to the usual way."""
        self._peer = None

    def report(self) -> None:
        """A receiver report on the sources seen since the last one; with it, look at the next packets."""
        peer = self._peer
        if peer is None:
            return
        blocks = tuple(ReportBlock(ssrc, 0, 0, sequence, 0, 0, 0) for ssrc, sequence in self._heads.values())
        if blocks:
            receiver = ReceiverReport(self._own_ssrc, blocks), Sdes(((self._own_ssrc, "load"),))
            peer.send_rtcp(serialise_compound(receiver))
        self._looking = True

    def _readable(self) -> None:
        peer = self._peer
        if peer is None:
            super()._readable()
            return
        receive, buffer, packets = self._sock.recvfrom_into, self._buffer, 0
        for _ in range(BATCH):
            try:
                size, source = receive(buffer)
            except (BlockingIOError, ConnectionRefusedError):
                break
            if buffer[0] & 0xC0 == 0x80 and not 192 <= buffer[1] <= 223:
                packets += 1
                if self._looking:
                    self._look()
            elif buffer[0] & 0xC0 == 0x80:
                peer.receive_media(bytes(self._view[:size]))
            elif buffer[0] <= 3:
                self._receive_stun(bytes(self._view[:size]), source)
            else:
                peer.receive_dtls(bytes(self._view[:size]), source)
            if self.closed:
                break
        self.packets += packets

    def _look(self) -> None:
        head = self._buffer
        self._heads[head[1] & 0x7F] = int.from_bytes(head[8:12], "big"), int.from_bytes(head[2:4], "big")
        self._looking = len(self._heads) < 2


class Viewer:
    """One subscription of a member's; made by `subscribe`."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._loop = asyncio.get_running_loop()
        opened = CountingSocket.open(member.server.host, loop=self._loop, certificate=_CERTIFICATE)
        assert isinstance(opened, CountingSocket)
        self.socket = opened
        self.peer = self.socket.create_peer(PeerRole.CLIENT)
        self._decrypted = 0
        self._wanted = 0
        self._enough = asyncio.Event()
        self._settled = asyncio.Event()
        self._failure = ""
        self._handle = 0
        self.peer.on_connected = self._settled.set
        self.peer.on_closed = self._closed
        self.peer.on_rtp = self._received

    async def subscribe(self, feed: int) -> None:
        """From attach to connected. Raises Refused, TimeoutError."""
        member = self._member
        self._handle = await member.attach("videoroom")
        body = {"request": "join", "ptype": "subscriber", "feed": feed, "audio": True, "video": True}
        _, offer = await member.message(self._handle, body)
        if offer is None:
            raise Refused(f"{member.server.name}: the subscriber got no offer")
        text, negotiated = make_answer(offer, self.peer.local, VIEWER_POLICY)
        self.peer.set_remote(negotiated.remote, dtls_role=negotiated.dtls_role)
        await member.message(self._handle, {"request": "start"}, {"type": "answer", "sdp": text})
        async with asyncio.timeout(CONNECT_SECS):
            await self._settled.wait()
        if self._failure:
            raise Refused(f"{member.server.name}: {self._failure}")

    def _closed(self, reason: str) -> None:
        self._failure = reason
        self._settled.set()

    async def decrypts(self, packets: int) -> None:
        """Until so many more have been decrypted."""
        self._wanted = self._decrypted + packets
        self._enough.clear()
        await self._enough.wait()

    def _received(self, _packet: bytes) -> None:
        self._decrypted += 1
        if self._decrypted >= self._wanted:
            self._enough.set()

    async def detach(self) -> None:
        await self._member.detach(self._handle)
        self.close()

    def close(self) -> None:
        self.peer.close()
