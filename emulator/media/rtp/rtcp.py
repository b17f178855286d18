"""RTCP compounds: reports, source descriptions, goodbyes and feedback.

RFC 3550 section 6; feedback messages RFC 4585 (NACK, PLI), RFC 5104 (FIR) and draft-alvestrand-rmcat-remb (REMB).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from struct import Struct

from emulator.media.rtp.errors import RtcpError
from emulator.values import value_class

__all__ = [
    "Bye",
    "Fir",
    "Nack",
    "Pli",
    "ReceiverReport",
    "Remb",
    "ReportBlock",
    "RtcpError",
    "RtcpPacket",
    "Sdes",
    "SenderReport",
    "parse_compound",
    "serialise_compound",
]

_SR, _RR, _SDES, _BYE, _RTPFB, _PSFB = 200, 201, 202, 203, 205, 206
_NACK_FORMAT = 1  # of RTPFB
_PLI_FORMAT, _FIR_FORMAT, _APPLICATION_FORMAT = 1, 4, 15  # of PSFB
_CNAME = 1

_COMMON = Struct("!BBH")
_SENDER = Struct("!IQIII")
_BLOCK = Struct("!IIIIII")
_WORD = Struct("!I")
_PAIR = Struct("!II")
_NACK_ITEM = Struct("!HH")


@value_class(frozen=True, slots=True)
class ReportBlock:
    """RFC 3550 6.4.1. `fraction_lost` in 1/256, `cumulative_lost` may be negative, `jitter` in clock ticks,
    `last_sr` the middle 32 bits of the NTP time of the last SR, `delay` since then in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int = 0
    delay: int = 0


