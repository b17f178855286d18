"""H.264 in MP4, in fragments (ISO/IEC 14496-12 section 8.8) until it is finished, muxed by FFmpeg.

The settings are those that survive `kill -9` in `tests/benchmarks/recording_containers.py`: a fragment is half a
second; parameter sets stand in the samples, too (avc3), so that the resolution may change; closing turns the file into
a plain MP4 that can be searched.
"""

from __future__ import annotations

import io
import os
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
from av.container import OutputContainer
from av.packet import Packet

from emulator.recording.chunks import Chunk
from emulator.recording.errors import MediaError

MOVFLAGS = "frag_keyframe+empty_moov+default_base_moof+hybrid_fragmented"
OPTIONS = {"movflags": MOVFLAGS, "frag_duration": "500000"}
TIME_BASE = Fraction(1, 90_000)
HOLD_SECS = 1.0
"""A sample has a duration, so the newest waits for the next one, at most so long."""


class Sink(io.RawIOBase):
    """A file that is nothing but a list of writes."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.end = 0
        self._place = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._place = offset + (0, self._place, self.end)[whence]
        return self._place

    def write(self, data: Any) -> int:
        self.chunks.append((self._place, bytes(data)))
        self._place += len(data)
        self.end = max(self.end, self._place)
        return len(data)


class Mp4Writer:
    """One H.264 stream, samples in Annex B form. The first must be a keyframe with its parameter sets in it."""

    def __init__(self) -> None:
        self._sink = Sink()
        self._container: OutputContainer | None = None
        self._stream: Any = None
        self._held: tuple[bytes, int, bool] | None = None

    @property
    def size(self) -> int:
        return self._sink.end

    def put(self, data: bytes, time: float, *, keyframe: bool) -> None:
        """Raises MediaError if the first sample is none that decoding can begin with."""
        ticks = round(time / TIME_BASE)
        if self._container is None:
            self._open(data)
        elif self._held is not None:
            ticks = max(ticks, self._held[1] + 1)
            self._mux(ticks)
        self._held = data, ticks, keyframe

    def _open(self, first: bytes) -> None:
        try:
            # A template of the first keyframe has the parameter sets and the tag; its encoder is never opened.
            template = av.open(io.BytesIO(first), format="h264").streams.video[0]
            width, height = template.codec_context.width, template.codec_context.height
        except (av.error.FFmpegError, IndexError) as error:
            raise MediaError(f"expected an H.264 keyframe with parameter sets first: {error}") from error
        if not width or not height:
            raise MediaError("expected an H.264 keyframe with parameter sets first, got a picture without a size")
        self._container = av.open(cast(Any, self._sink), "w", format="mp4", options=dict(OPTIONS))
        self._stream = self._container.add_stream_from_template(template)
        self._stream.codec_context.codec_tag = "avc3"
        self._stream.time_base = TIME_BASE

    def _mux(self, until: int) -> None:
        assert self._container is not None
        assert self._held is not None
        data, ticks, keyframe = self._held
        packet = Packet(data)
        packet.pts = packet.dts = ticks
        packet.time_base = TIME_BASE
        packet.duration = until - ticks
        packet.is_keyframe = keyframe
        packet.stream = self._stream
        self._container.mux_one(packet)
        self._held = None

    def take(self) -> list[Chunk]:
        chunks, self._sink.chunks = self._sink.chunks, []
        return chunks

    def finish(self, duration: float) -> None:
        if self._container is None:
            return
        if self._held is not None:
            self._mux(max(round(duration / TIME_BASE), self._held[1] + 1))
        self._container.close()


def mend_mp4(path: Path) -> float:
    """Cut off a torn last box, and copy the samples into a file that is properly closed. Returns seconds.

    Raises MediaError when nothing in it plays, OSError.
    """
    with path.open("r+b") as file:
        file.truncate(whole_boxes(file))
    beside = path.with_name(path.name + ".new")
    try:
        duration = _copy(path, beside)
        beside.replace(path)
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise MediaError(f"there is no picture in the file: {error}") from error
    finally:
        beside.unlink(missing_ok=True)
    return duration


def _copy(damaged: Path, whole: Path) -> float:
    end = 0.0
    with (
        av.open(str(damaged)) as source,
        av.open(str(whole), "w", format="mp4", options=dict(OPTIONS)) as target,
    ):
        if not source.streams.video:
            raise MediaError("there is no picture in the file")
        template = source.streams.video[0]
        stream = target.add_stream_from_template(template)
        stream.codec_context.codec_tag = "avc3"
        stream.time_base = TIME_BASE
        try:
            for packet in source.demux(template):
                if packet.size and packet.pts is not None and packet.time_base is not None and not packet.is_corrupt:
                    end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    packet.stream = stream
                    target.mux_one(packet)
        except av.error.InvalidDataError:
            pass  # the torn end of the file; everything before it has been copied
    if not end:
        raise MediaError("there is no picture in the file")
    return end


def whole_boxes(file: BinaryIO) -> int:
    """How much of an MP4 file to keep: all but a last box that is not whole, unless that holds samples (mdat).

    FFmpeg copes with half an mdat, but refuses the whole file for half a moof (ISO/IEC 14496-12 section 4.2: boxes).
    """
    end = file.seek(0, os.SEEK_END)
    place = 0
    while place + 8 <= end:
        file.seek(place)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:  # a 64-bit size follows
            size = int.from_bytes(file.read(8))
        if kind == b"mdat" and place + size > end:
            return end
        if size < 8 or place + size > end:
            return place
        place += size
    return place
