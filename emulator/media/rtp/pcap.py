"""Decrypted packets as a pcapng file that Wireshark and tshark take for RTP and RTCP at once.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html. Packets are written as "exported PDUs" (link type
252, Wireshark's wsutil/exported_pdu_tlvs.h): addresses, ports and the name of the dissector stand before each of them.
As UDP they would be plain data to tshark, since nothing in them tells what they are.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable
from typing import Literal

Write = Callable[[bytes], object]
Protocol = Literal["rtp", "rtcp"]
Address = tuple[str, int]

LINKTYPE_WIRESHARK_UPPER_PDU = 252

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_COMMENT, _USER_APPLICATION, _NAME, _DESCRIPTION, _RESOLUTION, _FLAGS = 1, 4, 2, 3, 9, 2
_INBOUND, _OUTBOUND = 1, 2
_DISSECTOR, _PORT_TYPE, _SOURCE_PORT, _DESTINATION_PORT = 12, 24, 25, 26
_ADDRESSES = {4: (20, 21), 6: (22, 23)}  # IP version -> tags of source and destination
_UDP = 3

_TEXT_LIMIT = 1000


class PcapWriter:
    """Writes the head of the file at once. Times are nanoseconds since 1970.

    An *interface* stands for one connection; Wireshark shows its name, and can filter by it.
    """

    def __init__(self, write: Write, *, application: str) -> None:
        self._write = write
        self._interfaces = 0
        body = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _options((_USER_APPLICATION, _text(application)))
        write(_block(_SECTION, body))

    def add_interface(self, name: str, description: str) -> int:
        options = _options((_NAME, _text(name)), (_DESCRIPTION, _text(description)), (_RESOLUTION, b"\x09"))
        self._write(_block(_INTERFACE, struct.pack("<HHI", LINKTYPE_WIRESHARK_UPPER_PDU, 0, 0) + options))
        self._interfaces += 1
        return self._interfaces - 1

    def add_packet(
        self,
        interface: int,
        at: int,
        protocol: Protocol,
        data: bytes,
        *,
        source: Address,
        destination: Address,
        sent: bool,
    ) -> None:
        """`sent`: by the emulator, not to it. Both addresses are of one IP version."""
        self._write(packet_block(interface, at, protocol, data, source=source, destination=destination, sent=sent))


def packet_block(
    interface: int, at: int, protocol: Protocol, data: bytes, *, source: Address, destination: Address, sent: bool
) -> bytes:
    """One packet, as it stands in the file."""
    pdu = _tags(protocol, source, destination) + data
    head = struct.pack("<IIIII", interface, at >> 32, at & 0xFFFFFFFF, len(pdu), len(pdu))
    flags = struct.pack("<I", _OUTBOUND if sent else _INBOUND)
    return _block(_PACKET, head + _padded(pdu) + _options((_FLAGS, flags)))


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _options(*options: tuple[int, bytes]) -> bytes:
    """With the end of options behind them."""
    return b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in (*options, (0, b"")))


def _tags(protocol: Protocol, source: Address, destination: Address) -> bytes:
    """What stands before an exported PDU; in network order."""
    first, second = ipaddress.ip_address(source[0]), ipaddress.ip_address(destination[0])
    of_source, of_destination = _ADDRESSES[first.version]
    tags = (
        (_DISSECTOR, protocol.encode()),
        (of_source, first.packed),
        (of_destination, second.packed),
        (_PORT_TYPE, struct.pack("!I", _UDP)),
        (_SOURCE_PORT, struct.pack("!I", source[1])),
        (_DESTINATION_PORT, struct.pack("!I", destination[1])),
        (0, b""),
    )
    return b"".join(struct.pack("!HH", tag, len(_padded(value))) + _padded(value) for tag, value in tags)


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)


def _text(text: str) -> bytes:
    return text[:_TEXT_LIMIT].encode("utf-8", "replace")
