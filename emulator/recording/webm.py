"""VP8 in WebM (RFC 8794, RFC 9559), written block by block: whatever is cut off behind a whole block still plays.

A running file's segment and newest cluster have no size yet, as in a live stream, and no index. Finishing writes those
over: sizes, duration, and an index of the keyframes' clusters.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from emulator.recording.chunks import Chunk, Chunks
from emulator.recording.errors import MediaError

EBML, SEGMENT, SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES = (
    b"\x1a\x45\xdf\xa3",
    b"\x18\x53\x80\x67",
    b"\x11\x4d\x9b\x74",
    b"\x15\x49\xa9\x66",
    b"\x16\x54\xae\x6b",
    b"\x1f\x43\xb6\x75",
    b"\x1c\x53\xbb\x6b",
)
DURATION, SIMPLE_BLOCK, TIMESTAMP, VOID = b"\x44\x89", b"\xa3", b"\xe7", b"\xec"
UNKNOWN = b"\x01" + b"\xff" * 7
"""The size of what is not over yet, in the eight bytes that its real size will take."""

CLUSTER_MS = 5_000
"""The longest cluster; a keyframe begins a new one, too. A block's time within it has 16 bits."""

_SEEK_ROOM = 32
DURATION_ROOM = 11
_DOUBLE = Struct(">d")
_VP8_START = b"\x9d\x01\x2a"


class _Cue(NamedTuple):
    ms: int
    position: int
    """From the beginning of the segment's content."""


def element(identity: bytes, content: bytes) -> bytes:
    return identity + size_of(len(content)) + content


def size_of(length: int) -> bytes:
    """The shortest variable-size integer that is not all ones (RFC 8794 section 4)."""
    for width in range(1, 9):
        if length < (1 << 7 * width) - 1:
            return (length | 1 << 7 * width).to_bytes(width, "big")
    raise MediaError(f"an element of {length} bytes does not fit into WebM")


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _room(size: int) -> bytes:
    """`size` bytes (at most 128) that mean nothing."""
    return element(VOID, bytes(size - 2))


