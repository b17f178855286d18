"""Bytes on their way to a file: containers make them, a worker thread writes them."""

from __future__ import annotations

from typing import Protocol

Chunk = tuple[int, bytes]
"""(offset in the file, bytes)."""


class Container(Protocol):
    """A file in the making, without any I/O: samples in, chunks out.

    Whatever was taken out is a playable file by itself, but for what it does not hold yet. Times and durations are in
    seconds from the file's beginning; times never go back. Raises MediaError for samples it cannot hold.
    """

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        ...

    def put(self, data: bytes, time: float, *, keyframe: bool) -> None: ...

    def take(self) -> list[Chunk]:
        """What there is to write since the last call, in the order in which it is to be written."""
        ...

    def finish(self, duration: float) -> None:
        """The file is over after `duration` seconds; nothing more is put in."""
        ...


class Chunks:
    """What is appended to a file, and what is written over in it."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self._appended = bytearray()
        self._start = size
        self._over: list[Chunk] = []

    def append(self, data: bytes) -> None:
        self._appended += data
        self.size += len(data)

    def overwrite(self, offset: int, data: bytes) -> None:
        """Of bytes that were appended before."""
        begin = offset - self._start
        if begin >= 0:
            self._appended[begin : begin + len(data)] = data
        else:
            self._over.append((offset, data))

    def take(self) -> list[Chunk]:
        chunks = [(self._start, bytes(self._appended))] if self._appended else []
        chunks += self._over
        self._appended, self._start, self._over = bytearray(), self.size, []
        return chunks
