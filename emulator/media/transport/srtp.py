"""SRTP and SRTCP of one connection (RFC 3711, RFC 7714) over libsrtp."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal, Protocol

import pylibsrtp
from pylibsrtp._binding import ffi, lib

from .dtls import SrtpKeys

REPLAY_WINDOW = 1024
"""Packets a retransmission may come late; libsrtp's default of 128 is too short for video."""
LONGEST_PACKET = 2048
"""Bytes of a packet, protected or not; no datagram that is read is longer."""
Process = Callable[[object, object, object], int]
"""libsrtp's functions: session, packet, and where its length stands before and after; 0 when all is well."""
Tap = Callable[[bool, Literal["rtp", "rtcp"], bytes], None]
"""Is shown plain packets: whether it is sent (else it was received), what it is, the packet."""
_TRAILER = pylibsrtp.SRTP_MAX_SRTCP_TRAILER_LEN

_PROFILES: dict[str, int] = {
    "SRTP_AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "SRTP_AES128_CM_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}


class PacketBuffer:
    """Where one packet is protected or unprotected in place. All peers of a socket share them.

    pylibsrtp's own way copies into and out of a buffer of each session. At the rates of a call none of these is in the
    processor's cache when its turn comes, and that costs as much as the encryption.
    """

    def __init__(self) -> None:
        self.data = bytearray(LONGEST_PACKET + _TRAILER)
        self.view = memoryview(self.data)
        self.pointer = ffi.from_buffer(self.data)

    def fill(self, packet: bytes) -> int:
        """Puts a packet there that comes by another way. Its size; what is too long is cut off."""
        size = min(len(packet), LONGEST_PACKET)
        self.data[:size] = packet[:size]
        return size


class Places(Protocol):
    """Where packets leave from."""

    @property
    def place(self) -> PacketBuffer:
        """The next one's."""
        ...


class SrtpSession:
    """Both directions of a connection, for any number of SSRCs.

    `protect_rtp(packet)` and `protect_rtcp(packet)` put what to send at the next `place` of `outbound`, and give its
    size. `unprotect_rtp(size)` and `unprotect_rtcp(size)` take what lies in `inbound`, and give the plain packet.
    Packets that cannot be protected or unprotected give None and are counted in `errors` by reason.
    """

    def __init__(self, keys: SrtpKeys, inbound: PacketBuffer, outbound: Places) -> None:
        self.profile = keys.profile
        self.errors: Counter[str] = Counter()
        # They own what the handles point to.
        self._outbound = _session(keys.local, pylibsrtp.Policy.SSRC_ANY_OUTBOUND, keys.profile)
        self._inbound = _session(keys.remote, pylibsrtp.Policy.SSRC_ANY_INBOUND, keys.profile)
        ours, theirs = self._outbound._srtp[0], self._inbound._srtp[0]
        self.protect_rtp = self._protector(outbound, lib.srtp_protect, ours, "protect")
        self.protect_rtcp = self._protector(outbound, lib.srtp_protect_rtcp, ours, "protect RTCP")
        self.unprotect_rtp = self._unprotector(inbound, lib.srtp_unprotect, theirs, "unprotect")
        self.unprotect_rtcp = self._unprotector(inbound, lib.srtp_unprotect_rtcp, theirs, "unprotect RTCP")
        self._untapped = (self.protect_rtp, self.protect_rtcp, self.unprotect_rtp, self.unprotect_rtcp)

    def tap(self, tap: Tap | None) -> None:
        """Show every plain packet to this from now on; None: to nobody, which costs nothing."""
        self.protect_rtp, self.protect_rtcp, self.unprotect_rtp, self.unprotect_rtcp = self._untapped
        if tap is None:
            return
        protect_rtp, protect_rtcp, unprotect_rtp, unprotect_rtcp = self._untapped

        def protect(packet: bytes) -> int | None:
            tap(True, "rtp", packet)
            return protect_rtp(packet)

        def protect_control(packet: bytes) -> int | None:
            tap(True, "rtcp", packet)
            return protect_rtcp(packet)

        def unprotect(size: int) -> bytes | None:
            packet = unprotect_rtp(size)
            if packet is not None:
                tap(False, "rtp", packet)
            return packet

        def unprotect_control(size: int) -> bytes | None:
            packet = unprotect_rtcp(size)
            if packet is not None:
                tap(False, "rtcp", packet)
            return packet

        self.protect_rtp, self.protect_rtcp = protect, protect_control
        self.unprotect_rtp, self.unprotect_rtcp = unprotect, unprotect_control

    def _protector(
        self, outbound: Places, process: Process, handle: object, name: str
    ) -> Callable[[bytes], int | None]:
        errors, length = self.errors, ffi.new("int *")

        def protect(packet: bytes) -> int | None:
            size = len(packet)
            if size > LONGEST_PACKET:
                errors[f"{name}: packet is too long"] += 1
                return None
            place = outbound.place
            place.view[:size] = packet
            length[0] = size
            status = process(handle, place.pointer, length)
            if status:
                errors[f"{name}: {pylibsrtp.ERRORS[status]}"] += 1
                return None
            return length[0]  # type: ignore[no-any-return]  # cffi tells no types

        return protect

    def _unprotector(
        self, buffer: PacketBuffer, process: Process, handle: object, name: str
    ) -> Callable[[int], bytes | None]:
        errors, view, pointer, length = self.errors, buffer.view, buffer.pointer, ffi.new("int *")

        def unprotect(size: int) -> bytes | None:
            length[0] = size
            status = process(handle, pointer, length)
            if status:
                errors[f"{name}: {pylibsrtp.ERRORS[status]}"] += 1
                return None
            return bytes(view[: length[0]])

        return unprotect


def _session(key: bytes, ssrc_type: int, profile: str) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=key, ssrc_type=ssrc_type, srtp_profile=_PROFILES[profile])
    policy.window_size = REPLAY_WINDOW
    policy.allow_repeat_tx = True
    return pylibsrtp.Session(policy)
