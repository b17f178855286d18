"""The retransmission stream of one outgoing stream (RFC 4588): lost packets again, under an SSRC of their own."""

from __future__ import annotations

from random import Random

from emulator.media.rtp.header import HEADER, HEADER_SIZE


class RetransmissionStream:
    """Wraps packets that were sent before. `extension` is the header extension block that each of them carries."""

    __slots__ = ("_extension", "_payload_type", "_sequence", "packets", "ssrc")

    def __init__(self, *, ssrc: int, payload_type: int, random: Random, extension: bytes = b"") -> None:
        if not 0 <= payload_type <= 127:
            raise ValueError(f"payload types go from 0 to 127, got {payload_type}")
        self.ssrc = ssrc
        self.packets = 0
        self._payload_type = payload_type
        self._extension = extension
        # Below 2^15, so that losing the first packets cannot confuse the receiver's SRTP index (RFC 3711 3.3.1).
        self._sequence = random.getrandbits(15)

    def wrap(self, packet: bytes) -> bytes:
        """The packet for this stream: the original sequence number comes first in its payload (section 4)."""
        flags, second, original, timestamp, _ = HEADER.unpack_from(packet)
        sequence = self._sequence
        self._sequence = (sequence + 1) & 0xFFFF
        self.packets += 1
        return b"".join(
            (
                HEADER.pack(flags, second & 0x80 | self._payload_type, sequence, timestamp, self.ssrc),
                self._extension,
                original.to_bytes(2, "big"),
                packet[HEADER_SIZE + len(self._extension) :],
            )
        )
