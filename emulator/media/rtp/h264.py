"""H.264 in RTP, packetization-mode 1 (RFC 6184): NAL units, STAP-A, FU-A, keyframes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from emulator.media.rtp.errors import PayloadError

MAX_PAYLOAD = 1100  # bytes of RTP payload, as for VP8

IDR = 5
SPS = 7
PPS = 8
STAP_A = 24
FU_A = 28

_START_CODE = b"\x00\x00\x00\x01"


def split_annex_b(data: bytes) -> list[bytes]:
    """NAL units of an Annex B byte stream (3- and 4-byte start codes). Raises PayloadError without any."""
    units: list[bytes] = []
    start = data.find(b"\x00\x00\x01")
    while start != -1:
        start += 3
        end = data.find(b"\x00\x00\x01", start)
        # A NAL unit never ends with a zero byte (7.4.1): zeros before a start code belong to the stream.
        unit = data[start : end if end != -1 else len(data)].rstrip(b"\x00")
        if unit:
            units.append(unit)
        start = end
    if not units:
        raise PayloadError(f"no NAL unit with an Annex B start code in {len(data)} bytes")
    return units


def join_annex_b(units: Iterable[bytes]) -> bytes:
    """NAL units as an Annex B byte stream."""
    return b"".join(_START_CODE + unit for unit in units)


def _split_stap_a(payload: bytes) -> list[bytes]:
    units: list[bytes] = []
    position = 1
    while position < len(payload):
        size = int.from_bytes(payload[position : position + 2], "big")
        unit = payload[position + 2 : position + 2 + size]
        if size == 0 or len(unit) != size:
            raise PayloadError(f"STAP-A unit at byte {position} claims {size} bytes, {len(unit)} are there")
        units.append(unit)
        position += 2 + size
    if not units:
        raise PayloadError("STAP-A without a NAL unit")
    return units


def starts_keyframe(payload: bytes) -> bool:
    """Whether decoding can start here: an SPS or IDR in a single NAL unit, a STAP-A, or a first FU-A fragment.

    Raises PayloadError on an empty payload or a broken aggregation.
    """
    if not payload:
        raise PayloadError("empty H.264 payload")
    kind = payload[0] & 0x1F
    if kind == STAP_A:
        return any(unit[0] & 0x1F in (IDR, SPS) for unit in _split_stap_a(payload))
    if kind == FU_A:
        if len(payload) < 2:
            raise PayloadError("FU-A without its header byte")
        return bool(payload[1] & 0x80) and payload[1] & 0x1F in (IDR, SPS)
    return kind in (IDR, SPS)


def is_keyframe(frame: bytes) -> bool:
    """Whether an Annex B frame has an IDR slice."""
    return any(unit[0] & 0x1F == IDR for unit in split_annex_b(frame)) if frame else False


def packetise(frame: bytes, *, max_payload: int = MAX_PAYLOAD, aggregate: bool = True) -> list[bytes]:
    """RTP payloads of one access unit in Annex B form.

    Small neighbours share a STAP-A if `aggregate`; units over `max_payload` are cut into FU-A. Raises PayloadError.
    """
    if max_payload < 3:
        raise PayloadError(f"max_payload of {max_payload} bytes leaves no room for H.264 data")
    payloads: list[bytes] = []
    together: list[bytes] = []
    size = 1
    for unit in split_annex_b(frame):
        if together and (not aggregate or size + 2 + len(unit) > max_payload):
            payloads.append(_aggregate(together))
            together, size = [], 1
        if len(unit) > max_payload:
            payloads += _fragment(unit, max_payload)
        else:
            together.append(unit)
            size += 2 + len(unit)
    if together:
        payloads.append(_aggregate(together))
    return payloads


def _aggregate(units: Sequence[bytes]) -> bytes:
    if len(units) == 1:
        return units[0]
    # RFC 6184 5.7.1: F is the OR of all, NRI the highest of all.
    forbidden = max(unit[0] & 0x80 for unit in units)
    reference = max(unit[0] & 0x60 for unit in units)
    return bytes((forbidden | reference | STAP_A,)) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def _fragment(unit: bytes, max_payload: int) -> list[bytes]:
    indicator = unit[0] & 0xE0 | FU_A
    kind = unit[0] & 0x1F
    room = max_payload - 2
    count = -(-(len(unit) - 1) // room)
    size = -(-(len(unit) - 1) // count)
    offsets = range(1, len(unit), size)
    return [
        bytes((indicator, kind | (0x80 if offset == 1 else 0) | (0x40 if offset == offsets[-1] else 0)))
        + unit[offset : offset + size]
        for offset in offsets
    ]


def depacketise(payloads: Iterable[bytes], *, strict: bool = True) -> bytes:
    """One access unit in Annex B form from its payloads in order.

    With `strict`, anything missing or of an unknown kind raises PayloadError; without, such units are left out.
    """
    units: list[bytes] = []
    fragments: list[bytes] = []  # of the FU-A being joined: its NAL header, then the pieces
    for payload in payloads:
        try:
            _depacketise_one(payload, units, fragments)
        except PayloadError:
            if strict:
                raise
            fragments.clear()
    if fragments and strict:
        raise PayloadError("the last FU-A has no end")
    return join_annex_b(units)


def _depacketise_one(payload: bytes, units: list[bytes], fragments: list[bytes]) -> None:
    if not payload:
        raise PayloadError("empty H.264 payload")
    kind = payload[0] & 0x1F
    if kind != FU_A and fragments:
        fragments.clear()
        raise PayloadError(f"an FU-A is interrupted by NAL unit type {kind}")
    if 1 <= kind < STAP_A:
        units.append(payload)
    elif kind == STAP_A:
        units += _split_stap_a(payload)
    elif kind == FU_A:
        if len(payload) < 3:
            raise PayloadError("FU-A without data")
        start, end = payload[1] & 0x80, payload[1] & 0x40
        if bool(start) == bool(fragments):
            raise PayloadError("FU-A starts twice" if start else "FU-A without a start")
        if start:
            fragments.append(bytes((payload[0] & 0xE0 | payload[1] & 0x1F,)))
        fragments.append(payload[2:])
        if end:
            units.append(b"".join(fragments))
            fragments.clear()
    else:
        raise PayloadError(f"NAL unit type {kind} does not belong to packetization-mode 1")