@value_class(frozen=True, slots=True)
class SenderReport:
    """`ntp` is the 64-bit NTP time at which the RTP clock showed `rtp_timestamp`."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    reports: tuple[ReportBlock, ...] = ()


@value_class(frozen=True, slots=True)
class ReceiverReport:
    """What one receiver saw of each source."""

    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


@value_class(frozen=True, slots=True)
class Sdes:
    """Source descriptions: (SSRC, CNAME) pairs; other items are skipped when parsing."""

    cnames: tuple[tuple[int, str], ...]


@value_class(frozen=True, slots=True)
class Bye:
    """These sources have left."""

    ssrcs: tuple[int, ...]
    reason: str = ""


@value_class(frozen=True, slots=True)
class Nack:
    """`lost` are 16-bit sequence numbers of `media_ssrc`, ascending modulo 2^16."""

    sender_ssrc: int
    media_ssrc: int
    lost: tuple[int, ...]


@value_class(frozen=True, slots=True)
class Pli:
    """Picture loss indication: a keyframe is wanted."""

    sender_ssrc: int
    media_ssrc: int


@value_class(frozen=True, slots=True)
class Fir:
    """Full intra request: (SSRC, command number) pairs."""

    sender_ssrc: int
    requests: tuple[tuple[int, int], ...]


@value_class(frozen=True, slots=True)
class Remb:
    """Receiver estimated maximum bitrate in bit/s over all `ssrcs`. Only 18 bits of it travel: the rest is cut off."""

    sender_ssrc: int
    bitrate: int
    ssrcs: tuple[int, ...]


RtcpPacket = SenderReport | ReceiverReport | Sdes | Bye | Nack | Pli | Fir | Remb


# --- reading -----------------------------------------------------------------------------------------------------


def parse_compound(data: bytes) -> list[RtcpPacket]:
    """All packets of a compound (or reduced-size, RFC 5506) datagram; unknown kinds are skipped. Raises RtcpError."""
    if not data:
        raise RtcpError("an RTCP compound must not be empty")
    packets: list[RtcpPacket] = []
    position = 0
    while position < len(data):
        if position + 4 > len(data):
            raise RtcpError(f"{len(data) - position} bytes are left at byte {position}, an RTCP header has 4")
        flags, kind, words = _COMMON.unpack_from(data, position)
        end = position + 4 + 4 * words
        if flags >> 6 != 2:
            raise RtcpError(f"RTCP version 2 expected at byte {position}, got {flags >> 6}")
        if end > len(data):
            raise RtcpError(f"RTCP packet at byte {position} claims to end at {end}, there are {len(data)} bytes")
        body = data[position + 4 : end]
        if flags & 0x20:
            padding = body[-1] if body else 0
            if not 0 < padding <= len(body):
                raise RtcpError(f"RTCP padding of {padding} bytes in a body of {len(body)} at byte {position}")
            body = body[:-padding]
        parser = _PARSERS.get(kind)
        if parser is not None:
            packet = parser(flags & 0x1F, body)
            if packet is not None:
                packets.append(packet)
        position = end
    return packets


def _need(body: bytes, size: int, what: str) -> None:
    if len(body) < size:
        raise RtcpError(f"{what} needs {size} bytes, got {len(body)}")


def _parse_blocks(body: bytes, position: int, count: int) -> tuple[ReportBlock, ...]:
    _need(body, position + 24 * count, f"a report with {count} blocks")
    blocks = []
    for offset in range(position, position + 24 * count, 24):
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, offset)
        cumulative = ((loss & 0xFFFFFF) ^ 0x800000) - 0x800000  # signed 24 bits
        blocks.append(ReportBlock(ssrc, loss >> 24, cumulative, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _parse_sender_report(count: int, body: bytes) -> RtcpPacket:
    _need(body, 24, "a sender report")
    ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(body)
    return SenderReport(ssrc, ntp, timestamp, packets, octets, _parse_blocks(body, 24, count))


def _parse_receiver_report(count: int, body: bytes) -> RtcpPacket:
    _need(body, 4, "a receiver report")
    return ReceiverReport(_WORD.unpack_from(body)[0], _parse_blocks(body, 4, count))


def _parse_sdes(count: int, body: bytes) -> RtcpPacket:
    cnames: list[tuple[int, str]] = []
    position = 0
    for _ in range(count):
        _need(body, position + 4, "a source description chunk")
        (ssrc,) = _WORD.unpack_from(body, position)
        position += 4
        while True:
            _need(body, position + 1, "the end of a source description chunk")
            item = body[position]
            if item == 0:
                position += 4 - position % 4
                break
            _need(body, position + 2, "a source description item")
            end = position + 2 + body[position + 1]
            _need(body, end, "a source description item")
            if item == _CNAME:
                cnames.append((ssrc, body[position + 2 : end].decode("utf-8", "replace")))
            position = end
    return Sdes(tuple(cnames))


def _parse_bye(count: int, body: bytes) -> RtcpPacket:
    _need(body, 4 * count, f"a goodbye of {count} sources")
    reason = b""
    rest = body[4 * count :]
    if rest:
        _need(rest, 1 + rest[0], "a goodbye's reason")
        reason = rest[1 : 1 + rest[0]]
    return Bye(Struct(f"!{count}I").unpack_from(body), reason.decode("utf-8", "replace"))


def _parse_transport_feedback(format_: int, body: bytes) -> RtcpPacket | None:
    if format_ != _NACK_FORMAT:
        return None
    _need(body, 12, "a NACK")
    sender, media = _PAIR.unpack_from(body)
    lost: list[int] = []
    for first, mask in _NACK_ITEM.iter_unpack(body[8 : len(body) & ~3]):
        lost.append(first)
        lost += [(first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]
    return Nack(sender, media, tuple(lost))


def _parse_payload_feedback(format_: int, body: bytes) -> RtcpPacket | None:
    if format_ not in (_PLI_FORMAT, _FIR_FORMAT, _APPLICATION_FORMAT):
        return None
    _need(body, 8, "payload-specific feedback")
    sender, media = _PAIR.unpack_from(body)
    if format_ == _PLI_FORMAT:
        return Pli(sender, media)
    if format_ == _FIR_FORMAT:
        whole = 8 + (len(body) - 8) // 8 * 8
        return Fir(sender, tuple((ssrc, number >> 24) for ssrc, number in _PAIR.iter_unpack(body[8:whole])))
    if body[8:12] != b"REMB":
        return None
    _need(body, 16, "a REMB")
    (word,) = _WORD.unpack_from(body, 12)
    count = word >> 24
    _need(body, 16 + 4 * count, f"a REMB for {count} sources")
    bitrate = (word & 0x3FFFF) << (word >> 18 & 0x3F)
    return Remb(sender, bitrate, Struct(f"!{count}I").unpack_from(body, 16))


_PARSERS: dict[int, Callable[[int, bytes], RtcpPacket | None]] = {
    _SR: _parse_sender_report,
    _RR: _parse_receiver_report,
    _SDES: _parse_sdes,
    _BYE: _parse_bye,
    _RTPFB: _parse_transport_feedback,
    _PSFB: _parse_payload_feedback,
}


# --- writing -----------------------------------------------------------------------------------------------------


def serialise_compound(packets: Iterable[RtcpPacket]) -> bytes:
    """The packets one after the other. Raises RtcpError if a value does not fit its field.

    The caller sees to the order of RFC 3550 6.1 (a report first, SDES with CNAME in every compound).
    """
    return b"".join([_serialise(packet) for packet in packets])


def _frame(count: int, kind: int, body: bytes) -> bytes:
    if not 0 <= count < 32:
        raise RtcpError(f"an RTCP packet has room for 31 entries, got {count}")
    if len(body) > 4 * 0xFFFF:
        raise RtcpError(f"an RTCP packet has room for 65,535 words, got {len(body)} bytes")
    return _COMMON.pack(0x80 | count, kind, len(body) // 4) + body


def _checked(value: int, bits: int, what: str) -> int:
    if not 0 <= value < 1 << bits:
        raise RtcpError(f"{what} must fit into {bits} bits, got {value}")
    return value


def _word(value: int, what: str = "SSRC") -> bytes:
    return _WORD.pack(_checked(value, 32, what))


def _words(values: Iterable[int]) -> bytes:
    return b"".join([_word(value) for value in values])


def _serialise_block(block: ReportBlock) -> bytes:
    cumulative = max(-0x800000, min(0x7FFFFF, block.cumulative_lost))  # RFC 3550 A.3: clamp, do not wrap
    loss = block.fraction_lost << 24 | cumulative & 0xFFFFFF
    try:
        return _BLOCK.pack(block.ssrc, loss, block.highest_sequence, block.jitter, block.last_sr, block.delay)
    except struct.error:
        pass  # one of them does not fit: which one?
    return (
        _word(block.ssrc)
        + _word(_checked(block.fraction_lost, 8, "fraction lost") << 24 | cumulative & 0xFFFFFF)
        + _word(block.highest_sequence, "highest sequence number")
        + _word(block.jitter, "jitter")
        + _word(block.last_sr, "last SR")
        + _word(block.delay, "delay since last SR")
    )


def _text(text: str, what: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > 255:
        raise RtcpError(f"{what} has room for 255 bytes, got {len(encoded)}")
    return bytes((len(encoded),)) + encoded


def _serialise_nack_items(lost: tuple[int, ...]) -> bytes:
    items: list[list[int]] = []
    for sequence in lost:
        _checked(sequence, 16, "sequence number")
        if items:
            distance = (sequence - items[-1][0]) & 0xFFFF
            if distance == 0:
                continue
            if distance <= 16:
                items[-1][1] |= 1 << (distance - 1)
                continue
        items.append([sequence, 0])
    if not items:
        raise RtcpError("a NACK names at least one packet")
    return b"".join([_NACK_ITEM.pack(first, mask) for first, mask in items])


def _serialise(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport():
            body = (
                _word(packet.ssrc)
                + _checked(packet.ntp, 64, "NTP time").to_bytes(8, "big")
                + _word(packet.rtp_timestamp, "RTP timestamp")
                + _word(packet.packet_count & 0xFFFFFFFF)
                + _word(packet.octet_count & 0xFFFFFFFF)
                + b"".join([_serialise_block(block) for block in packet.reports])
            )
            return _frame(len(packet.reports), _SR, body)
        case ReceiverReport():
            body = _word(packet.ssrc) + b"".join([_serialise_block(block) for block in packet.reports])
            return _frame(len(packet.reports), _RR, body)
        case Sdes():
            body = b""
            for ssrc, cname in packet.cnames:
                chunk = _word(ssrc) + bytes((_CNAME,)) + _text(cname, "a CNAME")
                body += chunk + bytes(4 - len(chunk) % 4)
            return _frame(len(packet.cnames), _SDES, body)
        case Bye():
            body = _words(packet.ssrcs)
            if packet.reason:
                body += _text(packet.reason, "a goodbye's reason")
                body += bytes(-len(body) % 4)
            return _frame(len(packet.ssrcs), _BYE, body)
        case Nack():
            body = _word(packet.sender_ssrc) + _word(packet.media_ssrc) + _serialise_nack_items(packet.lost)
            return _frame(_NACK_FORMAT, _RTPFB, body)
        case Pli():
            return _frame(_PLI_FORMAT, _PSFB, _word(packet.sender_ssrc) + _word(packet.media_ssrc))
        case Fir():
            body = _word(packet.sender_ssrc) + bytes(4)
            for ssrc, number in packet.requests:
                body += _word(ssrc) + _word(_checked(number, 8, "FIR command number") << 24)
            return _frame(_FIR_FORMAT, _PSFB, body)
        case Remb():
            mantissa = packet.bitrate
            exponent = max(0, mantissa.bit_length() - 18)
            _checked(exponent, 6, "REMB exponent")
            _checked(len(packet.ssrcs), 8, "number of REMB sources")
            word = len(packet.ssrcs) << 24 | exponent << 18 | _checked(mantissa >> exponent, 18, "REMB mantissa")
            body = _word(packet.sender_ssrc) + bytes(4) + b"REMB" + _word(word) + _words(packet.ssrcs)
            return _frame(_APPLICATION_FORMAT, _PSFB, body)
