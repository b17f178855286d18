"""RTP packets: reading, building, and the cheap reading that forwarding needs (RFC 3550 5.1, RFC 8285)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

from emulator.media.rtp.errors import RtpError

__all__ = [
    "HEADER",
    "HeaderView",
    "RtpError",
    "RtpPacket",
    "find_extension",
    "read_header",
    "serialise_extensions",
]

# version and flags, marker and payload type, sequence number, timestamp, SSRC
HEADER = Struct("!BBHII")
HEADER_SIZE = 12
_EXTENSION = Struct("!HH")

ONE_BYTE_PROFILE = 0xBEDE  # RFC 8285 4.2
TWO_BYTE_PROFILE = 0x1000  # RFC 8285 4.3; the low four bits are application bits

MAX_ONE_BYTE_VALUE = 16
MAX_TWO_BYTE_VALUE = 255


class HeaderView(NamedTuple):
    """Where things are in one packet; nothing is copied. Offsets are in bytes from its start.

    `marker` is 0x80 or 0, as it stands in the second byte. The extension's bytes are
    `data[extension_start:extension_end]`, its profile number is 0 if there is none.
    """

    marker: int
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload_start: int
    payload_end: int
    extension_profile: int
    extension_start: int
    extension_end: int


_new_view = tuple.__new__
_ONLY_AN_EXTENSION = 0x90  # version 2, neither padding nor CSRCs
_WITH_EXTENSION = Struct("!BBHIIHH")


def read_header(data: bytes) -> HeaderView:
    """Read one packet's header and check that all of its parts fit. Raises RtpError."""
    size = len(data)
    if size < HEADER_SIZE:
        raise RtpError(f"an RTP packet has at least 12 bytes, got {size}")
    if data[0] == _ONLY_AN_EXTENSION and size >= _WITH_EXTENSION.size:  # what browsers send, unless padded
        _, second, sequence, timestamp, ssrc, profile, words = _WITH_EXTENSION.unpack_from(data)
        start = _WITH_EXTENSION.size + 4 * words
        if start <= size:
            return _new_view(
                HeaderView, (second & 0x80, second & 0x7F, sequence, timestamp, ssrc, start, size, profile, 16, start)
            )
    flags, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if flags >> 6 != 2:
        raise RtpError(f"RTP version 2 expected, got {flags >> 6}")
    start = HEADER_SIZE
    end = size
    profile = extension_start = extension_end = 0
    if flags & 0x3F:
        start += 4 * (flags & 0x0F)
        if flags & 0x10:
            if start + 4 > size:
                raise RtpError(f"header extension at byte {start} is cut off, the packet has {size} bytes")
            profile, words = _EXTENSION.unpack_from(data, start)
            extension_start = start + 4
            extension_end = start = extension_start + 4 * words
        if start > size:
            raise RtpError(f"the header claims {start} bytes, the packet has {size}")
        if flags & 0x20:
            padding = data[-1]
            end -= padding
            if padding == 0 or end < start:
                raise RtpError(f"padding of {padding} bytes in a packet with {size - start} bytes after its header")
    # As HeaderView(...), without the call that would unpack and pack the fields again: this is done for every packet.
    return _new_view(
        HeaderView,
        (second & 0x80, second & 0x7F, sequence, timestamp, ssrc, start, end, profile, extension_start, extension_end),
    )


