"""Opus in Ogg (RFC 3533, RFC 7845), written page by page: whatever is cut off behind a whole page still plays."""

from __future__ import annotations

import zlib
from struct import Struct

from emulator.media.audio.opus import SAMPLE_RATE, SILENCE, OpusError, packet_samples
from emulator.recording.chunks import Chunk, Chunks
from emulator.recording.errors import MediaError

PRE_SKIP = 312
"""Samples by which libopus's output lags behind its input (RFC 7845 section 4.2); every browser encodes with it."""

PAGE_SAMPLES = SAMPLE_RATE // 5
MAX_SEGMENTS = 255
SERIAL = 1
HEADER = Struct("<4sBBqIIIB")  # section 6 of RFC 3533: up to and with the number of segments
_CRC_AT = 22
_FIRST, LAST = 2, 4
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

_SHORT_SILENCE = {480: b"\xf0\xff\xfe", 240: b"\xe8\xff\xfe", 120: b"\xe0\xff\xfe"}


def silence(samples: int) -> list[bytes]:
    """Packets of digital silence for about so many samples; rounded down to 2.5 ms."""
    packets = [SILENCE] * (samples // 960)
    rest = samples % 960
    for length, packet in _SHORT_SILENCE.items():
        if rest >= length:
            packets.append(packet)
            rest -= length
    return packets


class OggWriter:
    """One Opus stream. `put` takes packets in order; their time follows from their own lengths, gaps are the caller's.

    `channels`: 1 or 2, what a player makes of it, whatever the packets hold.
    """

    def __init__(self, *, channels: int = 1) -> None:
        if channels not in (1, 2):
            raise MediaError(f"an Opus recording has 1 or 2 channels, got {channels}")
        self._chunks = Chunks()
        self._number = 0
        self._packets: list[bytes] = []
        self._segments = 0
        self._samples = 0
        self._newest = 0  # samples of the newest packet
        self._paged = 0
        head = b"OpusHead" + Struct("<BBHIhB").pack(1, channels, PRE_SKIP, SAMPLE_RATE, 0, 0)
        vendor = b"rooms-emulator"
        tags = b"OpusTags" + len(vendor).to_bytes(4, "little") + vendor + bytes(4)
        self._page([head], 0, _FIRST)
        self._page([tags], 0)

    @property
    def size(self) -> int:
        return self._chunks.size

    @property
    def samples(self) -> int:
        """Put in so far."""
        return self._samples

    @property
    def end(self) -> float:
        """Seconds that play."""
        return max(0, self._samples - PRE_SKIP) / SAMPLE_RATE

    def put(self, data: bytes, time: float = 0.0, *, keyframe: bool = True) -> None:
        """Raises MediaError for what is no Opus packet."""
        try:
            samples = packet_samples(data)
        except OpusError as error:
            raise MediaError(str(error)) from error
        segments = len(data) // 255 + 1
        if self._segments + segments > MAX_SEGMENTS or self._samples - self._paged >= PAGE_SAMPLES:
            self._flush()
        self._packets.append(data)
        self._newest = samples
        self._segments += segments
        self._samples += samples

    def take(self) -> list[Chunk]:
        """The newest packet stays: only the file's last page can say that it is played in part."""
        if len(self._packets) > 1:
            newest, lasts = self._packets.pop(), self._newest
            self._samples -= lasts
            self._flush()
            self._packets, self._segments = [newest], len(newest) // 255 + 1
            self._samples += lasts
        return self._chunks.take()

    def finish(self, duration: float) -> None:
        """The sound ends after so many seconds, within its last packet if need be (RFC 7845 section 4)."""
        wanted = PRE_SKIP + round(duration * SAMPLE_RATE)
        self._page(self._packets, max(self._samples - self._newest, min(self._samples, wanted)), LAST)
        self._packets, self._segments = [], 0

    def _flush(self) -> None:
        if self._packets:
            self._page(self._packets, self._samples)
            self._packets, self._segments, self._paged = [], 0, self._samples

    def _page(self, packets: list[bytes], granule: int, flags: int = 0) -> None:
        self._chunks.append(page(packets, granule, self._number, flags))
        self._number += 1


def page(packets: list[bytes], granule: int, number: int, flags: int = 0) -> bytes:
    """One page of whole packets."""
    lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,)) for packet in packets)
    made = bytearray(HEADER.pack(b"OggS", 0, flags, granule, SERIAL, number, 0, len(lacing)))
    made += lacing
    for packet in packets:
        made += packet
    made[_CRC_AT : _CRC_AT + 4] = checksum(made).to_bytes(4, "little")
    return bytes(made)


def checksum(data: bytes | bytearray) -> int:
    """RFC 3533's CRC: zlib's polynomial with the bits the other way round, from 0, without a final inversion."""
    mirrored = zlib.crc32(data.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
