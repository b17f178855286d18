"""SRTP and SRTCP of one connection (RFC 3711, RFC 7714) over libsrtp."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from struct import Struct
from typing import Literal, Protocol

import pylibsrtp
from pylibsrtp._binding import lib

from .dtls import SrtpKeys
from .outbox import Outbox
from .packet_buffer import LONGEST_PACKET, PacketBuffer
from .parameters import Address

REPLAY_WINDOW = 1024
"""Packets a retransmission may come late; libsrtp's default of 128 is too short for video."""
_REPLAY_FAIL, _REPLAY_OLD = 9, 10  # of libsrtp's srtp_err_status_t, which the binding has without their names
REPLAYED = frozenset(f"unprotect: {pylibsrtp.ERRORS[status]}" for status in (_REPLAY_FAIL, _REPLAY_OLD))
"""The reasons in `SrtpSession.errors` that a packet has come before, or is too late to tell (RFC 3711, 3.3.2)."""
Process = Callable[[object, object, object], int]
"""libsrtp's functions: session, packet, and where its length stands before and after; 0 when all is well."""
Send = Callable[[bytes, Address], bool]
Post = Callable[[int, int, int, int, int, bytes, bytes], bool]
"""Takes the parts of an RTP packet: flags; marker and payload type; sequence number; timestamp; SSRC; what follows this
header, up to the payload; the payload."""
Receive = Callable[[int], bytes | None]
Tap = Callable[[bool, Literal["rtp", "rtcp"], bytes], None]
"""Is shown plain packets: whether it is sent (else it was received), what it is, the packet."""

_PROFILES: dict[str, int] = {
    "SRTP_AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "SRTP_AES128_CM_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}


class SentCounts(Protocol):
    """What is counted of RTP packets posted; bytes are plain ones."""

    rtp_sent: int
    rtp_bytes_sent: int
    unsendable: int


class _Heads(dict[int, Callable[..., None]]):
    """Size of what follows the header -> what writes both."""

    def __missing__(self, size: int) -> Callable[..., None]:
        write = self[size] = Struct(f"!BBHII{size}s").pack_into
        return write


_HEADER = Struct("!BBHII")  # RFC 3550 section 5.1
_WRITE_HEAD = _Heads()


