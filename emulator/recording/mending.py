"""Files that were cut off: killed in the middle of a write, or out of space. What is whole in them is kept, and plays.

Everything here is I/O on one file, for a worker thread; a file is never read as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from emulator.media.audio.opus import SAMPLE_RATE
from emulator.recording import ogg, webm
from emulator.recording.errors import MediaError


def mend(path: Path) -> float:
    """Cut off what is torn at the end, and close the file as its container wants it. Returns its duration in seconds.

    Raises MediaError when nothing in it plays, OSError.
    """
    ways: dict[str, Callable[[BinaryIO], float]] = {".ogg": _mend_ogg, ".webm": _mend_webm}
    if path.suffix == ".mp4":
        return _mend_mp4(path)
    with path.open("r+b") as file:
        return ways[path.suffix](file)


def _mend_ogg(file: BinaryIO) -> float:
    end = granule = number = 0
    size = file.seek(0, os.SEEK_END)
    while end + ogg.HEADER.size <= size:
        file.seek(end)
        magic, _, flags, at, _, found, _, segments = ogg.HEADER.unpack(file.read(ogg.HEADER.size))
        lacing = file.read(segments)
        after = end + ogg.HEADER.size + segments + sum(lacing)
        if magic != b"OggS" or len(lacing) < segments or after > size:
            break
        end, granule, number = after, at, found
        if flags & ogg.LAST:
            break
    if number < 2:
        raise MediaError("there is no sound in the file")
    if not flags & ogg.LAST or end < size:
        file.truncate(end)
    return max(0.0, (granule - ogg.PRE_SKIP) / SAMPLE_RATE)


class _Reader:
    """Elements of a WebM file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def header(self, at: int) -> tuple[bytes, int | None, int] | None:
        """(id, length of the content or None while unknown, where it begins); None where no whole header is."""
        self._file.seek(at)
        data = self._file.read(12)
        if not data or not data[0]:
            return None
        width = 9 - data[0].bit_length()
        if width > 4 or len(data) <= width or not data[width]:
            return None
        sizes = 9 - data[width].bit_length()
        begin = width + sizes
        if len(data) < begin:
            return None
        raw = data[width:begin]
        length = int.from_bytes(raw, "big") & (1 << 7 * sizes) - 1
        return data[:width], None if length == (1 << 7 * sizes) - 1 else length, at + begin

    def read(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return self._file.read(size)


def _mend_webm(file: BinaryIO) -> float:
    reader = _Reader(file)
    layout = webm.Layout()
    at = _read_head(reader, layout)
    last_ms = step = blocks = cluster_ms = 0
    begins = end = at
    pending = False
    while (found := reader.header(at)) is not None:
        identity, length, content = found
        if identity == webm.CLUSTER:
            at = content
            begins = end
            pending = True
            for offset, data in layout.cluster_ends(end):
                _write(file, offset, data)
        elif length is None or content + length > reader.size:
            break
        elif identity == webm.TIMESTAMP:
            cluster_ms = int.from_bytes(reader.read(content, length), "big")
            at = content + length
        elif identity == webm.SIMPLE_BLOCK:
            head = reader.read(content, 4)
            ms = cluster_ms + int.from_bytes(head[1:3], "big", signed=True)
            if pending:
                layout.cluster_begins(begins, cluster_ms, keyframe=bool(head[3] & 0x80))
                pending = False
            step, last_ms = (ms - last_ms if blocks else 0), ms
            blocks += 1
            end = at = content + length
        else:  # the index of a file that was finished: it is made anew
            break
    if not blocks:
        raise MediaError("there is no picture in the file")
    duration = last_ms + max(1, step)
    file.truncate(end)
    for offset, data in layout.cluster_ends(end):
        _write(file, offset, data)
    index, over = layout.finish(end, duration)
    for offset, data in ((end, index), *over):
        _write(file, offset, data)
    return duration / 1000


def _read_head(reader: _Reader, layout: webm.Layout) -> int:
    """Where the first cluster begins. Raises MediaError for what is no file of ours."""
    at = 0
    content = seek_head = duration = 0
    while (found := reader.header(at)) is not None:
        identity, length, begin = found
        if identity == webm.CLUSTER:
            layout.found(content=content, seek_head=seek_head, duration=duration)
            return at
        if identity == webm.SEGMENT:
            at = content = seek_head = begin
            continue
        if length is None or begin + length > reader.size:
            break
        at = begin + length
        if identity == webm.INFO:
            duration = at - webm.DURATION_ROOM
    raise MediaError("there is no picture in the file")


def _write(file: BinaryIO, offset: int, data: bytes) -> None:
    file.seek(offset)
    file.write(data)


def _mend_mp4(path: Path) -> float:
    from emulator.recording.mp4 import mend_mp4  # FFmpeg: only who records H.264 waits for it to load

    return mend_mp4(path)
