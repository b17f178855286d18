"""One UDP socket for all peers of an address: demultiplexing, sending, counting.

The socket is drained by the event loop's reader callback, a bounded batch per wake-up, which costs a fraction of
asyncio's datagram protocol per packet.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Hashable

from emulator.wire.sdp import Candidate

from .dtls import Certificate
from .errors import BindError, StunError, TransportStateError
from .inbox import open_inbox
from .outbox import open_outbox
from .packet_buffer import PacketBuffer
from .parameters import Address, PeerRole, PeerTimeouts
from .peer import Peer
from .socket_stats import SocketStats
from .stun import StunClass, StunMessage

BATCH = 256
"""Datagrams read per wake-up, so that a flood cannot starve timers and other sockets. Not fewer: all publishers send to
one socket, and when a hundred others are ready in each turn of the loop, what is read in it is what can come in."""
TURN_SECS = 0.005
"""How long DTLS is dealt with before it is the others' turn: a connection takes milliseconds to set up, and when a
crowd comes at once nobody's signaling would be read or answered until the last of them is done."""
BUFFER_BYTES = 4 * 1024 * 1024
"""Asked of the kernel for each direction; without privilege it may grant less (net.core.rmem_max)."""
# Of Linux (asm-generic/socket.h); Python does not name them. They need CAP_NET_ADMIN.
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
MAX_PEERS = 4096
MAX_ADDRESSES_PER_PEER = 16