def _elements(data: bytes, profile: int, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(id, first byte, byte after the last) of each element of an RFC 8285 block; nothing for other profiles."""
    one_byte = profile == ONE_BYTE_PROFILE
    if not one_byte and profile & 0xFFF0 != TWO_BYTE_PROFILE:
        return
    while start < end:
        first = data[start]
        start += 1
        if first == 0:  # padding
            continue
        if one_byte:
            identifier = first >> 4
            if identifier == 15:  # RFC 8285 4.2: stop here
                return
            if identifier == 0:  # RFC 8285 4.2: an id of 0 with a length is to be ignored with the rest
                return
            length = (first & 0x0F) + 1
        else:
            identifier = first
            if start == end:
                raise RtpError(f"header extension {identifier} has no length byte")
            length = data[start]
            start += 1
        if start + length > end:
            raise RtpError(f"header extension {identifier} claims {length} bytes, {end - start} are left")
        yield identifier, start, start + length
        start += length


def find_extension(data: bytes, header: HeaderView, identifier: int) -> bytes | None:
    """The value of one header extension element, or None if the packet has none. Raises RtpError."""
    for found, start, end in _elements(data, header.extension_profile, header.extension_start, header.extension_end):
        if found == identifier:
            return data[start:end]
    return None


def serialise_extensions(extensions: Mapping[int, bytes]) -> bytes:
    """The whole extension block (profile, length, elements, padding), `b""` for none. Raises RtpError.

    One-byte headers if every id is at most 14 and every value has 1 to 16 bytes, else two-byte headers.
    """
    if not extensions:
        return b""
    for identifier, value in extensions.items():
        if not 1 <= identifier <= 255 or len(value) > MAX_TWO_BYTE_VALUE:
            raise RtpError(
                f"header extension ids go from 1 to 255 and values up to 255 bytes, "
                f"got id {identifier} with {len(value)} bytes"
            )
    one_byte = all(
        identifier <= 14 and 1 <= len(value) <= MAX_ONE_BYTE_VALUE for identifier, value in extensions.items()
    )
    block = bytearray()
    for identifier, value in extensions.items():
        if one_byte:
            block.append(identifier << 4 | len(value) - 1)
        else:
            block += bytes((identifier, len(value)))
        block += value
    block += bytes(-len(block) % 4)
    if len(block) > 4 * 0xFFFF:
        raise RtpError(f"header extensions of {len(block)} bytes do not fit into one packet")
    return _EXTENSION.pack(ONE_BYTE_PROFILE if one_byte else TWO_BYTE_PROFILE, len(block) // 4) + bytes(block)


@dataclass(slots=True)
class RtpPacket:
    """One RTP packet. `extensions` maps ids to values (RFC 8285); blocks of other profiles are not kept.

    `padding` is the number of padding bytes after the payload, 0 to 255, its count byte included.
    """

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes = b""
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extensions: dict[int, bytes] = field(default_factory=dict)
    padding: int = 0

    @classmethod
    def parse(cls, data: bytes) -> RtpPacket:
        """Raises RtpError."""
        header = read_header(data)
        count = data[0] & 0x0F
        return cls(
            payload_type=header.payload_type,
            sequence=header.sequence,
            timestamp=header.timestamp,
            ssrc=header.ssrc,
            payload=data[header.payload_start : header.payload_end],
            marker=bool(header.marker),
            csrcs=Struct(f"!{count}I").unpack_from(data, HEADER_SIZE),
            extensions={
                identifier: data[start:end]
                for identifier, start, end in _elements(
                    data, header.extension_profile, header.extension_start, header.extension_end
                )
            },
            padding=len(data) - header.payload_end,
        )

    def serialise(self) -> bytes:
        """Raises RtpError if a field is out of its range."""
        for name, value, bits in (
            ("payload type", self.payload_type, 7),
            ("sequence number", self.sequence, 16),
            ("timestamp", self.timestamp, 32),
            ("SSRC", self.ssrc, 32),
            ("padding", self.padding, 8),
            ("number of CSRCs", len(self.csrcs), 4),
            *(("CSRC", csrc, 32) for csrc in self.csrcs),
        ):
            if not 0 <= value < 1 << bits:
                raise RtpError(f"{name} must fit into {bits} bits, got {value}")
        extensions = serialise_extensions(self.extensions)
        flags = 0x80 | len(self.csrcs)
        if extensions:
            flags |= 0x10
        padding = b""
        if self.padding:
            flags |= 0x20
            padding = bytes(self.padding - 1) + bytes((self.padding,))
        second = self.payload_type | (0x80 if self.marker else 0)
        return b"".join(
            (
                HEADER.pack(flags, second, self.sequence, self.timestamp, self.ssrc),
                Struct(f"!{len(self.csrcs)}I").pack(*self.csrcs),
                extensions,
                self.payload,
                padding,
            )
        )