def picture_size(keyframe: bytes) -> tuple[int, int]:
    """Width and height of a VP8 keyframe (RFC 6386 section 9.1). Raises MediaError."""
    if len(keyframe) < 10 or keyframe[0] & 1 or keyframe[3:6] != _VP8_START:
        raise MediaError("expected a VP8 keyframe at the beginning of a recording")
    width, height = (int.from_bytes(keyframe[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    if not width or not height:
        raise MediaError(f"expected a VP8 picture with a size, got {width}x{height}")
    return width, height


class WebmWriter:
    """One VP8 stream. The first sample must be a keyframe: the size in the header is its."""

    def __init__(self) -> None:
        self._chunks = Chunks()
        self._layout = Layout()
        self._cluster_ms: int | None = None
        self._last_ms = -1

    @property
    def size(self) -> int:
        return self._chunks.size

    def put(self, data: bytes, time: float, *, keyframe: bool) -> None:
        """Raises MediaError if the first is no keyframe."""
        ms = max(round(time * 1000), self._last_ms + 1)
        if not self._chunks.size:
            self._chunks.append(self._layout.head(*picture_size(data)))
        if self._cluster_ms is None or keyframe or ms - self._cluster_ms >= CLUSTER_MS:
            self._begin_cluster(ms, keyframe=keyframe)
        assert self._cluster_ms is not None
        block = b"\x81" + (ms - self._cluster_ms).to_bytes(2, "big") + (b"\x80" if keyframe else b"\x00") + data
        self._chunks.append(element(SIMPLE_BLOCK, block))
        self._last_ms = ms

    def _begin_cluster(self, ms: int, *, keyframe: bool) -> None:
        self._end_cluster()
        self._layout.cluster_begins(self._chunks.size, ms, keyframe=keyframe)
        self._cluster_ms = ms
        self._chunks.append(CLUSTER + UNKNOWN + element(TIMESTAMP, _number(ms)))

    def _end_cluster(self) -> None:
        for offset, data in self._layout.cluster_ends(self._chunks.size):
            self._chunks.overwrite(offset, data)

    def take(self) -> list[Chunk]:
        return self._chunks.take()

    def finish(self, duration: float) -> None:
        if not self._chunks.size:
            return
        self._end_cluster()
        index, over = self._layout.finish(self._chunks.size, max(duration * 1000, self._last_ms + 1))
        self._chunks.append(index)
        for offset, data in over:
            self._chunks.overwrite(offset, data)


class Layout:
    """Where things are in the file, and what is written over them when it is finished."""

    def __init__(self) -> None:
        self._content = 0
        self._seek_head = 0
        self._duration = 0
        self._cluster: int | None = None
        self._cues: list[_Cue] = []

    def head(self, width: int, height: int) -> bytes:
        """Everything before the first cluster."""
        before = element(
            EBML,
            b"\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08"  # version 1, ids of 4, sizes of 8 bytes
            + element(b"\x42\x82", b"webm")
            + b"\x42\x87\x81\x02\x42\x85\x81\x02",  # version 2: simple blocks
        )
        before += SEGMENT + UNKNOWN
        self.found(content=len(before), seek_head=len(before))
        scale = element(b"\x2a\xd7\xb1", _number(1_000_000))  # timestamps are in milliseconds
        apps = element(b"\x4d\x80", b"rooms-emulator") + element(b"\x57\x41", b"rooms-emulator")
        info = scale + apps + _room(DURATION_ROOM)
        video = element(b"\xe0", element(b"\xb0", _number(width)) + element(b"\xba", _number(height)))
        track = b"\xd7\x81\x01\x73\xc5\x81\x01\x83\x81\x01\x9c\x81\x00" + element(b"\x86", b"V_VP8") + video
        made = before + _room(_SEEK_ROOM) + element(INFO, info)
        self._duration = len(made) - DURATION_ROOM
        return made + element(TRACKS, element(b"\xae", track))

    def found(self, *, content: int, seek_head: int = 0, duration: int = 0) -> None:
        """Offsets: of the segment's content, of the room for the seek head, of that for the duration."""
        self._content, self._seek_head, self._duration = content, seek_head, duration

    def cluster_begins(self, offset: int, ms: int, *, keyframe: bool) -> None:
        self._cluster = offset
        if keyframe:
            self._cues.append(_Cue(ms, offset - self._content))

    def cluster_ends(self, end: int) -> list[Chunk]:
        """Its size, now that it is known."""
        begin, self._cluster = self._cluster, None
        return [] if begin is None else [(begin + len(CLUSTER), _sized(end - begin - len(CLUSTER) - len(UNKNOWN)))]

    def finish(self, end: int, duration_ms: float) -> tuple[bytes, list[Chunk]]:
        """What is appended, and what is written over."""
        points = b"".join(
            element(
                b"\xbb",
                element(b"\xb3", _number(cue.ms))
                + element(b"\xb7", b"\xf7\x81\x01" + element(b"\xf1", _number(cue.position))),
            )
            for cue in self._cues
        )
        index = element(CUES, points) if points else b""
        over: list[Chunk] = []
        if index:
            place = (end - self._content).to_bytes(8, "big")
            entry = element(b"\x4d\xbb", element(b"\x53\xab", CUES) + element(b"\x53\xac", place))
            seek_head = element(SEEK_HEAD, entry)
            over.append((self._seek_head, seek_head + _room(_SEEK_ROOM - len(seek_head))))
        over.append((self._duration, element(DURATION, _DOUBLE.pack(duration_ms))))
        over.append((self._content - len(UNKNOWN), _sized(end + len(index) - self._content)))
        return index, over


def _sized(length: int) -> bytes:
    return (length | 1 << 56).to_bytes(8, "big")
