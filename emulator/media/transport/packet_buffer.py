"""Memory that one packet is protected or unprotected in."""

from __future__ import annotations

import pylibsrtp
from pylibsrtp._binding import ffi

LONGEST_PACKET = 2048
"""Bytes of a packet, protected or not; no datagram that is read is longer."""


class PacketBuffer:
    """Where one packet is protected or unprotected in place. All peers of a socket share them.

    pylibsrtp's own way copies into and out of a buffer of each session. At the rates of a call none of these is in the
    processor's cache when its turn comes, and that costs as much as the encryption.
    """

    def __init__(self) -> None:
        self.data = bytearray(LONGEST_PACKET + pylibsrtp.SRTP_MAX_SRTCP_TRAILER_LEN)
        self.view = memoryview(self.data)
        self.pointer = ffi.from_buffer(self.data)
        self.length = ffi.new("int *")
        """Of what lies there; libsrtp changes it. An outbox has it elsewhere."""

    def fill(self, packet: bytes) -> int:
        """Puts a packet there that comes by another way. Its size; what is too long is cut off."""
        size = min(len(packet), LONGEST_PACKET)
        self.data[:size] = packet[:size]
        return size