class SrtpSession:
    """Both directions of a connection, for any number of SSRCs.

    `send_rtp(packet, address)` and `send_rtcp(packet, address)` protect what is to be sent, and post it in `outbox`:
    False if that was not possible. `poster` has the way for many packets. `unprotect_rtp(size)` and
    `unprotect_rtcp(size)` take what lies in `inbound`, and give the plain packet. What cannot be protected or
    unprotected (None) is counted in `errors` by reason.
    """

    send_rtp: Send
    send_rtcp: Send
    unprotect_rtp: Receive
    unprotect_rtcp: Receive

    def __init__(self, keys: SrtpKeys, inbound: PacketBuffer, outbox: Outbox) -> None:
        self.profile = keys.profile
        self.errors: Counter[str] = Counter()
        self._buffer = inbound
        self._outbox = outbox
        self._tap: Tap | None = None
        # They own what the handles point to.
        self._outbound = _session(keys.local, pylibsrtp.Policy.SSRC_ANY_OUTBOUND, keys.profile)
        self._inbound = _session(keys.remote, pylibsrtp.Policy.SSRC_ANY_INBOUND, keys.profile)
        self._open()

    def leave_by(self, outbox: Outbox) -> None:
        """Post in another one from now on."""
        self._outbox = outbox
        self._open()

    def tap(self, tap: Tap | None) -> None:
        """Show every plain packet to this from now on; None: to nobody, which costs nothing."""
        self._tap = tap
        self._open()

    def _open(self) -> None:
        ours, theirs, tap = self._outbound._srtp[0], self._inbound._srtp[0], self._tap
        self.send_rtp = self._sender(lib.srtp_protect, ours, "protect")
        self.send_rtcp = self._sender(lib.srtp_protect_rtcp, ours, "protect RTCP")
        self.unprotect_rtp = self._unprotector(lib.srtp_unprotect, theirs, "unprotect")
        self.unprotect_rtcp = self._unprotector(lib.srtp_unprotect_rtcp, theirs, "unprotect RTCP")
        self._protect = ours
        if tap is not None:
            self.send_rtp = _tapped_send(tap, "rtp", self.send_rtp)
            self.send_rtcp = _tapped_send(tap, "rtcp", self.send_rtcp)
            self.unprotect_rtp = _tapped_receive(tap, "rtp", self.unprotect_rtp)
            self.unprotect_rtcp = _tapped_receive(tap, "rtcp", self.unprotect_rtcp)

    def _sender(self, process: Process, handle: object, name: str) -> Send:
        errors, outbox = self.errors, self._outbox
        places, slots, known = outbox.places, outbox.slots, outbox.known
        lengths, names = outbox.lengths, outbox.names

        def send(packet: bytes, address: Address) -> bool:
            size = len(packet)
            if size > LONGEST_PACKET:
                errors[f"{name}: packet is too long"] += 1
                return False
            slot = outbox.waiting
            place = places[slot]
            place.view[:size] = packet
            lengths[slot] = size
            status = process(handle, place.pointer, place.length)
            if status:
                errors[f"{name}: {pylibsrtp.ERRORS[status]}"] += 1
                return False
            names[slot] = known.get(address) or outbox.name_of(address)
            outbox.waiting = slot = slot + 1
            return True if outbox.held and slot < slots else outbox.flush()

        return send

    def poster(self, address: Address, counts: SentCounts) -> Post:
        """Puts RTP packets together where they leave from, protects and posts them to that address, and counts them.

        Good until `leave_by` or `tap`. It does what `Peer.send_rtp` does, in one step: each forwarded packet takes it,
        so no packet is put together elsewhere, and nothing is called that could be done here.
        """
        errors, outbox, handle, process, tap = self.errors, self._outbox, self._protect, lib.srtp_protect, self._tap
        places, slots, known = outbox.places, outbox.slots, outbox.known
        lengths, names = outbox.lengths, outbox.names

        def post(
            flags: int, second: int, sequence: int, timestamp: int, ssrc: int, head: bytes, payload: bytes
        ) -> bool:
            head_size = len(head)
            start = _HEADER.size + head_size
            size = start + len(payload)
            if size > LONGEST_PACKET:
                errors["protect: packet is too long"] += 1
                counts.unsendable += 1
                return False
            if tap is not None:  # before the place is taken, in case it sends, too
                tap(True, "rtp", _HEADER.pack(flags, second, sequence, timestamp, ssrc) + head + payload)
            slot = outbox.waiting
            place = places[slot]
            _WRITE_HEAD[head_size](place.data, 0, flags, second, sequence, timestamp, ssrc, head)
            place.view[start:size] = payload
            lengths[slot] = size
            status = process(handle, place.pointer, place.length)
            if status:
                errors[f"protect: {pylibsrtp.ERRORS[status]}"] += 1
                counts.unsendable += 1
                return False
            names[slot] = known.get(address) or outbox.name_of(address)
            outbox.waiting = slot = slot + 1
            if (outbox.held and slot < slots) or outbox.flush():
                counts.rtp_sent += 1
                counts.rtp_bytes_sent += size
                return True
            counts.unsendable += 1
            return False

        return post

    def _unprotector(self, process: Process, handle: object, name: str) -> Receive:
        buffer = self._buffer
        errors, view, pointer, length = self.errors, buffer.view, buffer.pointer, buffer.length

        def unprotect(size: int) -> bytes | None:
            length[0] = size
            status = process(handle, pointer, length)
            if status:
                errors[f"{name}: {pylibsrtp.ERRORS[status]}"] += 1
                return None
            return view[: length[0]].tobytes()

        return unprotect


def _tapped_send(tap: Tap, kind: Literal["rtp", "rtcp"], send: Send) -> Send:
    def tapped(packet: bytes, address: Address) -> bool:
        tap(True, kind, packet)
        return send(packet, address)

    return tapped


def _tapped_receive(tap: Tap, kind: Literal["rtp", "rtcp"], receive: Receive) -> Receive:
    def tapped(size: int) -> bytes | None:
        packet = receive(size)
        if packet is not None:
            tap(False, kind, packet)
        return packet

    return tapped


def _session(key: bytes, ssrc_type: int, profile: str) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=key, ssrc_type=ssrc_type, srtp_profile=_PROFILES[profile])
    policy.window_size = REPLAY_WINDOW
    policy.allow_repeat_tx = True
    return pylibsrtp.Session(policy)
