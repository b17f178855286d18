"""What the transport tests share: watched peers, RTP packets, connected pairs, aiortc as the other end."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection

from emulator.clients.client_socket import ClientSocket
from emulator.media.transport.answer import accept_answer, make_answer
from emulator.media.transport.dtls import Certificate
from emulator.media.transport.negotiation import PUBLISHER_POLICY, LocalSource, Negotiated
from emulator.media.transport.offer import OfferedMedia, make_offer
from emulator.media.transport.parameters import PeerRole, PeerTimeouts, TransportParameters
from emulator.media.transport.peer import Peer, PeerState
from emulator.media.transport.udp import MediaSocket
from emulator.wire.sdp import Candidate, Direction

CERTIFICATE = Certificate.generate()
OTHER_CERTIFICATE = Certificate.generate()
OFFERED = (
    OfferedMedia.audio("0", Direction.SENDONLY, source=LocalSource(0x1234, "cname", "stream", "audio")),
    OfferedMedia.video("1", Direction.SENDONLY, source=LocalSource(0x5678, "cname", "stream", "video")),
)


def rtp_packet(number: int, *, ssrc: int = 0x1234, payload_type: int = 111, payload: bytes = b"media") -> bytes:
    return struct.pack("!BBHII", 0x80, payload_type, number & 0xFFFF, number * 960, ssrc) + payload


def receiver_report(ssrc: int = 0x1234) -> bytes:
    return struct.pack("!BBHI", 0x80, 201, 1, ssrc)


@dataclass
class Watched:
    """A peer and everything its callbacks have said."""

    peer: Peer
    rtp: list[bytes] = field(default_factory=list)
    rtcp: list[bytes] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    times_connected: int = 0
    _said: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.peer.on_rtp = lambda packet: self._note(self.rtp.append, packet)
        self.peer.on_rtcp = lambda packet: self._note(self.rtcp.append, packet)
        self.peer.on_data = lambda message: self._note(self.data.append, message)
        self.peer.on_closed = lambda reason: self._note(self.reasons.append, reason)
        self.peer.on_connected = self._connected

    def _connected(self) -> None:
        self.times_connected += 1
        self._said.set()

    def _note(self, append: Callable[[Any], None], value: object) -> None:
        append(value)
        self._said.set()

    async def until(self, condition: Callable[[], bool], timeout: float = 5) -> None:
        """Waits for callbacks until the condition holds."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._said.clear()
                await self._said.wait()

    async def connected(self) -> None:
        await self.until(lambda: self.times_connected > 0 or bool(self.reasons))
        assert self.peer.state is PeerState.CONNECTED, self.reasons

    async def ended(self) -> str:
        await self.until(lambda: bool(self.reasons))
        return self.reasons[0]


def open_socket(*, timeouts: PeerTimeouts | None = None) -> MediaSocket:
    return MediaSocket.open("127.0.0.1", 0, loop=asyncio.get_running_loop(), certificate=CERTIFICATE, timeouts=timeouts)


def open_client(host: str = "127.0.0.1", *, timeouts: PeerTimeouts | None = None) -> Watched:
    own = ClientSocket.open_for_one(host, loop=asyncio.get_running_loop(), certificate=OTHER_CERTIFICATE)
    return Watched(own.create_peer(PeerRole.CLIENT, timeouts=timeouts))


def negotiate(client: Peer, server: Peer) -> tuple[Negotiated, Negotiated]:
    """Our client offers, our server answers; what each has to know of the other (client's, server's)."""
    answer, of_server = make_answer(make_offer(OFFERED, client.local), server.local, PUBLISHER_POLICY)
    return accept_answer(answer, OFFERED), of_server


def connect(
    client: Peer, server: Peer, *, via: tuple[str, int] | None = None, remote: TransportParameters | None = None
) -> None:
    """Starts both ends; `via` puts a relay before the server, `remote` replaces what the client believes of it."""
    of_client, of_server = negotiate(client, server)
    server.set_remote(of_server.remote, dtls_role=of_server.dtls_role)
    remote = remote or of_client.remote
    if via is not None:
        remote = replace(remote, candidates=(Candidate.host(*via),))
    client.set_remote(remote, dtls_role=of_client.dtls_role)


async def connected_pair(media_socket: MediaSocket) -> tuple[Watched, Watched]:
    """A client and a server peer, both CONNECTED."""
    client, server = open_client(), Watched(media_socket.create_peer())
    connect(client.peer, server.peer)
    await client.connected()
    await server.connected()
    return client, server


def aiortc_connection() -> RTCPeerConnection:
    """Without ICE servers: an unreachable one blocks gathering for 5 s."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


class Relay:
    """A UDP path in the middle: forwards between one client and the server, except what `drops` says."""

    def __init__(self, server: tuple[str, int], drops: Callable[[bytes, bool], bool]) -> None:
        self._server = server
        self._drops = drops
        self._client: tuple[str, int] | None = None
        self._loop = asyncio.get_running_loop()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._sock.getsockname()
        self._loop.add_reader(self._sock, self._readable)

    def _readable(self) -> None:
        datagram, source = self._sock.recvfrom(2048)
        to_server = source != self._server
        if to_server:
            self._client = source
        target = self._server if to_server else self._client
        if target is not None and not self._drops(datagram, to_server):
            self._sock.sendto(datagram, target)

    def close(self) -> None:
        self._loop.remove_reader(self._sock)
        self._sock.close()
