"""VP8 in RTP (RFC 7741): the payload descriptor, keyframes, packetising."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct

from emulator.media.rtp.errors import PayloadError

MAX_PAYLOAD = 1100  # bytes of RTP payload, small enough for every usual path with SRTP and UDP around it
_WITH_PICTURE_ID = Struct("!BBH")


class Vp8Descriptor:
    """The payload descriptor of RFC 7741 4.2.

    `first` is its first byte (X R N S R PID) as received. `picture_id` is None if absent; `picture_id_bits` is 7 or 15.
    `tl0picidx` is None if absent. `layer` is the TID/Y/KEYIDX byte with its presence bits (T and K) in `layer_flags`.
    `length` is its size in bytes as received.
    """

    __slots__ = ("first", "layer", "layer_flags", "length", "picture_id", "picture_id_bits", "tl0picidx")

    def __init__(
        self,
        first: int,
        picture_id: int | None = None,
        picture_id_bits: int = 15,
        tl0picidx: int | None = None,
        layer_flags: int = 0,
        layer: int = 0,
        length: int = 0,
    ) -> None:
        self.first = first
        self.picture_id = picture_id
        self.picture_id_bits = picture_id_bits
        self.tl0picidx = tl0picidx
        self.layer_flags = layer_flags
        self.layer = layer
        self.length = length

    @classmethod
    def parse(cls, payload: bytes, start: int = 0) -> Vp8Descriptor:
        """It begins at `start`. Raises PayloadError if the bytes end within the descriptor."""
        try:
            first = payload[start]
            if not first & 0x80:
                return cls(first, None, 15, None, 0, 0, 1)
            flags = payload[start + 1]
            position = start + 2
            picture_id = tl0picidx = None
            bits = 15
            layer = 0
            if flags & 0x80:
                picture_id = payload[position]
                position += 1
                if picture_id & 0x80:
                    picture_id = (picture_id & 0x7F) << 8 | payload[position]
                    position += 1
                else:
                    bits = 7
            if flags & 0x40:
                tl0picidx = payload[position]
                position += 1
            if flags & 0x30:
                layer = payload[position]
                position += 1
        except IndexError:
            raise PayloadError(f"VP8 payload descriptor is cut off after {len(payload) - start} bytes") from None
        return cls(first, picture_id, bits, tl0picidx, flags & 0x30, layer, position - start)

    @property
    def starts_frame(self) -> bool:
        """S bit set and partition index 0."""
        return self.first & 0x17 == 0x10

    def serialise(self) -> bytes:
        """The descriptor's bytes. Raises PayloadError if an id does not fit."""
        flags = self.layer_flags
        body = b""
        if self.picture_id is not None:
            if not 0 <= self.picture_id < 1 << self.picture_id_bits:
                raise PayloadError(f"picture id must fit into {self.picture_id_bits} bits, got {self.picture_id}")
            flags |= 0x80
            if self.picture_id_bits == 15:
                body = (self.picture_id | 0x8000).to_bytes(2, "big")
            else:
                body = bytes((self.picture_id,))
        if self.tl0picidx is not None:
            if not 0 <= self.tl0picidx <= 255:
                raise PayloadError(f"TL0PICIDX must fit into 8 bits, got {self.tl0picidx}")
            flags |= 0x40
            body += bytes((self.tl0picidx,))
        if self.layer_flags:
            body += bytes((self.layer,))
        if not flags:
            return bytes((self.first & 0x7F,))
        return bytes((self.first | 0x80, flags)) + body

    def renumbered(self, picture_id: int | None, tl0picidx: int | None) -> bytes:
        """Its bytes with other ids; the picture id (modulo 2^15) is always written with 15 bits."""
        flags = self.layer_flags
        body = b""
        if tl0picidx is not None:
            flags |= 0x40
            body = bytes((tl0picidx & 0xFF,))
        if self.layer_flags:
            body += bytes((self.layer,))
        if picture_id is not None:
            return _WITH_PICTURE_ID.pack(self.first | 0x80, flags | 0x80, picture_id & 0x7FFF | 0x8000) + body
        if flags:
            return bytes((self.first | 0x80, flags)) + body
        return bytes((self.first & 0x7F,))


def starts_keyframe(payload: bytes, descriptor: Vp8Descriptor | None = None) -> bool:
    """Whether this is the first packet of a keyframe: S bit, partition 0, and the frame header's P bit clear.

    Raises PayloadError on a broken descriptor.
    """
    if descriptor is None:
        descriptor = Vp8Descriptor.parse(payload)
    length = descriptor.length
    return descriptor.starts_frame and len(payload) > length and not payload[length] & 0x01


def is_keyframe(frame: bytes) -> bool:
    """Whether a whole VP8 frame is a keyframe (RFC 6386 9.1: the lowest bit of its first byte is 0)."""
    return bool(frame) and not frame[0] & 0x01


def packetise(
    frame: bytes, picture_id: int, *, tl0picidx: int | None = None, max_payload: int = MAX_PAYLOAD
) -> list[bytes]:
    """RTP payloads of one encoded frame, of nearly equal size, each with the frame's 15-bit picture id.

    `picture_id` is taken modulo 2^15, `tl0picidx` (with TID 0) modulo 2^8. Raises PayloadError for an empty frame.
    """
    if not frame:
        raise PayloadError("a VP8 frame to packetise must not be empty")
    layer_flags = 0 if tl0picidx is None else 0x20
    first, rest = (
        Vp8Descriptor(start, 0, 15, tl0picidx, layer_flags).renumbered(picture_id, tl0picidx) for start in (0x10, 0x00)
    )
    room = max_payload - len(first)
    if room < 1:
        raise PayloadError(f"max_payload of {max_payload} bytes leaves no room for VP8 data")
    count = -(-len(frame) // room)
    size = -(-len(frame) // count)
    return [(rest if offset else first) + frame[offset : offset + size] for offset in range(0, len(frame), size)]


def slices(frame: bytes, *, max_payload: int = MAX_PAYLOAD) -> tuple[bytes, ...]:
    """What `packetise` puts behind the descriptors, for frames that are sent again and again."""
    room = max_payload - _WITH_PICTURE_ID.size
    size = -(-len(frame) // -(-len(frame) // room))
    return tuple(frame[offset : offset + size] for offset in range(0, len(frame), size))


def described(parts: Sequence[bytes], picture_id: int) -> list[bytes]:
    """The payloads of a frame from its slices: as `packetise` makes them, without layers."""
    number = picture_id & 0x7FFF | 0x8000
    first, *others = parts
    rest = _WITH_PICTURE_ID.pack(0x80, 0x80, number)
    return [_WITH_PICTURE_ID.pack(0x90, 0x80, number) + first, *(rest + part for part in others)]


def depacketise(payloads: Iterable[bytes]) -> bytes:
    """The frame's data from its payloads in order. Raises PayloadError."""
    return b"".join(payload[Vp8Descriptor.parse(payload).length :] for payload in payloads)
