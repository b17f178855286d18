"""STUN messages (RFC 8489) as ICE uses them (RFC 8445 section 7): parse, build, verify. No I/O, no state."""

from __future__ import annotations

import enum
import hmac
import ipaddress
import struct
import zlib
from dataclasses import field

from emulator.values import value_class

from .errors import StunError
from .parameters import Address

MAGIC_COOKIE = 0x2112A442
HEADER_SIZE = 20
BINDING = 0x001
MAX_ATTRIBUTES = 32

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_FINGERPRINT_XOR = 0x5354554E  # RFC 8489 section 14.7


class StunClass(enum.IntEnum):
    """Class bits of the message type (RFC 8489 section 5)."""

    REQUEST = 0x000
    INDICATION = 0x010
    SUCCESS = 0x100
    ERROR = 0x110


class Attribute(enum.IntEnum):
    """Attribute types used here (RFC 8489 section 18.3, RFC 8445 section 16.1)."""

    MAPPED_ADDRESS = 0x0001
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A


_KNOWN = frozenset(int(each) for each in Attribute)


@value_class(frozen=True, slots=True)
class StunMessage:
    """A parsed message; `attributes` are those that count, in order, without integrity and fingerprint."""

    message_class: StunClass
    method: int
    transaction_id: bytes
    attributes: tuple[tuple[int, bytes], ...]
    _raw: bytes = field(default=b"", compare=False, repr=False)
    _integrity_at: int | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Bytes of the datagram it was parsed from; 0 for one that was made here."""
        return len(self._raw)

    @classmethod
    def parse(cls, data: bytes) -> StunMessage:
        """Checks structure and, if there is one, the FINGERPRINT. Raises `StunError`, and nothing else."""
        if len(data) < HEADER_SIZE:
            raise StunError(f"expected a STUN header of {HEADER_SIZE} bytes, got {len(data)} bytes")
        message_type, length, cookie, transaction_id = _HEADER.unpack_from(data)
        if message_type & 0xC000 or cookie != MAGIC_COOKIE:
            raise StunError(f"expected a STUN message type and cookie, got {data[:8].hex()}")
        if length % 4 or length != len(data) - HEADER_SIZE:
            raise StunError(f"expected {len(data) - HEADER_SIZE} bytes of attributes, the header says {length}")
        attributes: list[tuple[int, bytes]] = []
        integrity_at = None
        position = HEADER_SIZE
        while position < len(data):
            # The total is a multiple of 4, so a whole attribute header is left.
            kind, size = _ATTRIBUTE.unpack_from(data, position)
            value = data[position + 4 : position + 4 + size]
            if len(value) != size:
                raise StunError(f"expected {size} bytes of attribute {kind:#06x} at byte {position}")
            if kind == Attribute.FINGERPRINT:
                _check_fingerprint(data, position, value)
                break  # always the last one
            if kind == Attribute.MESSAGE_INTEGRITY and integrity_at is None:
                if size != 20:
                    raise StunError(f"expected 20 bytes of MESSAGE-INTEGRITY, got {size}")
                integrity_at = position
            elif integrity_at is None:  # what follows is not protected and does not count (section 14.5)
                attributes.append((kind, value))
                if len(attributes) > MAX_ATTRIBUTES:
                    raise StunError(f"expected at most {MAX_ATTRIBUTES} attributes")
            position += 4 + (size + 3) // 4 * 4
        return cls(
            StunClass(message_type & 0x110),
            _method(message_type),
            transaction_id,
            tuple(attributes),
            data,
            integrity_at,
        )

    def attribute(self, kind: Attribute) -> bytes | None:
        """The first attribute of this type."""
        for each, value in self.attributes:
            if each == kind:
                return value
        return None

    @property
    def username(self) -> str | None:
        """USERNAME, None if absent or not UTF-8."""
        value = self.attribute(Attribute.USERNAME)
        try:
            return None if value is None else value.decode()
        except UnicodeDecodeError:
            return None

    @property
    def error_code(self) -> int | None:
        """The number in ERROR-CODE (section 14.8), None if absent or malformed."""
        value = self.attribute(Attribute.ERROR_CODE)
        return None if value is None or len(value) < 4 else (value[2] & 7) * 100 + value[3]

    @property
    def unknown_required(self) -> tuple[int, ...]:
        """Attributes that must be understood and are not (section 14: types below 0x8000)."""
        return tuple(kind for kind, _ in self.attributes if kind < 0x8000 and kind not in _KNOWN)

    @property
    def has_integrity(self) -> bool:
        return self._integrity_at is not None

    def verify_integrity(self, password: str) -> bool:
        """Whether MESSAGE-INTEGRITY is there and made with this short-term password (section 9.1)."""
        if self._integrity_at is None:
            return False
        given = self._raw[self._integrity_at + 4 : self._integrity_at + 24]
        return hmac.compare_digest(given, _integrity(self._raw[: self._integrity_at], password))

    @property
    def xor_mapped_address(self) -> Address | None:
        """XOR-MAPPED-ADDRESS, None if absent or malformed."""
        value = self.attribute(Attribute.XOR_MAPPED_ADDRESS)
        return None if value is None else _read_xor_address(value, self.transaction_id)


def build(
    message_class: StunClass,
    transaction_id: bytes,
    attributes: tuple[tuple[int, bytes], ...] = (),
    *,
    password: str | None = None,
) -> bytes:
    """A Binding message with FINGERPRINT, and MESSAGE-INTEGRITY if there is a password."""
    parts = [b"\0" * HEADER_SIZE]
    for kind, value in attributes:
        parts += (_ATTRIBUTE.pack(kind, len(value)), value, b"\0" * (-len(value) % 4))
    body = b"".join(parts)
    head = _HEADER.pack(message_class | BINDING, len(body) - HEADER_SIZE, MAGIC_COOKIE, transaction_id)
    message = head + body[HEADER_SIZE:]
    if password is not None:
        digest = _integrity(message, password)
        message += _ATTRIBUTE.pack(Attribute.MESSAGE_INTEGRITY, len(digest)) + digest
    message = _with_length(message, len(message) - HEADER_SIZE + 8)
    crc = zlib.crc32(message) ^ _FINGERPRINT_XOR
    return message + _ATTRIBUTE.pack(Attribute.FINGERPRINT, 4) + crc.to_bytes(4, "big")


def build_success(request: StunMessage, source: Address, password: str) -> bytes:
    """The answer to a valid check: tells the sender its address."""
    mapped = _xor_address(source, request.transaction_id)
    attributes = ((int(Attribute.XOR_MAPPED_ADDRESS), mapped),)
    return build(StunClass.SUCCESS, request.transaction_id, attributes, password=password)


def build_error(request: StunMessage, code: int, reason: str, password: str | None = None) -> bytes:
    """An error response; with integrity if the request was authenticated (section 9.1.3)."""
    attributes = [(int(Attribute.ERROR_CODE), bytes((0, 0, code // 100, code % 100)) + reason.encode())]
    if code == 420:
        unknown = b"".join(kind.to_bytes(2, "big") for kind in request.unknown_required)
        attributes.append((int(Attribute.UNKNOWN_ATTRIBUTES), unknown))
    return build(StunClass.ERROR, request.transaction_id, tuple(attributes), password=password)


def _method(message_type: int) -> int:
    return (message_type & 0x3E00) >> 2 | (message_type & 0x00E0) >> 1 | message_type & 0x000F


def _with_length(message: bytes, length: int) -> bytes:
    return message[:2] + length.to_bytes(2, "big") + message[4:]


def _integrity(message: bytes, password: str) -> bytes:
    """HMAC over what precedes the attribute, with the length it has after it (section 14.5)."""
    covered = _with_length(message, len(message) - HEADER_SIZE + 24)
    return hmac.digest(password.encode(), covered, "sha1")


def _check_fingerprint(data: bytes, position: int, value: bytes) -> None:
    if position + 8 != len(data) or len(value) != 4:
        raise StunError(f"expected FINGERPRINT of 4 bytes at the end, got it at byte {position}")
    if int.from_bytes(value, "big") != zlib.crc32(data[:position]) ^ _FINGERPRINT_XOR:
        raise StunError("expected the FINGERPRINT of this message, got another one")


def _xor_address(address: Address, transaction_id: bytes) -> bytes:
    packed = ipaddress.ip_address(address[0].partition("%")[0]).packed
    mask = MAGIC_COOKIE.to_bytes(4, "big") + transaction_id
    family = 1 if len(packed) == 4 else 2
    port = address[1] ^ (MAGIC_COOKIE >> 16)
    return struct.pack("!BBH", 0, family, port) + bytes(a ^ b for a, b in zip(packed, mask, strict=False))


def _read_xor_address(value: bytes, transaction_id: bytes) -> Address | None:
    if len(value) not in (8, 20) or value[1] != (1 if len(value) == 8 else 2):
        return None
    mask = MAGIC_COOKIE.to_bytes(4, "big") + transaction_id
    port = int.from_bytes(value[2:4], "big") ^ (MAGIC_COOKIE >> 16)
    packed = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    host = str(ipaddress.ip_address(packed))
    return (host, port) if len(packed) == 4 else (host, port, 0, 0)
