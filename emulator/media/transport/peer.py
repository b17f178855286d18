"""One connection to one other end: ICE, then DTLS, then SRTP, over a socket shared with others.

    NEW --set_remote--> CONNECTING --DTLS done--> CONNECTED --close_notify, silence, close()--> CLOSED
                             |
                             +--timeout, wrong fingerprint, DTLS error--> FAILED

Everything happens in plain calls from the event loop: no task and no queue exists per peer or packet.
"""

from __future__ import annotations

import enum
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from emulator.wire.sdp import Candidate, Setup

from .dtls import Certificate, DtlsConnection, SrtpKeys
from .errors import TransportStateError
from .ice import IceAgent, IceCredentials, LiteAgent
from .ice_full import FullAgent
from .line import Line, is_media
from .outbox import Outbox
from .packet_buffer import PacketBuffer
from .parameters import (
    Address,
    DtlsRole,
    PeerRole,
    PeerTimeouts,
    Scheduler,
    TimerHandle,
    TransportParameters,
)
from .socket_stats import SocketStats
from .srtp import Post, SrtpSession, Tap
from .stun import StunMessage

EARLY_DTLS_LIMIT = 8
"""Datagrams of a handshake kept while the other end's parameters are still on their way through signaling."""


class PeerState(enum.Enum):
    """Where a peer stands; the picture is at the top of this module."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(slots=True)
class PeerStats:
    """Counters of one peer since its creation; bytes are plain RTP and RTCP, before protection."""

    rtp_received: int = 0
    rtp_bytes_received: int = 0
    rtcp_received: int = 0
    rtp_sent: int = 0
    rtp_bytes_sent: int = 0
    rtcp_sent: int = 0
    early_media_dropped: int = 0  # SRTP that came before the keys were known
    unsendable: int = 0  # sent or posted while not connected, or refused by the socket
    early_dtls_dropped: int = 0


class PeerSocket(Protocol):
    """What a peer needs of the socket it lives on."""

    @property
    def packet_buffer(self) -> PacketBuffer: ...

    @property
    def outbox(self) -> Outbox: ...

    def send(self, datagram: bytes, address: Address) -> bool: ...

    def learn_address(self, peer: Peer, address: Address) -> None: ...

    def forget_peer(self, peer: Peer) -> None: ...


def _ignore_packet(_packet: bytes) -> None:
    """The callback of a peer that nobody listens to."""


def _ignore_connected() -> None:
    """The callback of a peer that nobody listens to."""


def _ignore_closed(_reason: str) -> None:
    """The callback of a peer that nobody listens to."""


class Peer:
    """One WebRTC connection on a `MediaSocket`. Made by `MediaSocket.create_peer`.

    Callbacks are plain attributes and may be replaced at any time; all are called from the event loop and must not
    block: `on_connected()` once; `on_closed(reason)` once, when the connection ended by itself or by the other end
    (not for one's own `close()`); `on_rtp(packet)` and `on_rtcp(packet)` with decrypted packets;
    `on_data(message)` with DTLS application data (SCTP packets).
    """

    def __init__(
        self,
        *,
        role: PeerRole,
        socket: PeerSocket,
        certificate: Certificate,
        candidates: tuple[Candidate, ...],
        scheduler: Scheduler,
        timeouts: PeerTimeouts | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.role = role
        self.state = PeerState.NEW
        self.stats = PeerStats()
        self.remote: TransportParameters | None = None
        self.close_reason: str | None = None
        self.connected_at: float | None = None
        """`scheduler.time()` at which DTLS completed."""

        self.on_connected: Callable[[], None] = _ignore_connected
        self.on_closed: Callable[[str], None] = _ignore_closed
        self.on_rtp: Callable[[bytes], None] = _ignore_packet
        self.on_rtcp: Callable[[bytes], None] = _ignore_packet
        self.on_data: Callable[[bytes], None] = _ignore_packet

        # What the socket calls, and how it is called. Attributes, so that a line can be put between (see `through`)
        # at no cost for those who have none.
        self.receive_stun: Callable[[StunMessage, Address], None] = self._receive_stun
        self.receive_dtls: Callable[[bytes, Address], None] = self._receive_dtls
        self.receive_media: Callable[[bytes], None] = self._receive_media
        self.receive_buffered: Callable[[int], None] = self._receive_buffered
        self.post_rtp: Post = self._not_posted
        """Sends an RTP packet from its parts (see `srtp.Post`): as `send_rtp`, for many packets. Another one whenever
        the connection changes."""
        self._send: Callable[[bytes, Address], bool] = socket.send
        self._outbox = socket.outbox

        self._socket = socket
        self._buffer = socket.packet_buffer
        self._certificate = certificate
        self._scheduler = scheduler
        self._timeouts = timeouts or PeerTimeouts()
        self._dtls_role: DtlsRole | None = None
        self._dtls: DtlsConnection | None = None
        self._early_dtls: deque[bytes] = deque(maxlen=EARLY_DTLS_LIMIT)
        self._srtp: SrtpSession | None = None
        self._opener: SrtpSession | None = None
        self._tap: Tap | None = None
        self._srtp_errors: Mapping[str, int] = {}  # of a session that has ended
        self._address: Address | None = None
        self._connect_timer: TimerHandle | None = None

        credentials = IceCredentials.generate(random_bytes)
        self.local = TransportParameters(
            ufrag=credentials.ufrag,
            pwd=credentials.pwd,
            fingerprint=certificate.fingerprint,
            candidates=candidates,
            setup=Setup.PASSIVE if role is PeerRole.SERVER else Setup.ACTIVE,
            ice_lite=role is PeerRole.SERVER,
        )
        """This end's ufrag, pwd, fingerprint and candidates, ready for `make_offer` and `make_answer`."""

        self._ice: IceAgent
        if role is PeerRole.SERVER:
            self._ice = LiteAgent(credentials, scheduler=scheduler, timeouts=self._timeouts, host=self)
        else:
            self._ice = FullAgent(
                credentials,
                scheduler=scheduler,
                timeouts=self._timeouts,
                host=self,
                ip_version=6 if ":" in candidates[0].address else 4,
                random_bytes=random_bytes,
            )

    # -- what callers use --------------------------------------------------------------------------------

    @property
    def selected_address(self) -> Address | None:
        """Where packets to the other end go at present; None before the first valid connectivity check."""
        return self._address

    @property
    def srtp_profile(self) -> str | None:
        """Name of the negotiated SRTP profile (RFC 5764 section 4.1.2, RFC 7714), None before CONNECTED."""
        return self._srtp.profile if self._srtp is not None else None

    @property
    def srtp_errors(self) -> dict[str, int]:
        """Packets dropped by SRTP in either direction, counted by reason."""
        return dict(self._srtp_errors if self._srtp is None else self._srtp.errors)

    def set_remote(
        self, remote: TransportParameters, *, dtls_role: DtlsRole | None = None, controlling: bool = True
    ) -> None:
        """Says who the other end is; connecting starts with this.

        `dtls_role` is OUR role (`Negotiated.dtls_role`); without it, it follows from `remote.setup`, where `actpass`
        makes a server peer the DTLS server and a client peer the DTLS client. `controlling` matters to client
        peers only: False when a full-ICE other end made the offer (RFC 8445 section 6.1.1).

        Raises `TransportStateError` unless the state is NEW.
        """
        if self.state is not PeerState.NEW:
            raise TransportStateError(f"set_remote needs a NEW peer, this one is {self.state.value}")
        self.remote = remote
        self._dtls_role = dtls_role or self._role_towards(remote.setup)
        self.state = PeerState.CONNECTING
        self._connect_timer = self._scheduler.call_later(self._timeouts.connect, self._connect_timed_out)
        self._ice.set_remote(
            IceCredentials(remote.ufrag, remote.pwd), remote.candidates, controlling or remote.ice_lite
        )
        # An address may have been validated before the answer arrived through signaling.
        if self._address is not None:
            self._start_dtls()

    def send_rtp(self, packet: bytes) -> bool:
        """Protects and sends one RTP packet. False (and counted) if not connected or the socket is full.

        What leaves with others, in the wake of what was read (`Outbox`), and finds it full is counted by the socket.
        """
        srtp, address = self._srtp, self._address
        if srtp is not None and address is not None and srtp.send_rtp(packet, address):
            stats = self.stats
            stats.rtp_sent += 1
            stats.rtp_bytes_sent += len(packet)
            return True
        self.stats.unsendable += 1
        return False

    def _not_posted(self, *_parts: object) -> bool:
        self.stats.unsendable += 1
        return False

    def _posting_changed(self) -> None:
        srtp, address = self._srtp, self._address
        self.post_rtp = self._not_posted if srtp is None or address is None else srtp.poster(address, self.stats)

    def send_rtcp(self, packet: bytes) -> bool:
        """Protects and sends one (compound) RTCP packet. False (and counted) if that was not possible."""
        srtp, address = self._srtp, self._address
        if srtp is not None and address is not None and srtp.send_rtcp(packet, address):
            self.stats.rtcp_sent += 1
            return True
        self.stats.unsendable += 1
        return False

    def send_data(self, message: bytes) -> bool:
        """Sends DTLS application data: one message, one datagram. False (and counted) before CONNECTED.

        Raises `ValueError` if the message does not fit into one datagram (see `dtls.DATA_LIMIT`).
        """
        if self.state is PeerState.CONNECTED and self._dtls is not None and self._dtls.send_data(message):
            return True
        self.stats.unsendable += 1
        return False

    def through(self, line: Line | None) -> None:
        """Let all datagrams pass through this line from now on, both ways; None: straight from and to the socket."""
        self._send = self._socket.send
        self._leave_by(self._socket.outbox)
        self.receive_stun = self._receive_stun
        self.receive_dtls = self._receive_dtls
        self.receive_media = self._receive_media
        self.receive_buffered = self._receive_buffered
        if line is None:
            return
        send = self._socket.send

        def deliver(receive: Callable[..., None], *what: object) -> None:
            if self.state not in (PeerState.CLOSED, PeerState.FAILED):  # it may have been long on its way
                receive(*what)

        def send_through(datagram: bytes, address: Address) -> bool:
            line.down(len(datagram), is_media(datagram), lambda: send(datagram, address))
            return True

        def post_through(packet: memoryview, address: Address) -> bool:
            # A copy: it may be on its way for longer than its place is kept.
            return send_through(bytes(packet), address)

        def stun_through(message: StunMessage, source: Address) -> None:
            line.up(message.size, False, partial(deliver, self._receive_stun, message, source))

        def dtls_through(datagram: bytes, source: Address) -> None:
            line.up(len(datagram), False, partial(deliver, self._receive_dtls, datagram, source))

        def media_through(packet: bytes) -> None:
            line.up(len(packet), True, partial(deliver, self._receive_media, packet))

        def buffered_through(size: int) -> None:
            media_through(bytes(self._buffer.view[:size]))

        self._send, self.receive_buffered = send_through, buffered_through
        self._leave_by(Outbox(post_through, 1, SocketStats()))
        self.receive_stun, self.receive_dtls, self.receive_media = stun_through, dtls_through, media_through

    def _leave_by(self, outbox: Outbox) -> None:
        self._outbox = outbox
        if self._srtp is not None:
            self._srtp.leave_by(outbox)
            self._posting_changed()

    def seal(self, on_sealed: Callable[[bytes], None] | None) -> None:
        """Hand RTP packets to this as they come, still protected, instead of plain ones to `on_rtp`; None: as before.

        `unseal` opens them, in any order as long as none is more than `REPLAY_WINDOW` packets late. At least one in
        2^15 must be, or the count of their numbers' rounds is lost (RFC 3711 section 3.3.1). Not with `through`.
        """
        if on_sealed is None:
            self.receive_buffered = self._receive_buffered
            return
        buffer, stats, plain = self._buffer, self.stats, self._receive_buffered

        def receive_sealed(size: int) -> None:
            if self._srtp is None or (size > 1 and 192 <= buffer.data[1] <= 223):
                plain(size)
                return
            stats.rtp_received += 1
            stats.rtp_bytes_received += size
            on_sealed(bytes(buffer.view[:size]))

        self.receive_buffered = receive_sealed

    def unseal(self, packet: bytes) -> bytes | None:
        """The plain packet of one that came sealed; None (and counted) if it is not what the other end protected.

        Also after the end: what came before it can still be opened.
        """
        return None if self._opener is None else self._opener.unprotect_rtp(self._buffer.fill(packet))

    def tap(self, tap: Tap | None) -> None:
        """Show all plain RTP and RTCP of this connection to somebody, from now on or as soon as it is up."""
        self._tap = tap
        if self._srtp is not None:
            self._srtp.tap(tap)
            self._posting_changed()

    def close(self) -> None:
        """Ends the connection with a DTLS close_notify. Does not call `on_closed`. Safe to call again."""
        if self.state in (PeerState.CLOSED, PeerState.FAILED):
            return
        self._end(PeerState.CLOSED, "closed here")

    # -- what the socket calls ---------------------------------------------------------------------------

    def _receive_stun(self, message: StunMessage, source: Address) -> None:
        """A STUN message for this peer: a request with its ufrag, or a response from one of its addresses."""
        self._ice.receive(message, source)

    def _receive_dtls(self, datagram: bytes, source: Address) -> None:
        """A datagram of DTLS records from one of this peer's addresses."""
        self._ice.heard(source)
        if self._dtls is not None:
            self._dtls.receive(datagram)
        elif self.state is PeerState.NEW:
            if len(self._early_dtls) == EARLY_DTLS_LIMIT:
                self.stats.early_dtls_dropped += 1
            self._early_dtls.append(datagram)

    def _receive_media(self, packet: bytes) -> None:
        """An SRTP or SRTCP packet from one of this peer's addresses."""
        self._receive_buffered(self._buffer.fill(packet))

    def _receive_buffered(self, size: int) -> None:
        """The same, as it lies in the socket's buffer. RTP and RTCP are told apart as RFC 5761 section 4 says."""
        srtp = self._srtp
        if srtp is None:
            self.stats.early_media_dropped += 1
        elif size > 1 and 192 <= self._buffer.data[1] <= 223:
            plain = srtp.unprotect_rtcp(size)
            if plain is not None:
                self.stats.rtcp_received += 1
                self.on_rtcp(plain)
        else:
            plain = srtp.unprotect_rtp(size)
            if plain is not None:
                stats = self.stats
                stats.rtp_received += 1
                stats.rtp_bytes_received += len(plain)
                self.on_rtp(plain)

    # -- what the ICE agent calls ------------------------------------------------------------------------

    def send_stun(self, datagram: bytes, address: Address) -> None:
        """Sends a STUN message. A full socket drops it; checks are repeated anyway."""
        self._send(datagram, address)

    def address_learned(self, address: Address) -> None:
        """The agent expects or has validated packets from this address."""
        self._socket.learn_address(self, address)

    def address_selected(self, address: Address) -> None:
        """Packets go to this address from now on. DTLS starts with the first one, not with nomination."""
        self._address = address
        self._posting_changed()
        if self._dtls is None and self.state is PeerState.CONNECTING:
            self._start_dtls()

    def ice_failed(self, reason: str) -> None:
        """No path was found, or the one there was has fallen silent."""
        self._ended(PeerState.CLOSED if self.state is PeerState.CONNECTED else PeerState.FAILED, reason)

    # -- DTLS --------------------------------------------------------------------------------------------

    def _role_towards(self, remote_setup: Setup) -> DtlsRole:
        if remote_setup is Setup.ACTIVE:
            return DtlsRole.SERVER
        if remote_setup is Setup.PASSIVE:
            return DtlsRole.CLIENT
        return DtlsRole.SERVER if self.role is PeerRole.SERVER else DtlsRole.CLIENT

    def _start_dtls(self) -> None:
        if self._dtls is not None or self.remote is None or self._dtls_role is None:
            return
        self._dtls = DtlsConnection(
            self._certificate,
            self._dtls_role,
            self.remote.fingerprint,
            send=self._send_dtls,
            scheduler=self._scheduler,
            on_established=self._dtls_established,
            on_data=self._dtls_data,
            on_closed=self._dtls_closed,
            finished_elsewhere=self._media_came,
        )
        self._dtls.start()
        while self._early_dtls and self._dtls is not None:
            self._dtls.receive(self._early_dtls.popleft())

    def _send_dtls(self, datagram: bytes) -> bool:
        return self._address is not None and self._send(datagram, self._address)

    def _dtls_established(self, keys: SrtpKeys) -> None:
        self._srtp = self._opener = SrtpSession(keys, self._buffer, self._outbox)
        if self._tap is not None:
            self._srtp.tap(self._tap)
        self._posting_changed()
        self.state = PeerState.CONNECTED
        self.connected_at = self._scheduler.time()
        self._cancel_connect_timer()
        self.on_connected()

    def _media_came(self) -> bool:
        """Whether the other end has the keys: only then does it send media."""
        return self.stats.rtp_received + self.stats.rtcp_received > 0

    def _dtls_data(self, message: bytes) -> None:
        self.on_data(message)

    def _dtls_closed(self, reason: str) -> None:
        self._ended(PeerState.CLOSED if self.state is PeerState.CONNECTED else PeerState.FAILED, reason)

    # -- the end -----------------------------------------------------------------------------------------

    def _connect_timed_out(self) -> None:
        self._connect_timer = None
        step = "connectivity checks" if self._address is None else "the DTLS handshake"
        self._ended(PeerState.FAILED, f"not connected after {self._timeouts.connect:g} s, still waiting for {step}")

    def _cancel_connect_timer(self) -> None:
        if self._connect_timer is not None:
            self._connect_timer.cancel()
            self._connect_timer = None

    def _ended(self, state: PeerState, reason: str) -> None:
        if self.state in (PeerState.CLOSED, PeerState.FAILED):
            return
        self._end(state, reason)
        self.on_closed(reason)

    def _end(self, state: PeerState, reason: str) -> None:
        self.state = state
        self.close_reason = reason
        self._cancel_connect_timer()
        self._ice.close()
        if self._dtls is not None:
            self._dtls.close()
        self._early_dtls.clear()
        if self._srtp is not None:
            self._srtp_errors = self._srtp.errors
            self._srtp = None
            self._posting_changed()
        self._socket.forget_peer(self)