class MediaSocket:
    """A bound UDP socket and its peers. Made by `MediaSocket.open`; `close` it in the end."""

    SLOTS = 64
    """Datagrams read, and answered, together: neither memory nor delay grows with the batch."""

    def __init__(
        self,
        sock: socket.socket,
        *,
        loop: asyncio.AbstractEventLoop,
        advertise: str | None,
        certificate: Certificate,
        timeouts: PeerTimeouts | None,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.stats = SocketStats()
        self.certificate = certificate
        self.packet_buffer = PacketBuffer()
        self._sock = sock
        self._fd = sock.fileno()
        self._loop = loop
        self._timeouts = timeouts
        self._random_bytes = random_bytes
        self._inbox = open_inbox(sock, self.SLOTS)
        self._reading = False
        self._next = self._count = 0  # slots of the inbox that have been dealt with, and that are filled
        self._rest: asyncio.Handle | None = None  # who deals with the others
        self._dtls_secs = 0.0  # spent on DTLS in this turn
        self.outbox = open_outbox(sock, self.SLOTS, self.stats)
        """Packets of media: they leave at once, or with all that are sent under `with outbox`."""
        self._peers: dict[str, Peer] = {}  # by local ufrag
        self._addresses: dict[Address, Peer] = {}
        self._known: dict[Hashable, Peer] = {}
        """The same by what the inbox calls an address, of those that media has come from."""
        self._peer_addresses: dict[Peer, dict[Address, None]] = {}  # ordered: oldest first
        self._closed = False
        name = sock.getsockname()
        self.local_address: tuple[str, int] = (name[0], name[1])
        """(host, port) this socket is bound to."""
        self.candidates: tuple[Candidate, ...] = (
            Candidate.host(advertise or self.local_address[0], self.local_address[1]),
        )
        """The host candidates that peers of this socket advertise."""
        loop.add_reader(self._fd, self._readable)

    @classmethod
    def open(
        cls,
        host: str,
        port: int = 0,
        *,
        loop: asyncio.AbstractEventLoop,
        certificate: Certificate,
        advertise: str | None = None,
        timeouts: PeerTimeouts | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> MediaSocket:
        """Binds one concrete IPv4 or IPv6 address; `port` 0 takes a free one.

        `advertise` is the address written into candidates, if it differs (behind NAT). Wildcard addresses are
        refused: replies would leave from another address than the one the other end checks (media.md section 1).

        Raises `BindError`.
        """
        concrete = _address_literal(host, "host")
        if concrete.is_unspecified:
            raise BindError(f"expected one concrete address to bind, got the wildcard {host}")
        if advertise is not None and _address_literal(advertise, "advertise").is_unspecified:
            raise BindError(f"expected one concrete address to advertise, got the wildcard {advertise}")
        family = socket.AF_INET6 if concrete.version == 6 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            _enlarge_buffers(sock)
            sock.bind((str(concrete), port))
        except (OSError, OverflowError) as exc:
            sock.close()
            raise BindError(f"cannot bind UDP {host} port {port}: {exc}") from exc
        return cls(
            sock,
            loop=loop,
            advertise=advertise,
            certificate=certificate,
            timeouts=timeouts,
            random_bytes=random_bytes,
        )

    @property
    def peers(self) -> tuple[Peer, ...]:
        """The peers that have not ended."""
        return tuple(self._peers.values())

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def create_peer(self, role: PeerRole = PeerRole.SERVER, *, timeouts: PeerTimeouts | None = None) -> Peer:
        """A NEW peer on this socket with credentials of its own.

        Any number of SERVER peers share a socket. A CLIENT peer needs a socket of its own:
        several connections between the same two addresses cannot be told apart.

        Raises `TransportStateError` if the socket is closed, full, or would mix a client peer with others.
        """
        if self._closed:
            raise TransportStateError("the media socket is closed")
        if len(self._peers) >= MAX_PEERS:
            raise TransportStateError(f"the media socket already has {MAX_PEERS} peers")
        if self._peers and (role is PeerRole.CLIENT or any(p.role is PeerRole.CLIENT for p in self._peers.values())):
            raise TransportStateError("a client peer needs a media socket of its own")
        while True:
            peer = Peer(
                role=role,
                socket=self,
                certificate=self.certificate,
                candidates=self.candidates,
                scheduler=self._loop,
                timeouts=timeouts or self._timeouts,
                random_bytes=self._random_bytes,
            )
            if peer.local.ufrag not in self._peers:
                break
        self._peers[peer.local.ufrag] = peer
        self._peer_addresses[peer] = {}
        return peer

    def close(self) -> None:
        """Closes all peers (with close_notify, without `on_closed`) and the socket. Safe to call again."""
        if self._closed:
            return
        self._closed = True
        self.outbox.flush()  # if this is in the wake of something that has been read
        for peer in self.peers:
            peer.close()
        self.outbox.cut = True  # its descriptor may soon be another socket's
        self._loop.remove_reader(self._fd)
        self._sock.close()

    # -- what peers call ---------------------------------------------------------------------------------

    def send(self, datagram: bytes, address: Address) -> bool:
        """Sends one datagram at once, and before it what waits. False (and counted) if the kernel does not take it."""
        if self.outbox.waiting:
            self.outbox.flush()
        try:
            self._sock.sendto(datagram, address)
        except (BlockingIOError, InterruptedError):
            self.stats.send_blocked += 1
            return False
        except OSError:
            self.stats.send_errors += 1
            return False
        stats = self.stats
        stats.sent += 1
        stats.bytes_sent += len(datagram)
        return True

    def learn_address(self, peer: Peer, address: Address) -> None:
        """Packets from this address belong to this peer from now on; its oldest unused address makes room."""
        known = self._peer_addresses.get(peer)
        if known is None or address in known:
            return
        if len(known) >= MAX_ADDRESSES_PER_PEER:
            oldest = next(each for each in known if each != peer.selected_address)
            del known[oldest]
            self._addresses.pop(oldest, None)
        previous = self._addresses.get(address)
        if previous is not None:
            self._peer_addresses[previous].pop(address, None)
        known[address] = None
        self._addresses[address] = peer
        self._known.clear()

    def forget_peer(self, peer: Peer) -> None:
        """The peer has ended."""
        for address in self._peer_addresses.pop(peer, {}):
            self._addresses.pop(address, None)
        self._peers.pop(peer.local.ufrag, None)
        self._known.clear()

    # -- receiving ---------------------------------------------------------------------------------------

    def _readable(self) -> None:
        """Drains up to one batch. The loop calls again at once while more is waiting."""
        # Called by whoever was told of a datagram, the rest comes when that is done; and what is left has its own turn.
        if self._reading or self._closed or self._rest is not None:
            return
        self._reading = True
        self._dtls_secs = 0.0
        try:
            for _ in range(BATCH // self._inbox.slots):
                if self._next == self._count:
                    try:
                        self._next, self._count = 0, self._inbox.read()
                    except OSError:
                        # An ICMP error of an earlier send (ECONNREFUSED); the socket goes on.
                        self.stats.receive_errors += 1
                        continue
                    if not self._count:
                        break
                    self.stats.received += self._count
                with self.outbox:
                    self._receive()
                if self._count < self._inbox.slots or self._dtls_secs >= TURN_SECS or self._closed:
                    break
        finally:
            self._reading = False
            if self._next < self._count and not self._closed:
                self._rest = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """With what the turn before has left."""
        self._rest = None
        self._readable()

    def _receive(self) -> None:
        """What lies in the inbox; if its DTLS takes too long, the rest stays there for the next turn."""
        inbox, stats, time = self._inbox, self.stats, self._loop.time
        sizes, keys, views = inbox.sizes, inbox.keys, inbox.views
        data, known = self.packet_buffer.data, self._known
        slot = self._next
        try:
            for slot in range(self._next, self._count):
                size, view = sizes[slot], views[slot]
                stats.bytes_received += size
                first = view[0] if size else 255
                # RFC 7983 section 7
                if 128 <= first <= 191:
                    peer = known.get(keys[slot]) or self._recognised(slot)
                    if peer is None:
                        stats.unknown += 1
                    else:
                        data[:size] = view[:size]
                        peer.receive_buffered(size)
                elif first <= 3:
                    self._receive_stun(bytes(view[:size]), inbox.source(slot))
                elif 20 <= first <= 63:
                    source = inbox.source(slot)
                    peer = self._addresses.get(source)
                    if peer is None:
                        stats.unknown += 1
                    else:
                        began = time()
                        peer.receive_dtls(bytes(view[:size]), source)
                        self._dtls_secs += time() - began
                        if self._dtls_secs >= TURN_SECS:
                            break
                else:
                    stats.malformed += 1
                if self._closed:
                    break
        finally:
            self._next = slot + 1

    def _recognised(self, slot: int) -> Peer | None:
        """Whose the datagram there is; the next ones are known by their key."""
        peer = self._addresses.get(self._inbox.source(slot))
        if peer is not None:
            self._known[self._inbox.keys[slot]] = peer
        return peer

    def _receive_stun(self, datagram: bytes, source: Address) -> None:
        try:
            message = StunMessage.parse(datagram)
        except StunError:
            self.stats.malformed += 1
            return
        peer: Peer | None
        if message.message_class is StunClass.REQUEST:
            # By ufrag, never by address: that is what the other end proves to know (RFC 8445 section 7.3).
            username = message.username
            peer = self._peers.get(username.partition(":")[0]) if username is not None else None
        else:
            peer = self._addresses.get(source)
        if peer is None:
            self.stats.unknown += 1
            return
        peer.receive_stun(message, source)


def _enlarge_buffers(sock: socket.socket) -> None:
    """Room for what arrives while the loop is busy: past the system's limit where we may, up to it elsewhere."""
    for plain, forced in ((socket.SO_RCVBUF, _SO_RCVBUFFORCE), (socket.SO_SNDBUF, _SO_SNDBUFFORCE)):
        try:
            if sys.platform != "linux":
                raise PermissionError
            sock.setsockopt(socket.SOL_SOCKET, forced, BUFFER_BYTES)
        except OSError:
            sock.setsockopt(socket.SOL_SOCKET, plain, BUFFER_BYTES)


def _address_literal(text: str, what: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(text)
    raise BindError(f"expected an IPv4 or IPv6 address as {what}, got {text!r}")
