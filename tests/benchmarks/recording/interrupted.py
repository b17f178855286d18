"""Deaths that a real kill hits too seldom: in the middle of a write, and between the writes of closing a file.

A journal of all writes rebuilds every state the file ever had; those are read instead of killing a process for each.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, cast

import av
from av.video.stream import VideoStream

from tests.benchmarks.recording.inspection import inspect
from tests.benchmarks.recording.media import Track
from tests.benchmarks.recording.settings import Setting
from tests.benchmarks.recording.writer import Journal, Recorder

_STATES = 80
_LAST_STATES = 40
"""So many of the last ones are all read: closing a file is among them."""
_TORN_AT = (20, 120)
"""Bytes after the start of a write: inside the index (moof) of an MP4 fragment, if the write starts with one."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    states: int
    lost: int
    """States that could not be opened although an earlier one could."""
    beyond_repair: int
    """Those that still could not after `trim`."""


@dataclass(frozen=True, slots=True)
class _State:
    content: bytes
    written: int
    """Samples that had been handed to the muxer."""


def interrupt(setting: Setting, track: Track) -> Interrupted:
    """Opens the file as it was between any two writes, and with writes torn at several places."""
    states = list(_states(setting, track))
    step = max(1, (len(states) - _LAST_STATES) // _STATES)
    chosen = [*states[:-_LAST_STATES:step], *states[-_LAST_STATES:]]
    opened, lost, beyond_repair = False, 0, 0
    for state in chosen:
        written = max(1, state.written)
        if inspect(state.content, track, written).opened:
            opened = True
        elif opened:
            lost += 1
            kept = whole_boxes(io.BytesIO(state.content)) if setting.container == "mp4" else None
            beyond_repair += not inspect(state.content[:kept], track, written).opened
    return Interrupted(len(chosen), lost, beyond_repair)


def torn(setting: Setting, track: Track, written: int) -> dict[str, bytes]:
    """Files as a kill in the middle of a write leaves them; at most `written` samples had been handed over."""
    last = [state.content for state in _states(setting, track) if state.written <= written][-1]
    found = {"torn": last[: -len(last) // 50]}
    if setting.container == "mp4":
        found["torn moof"] = last[: last.rindex(b"moof") + 100]
    return found


def whole_boxes(file: IO[bytes]) -> int:
    """How much of an MP4 file to keep: all but a last box that is not whole, unless that holds samples (mdat).

    FFmpeg copes with half an mdat, but refuses the whole file for half a moof (ISO/IEC 14496-12 section 4.2: boxes).
    """
    end = file.seek(0, io.SEEK_END)
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


def _states(setting: Setting, track: Track) -> Iterator[_State]:
    """For each write several: with parts of it, and with all of it."""
    journal = Journal()
    marks = []
    with Recorder(setting, track, journal) as recorder:
        for sample in track.samples:
            recorder.write(sample)
            marks.append(len(journal.writes))
    content = bytearray()
    for number, (place, data) in enumerate(journal.writes, start=1):
        for size in sorted({*(cut for cut in _TORN_AT if cut < len(data)), len(data) // 2, len(data)}):
            content[place : place + size] = data[:size]
            yield _State(bytes(content), bisect_right(marks, number))


def repair(setting: Setting, damaged: Path, repaired: Path) -> None:
    """What a restarted process can do: copy the whole samples of what is left into a properly closed file."""
    if setting.container == "mp4":
        with open(damaged, "r+b") as file:
            file.truncate(whole_boxes(file))
    with (
        av.open(str(damaged)) as source,
        av.open(str(repaired), "w", format=setting.container, options=dict(setting.options)) as target,
    ):
        template = source.streams[0]
        stream = target.add_stream_from_template(cast(Any, template))
        stream.time_base = template.time_base or Fraction(1, 1000)
        if isinstance(stream, VideoStream) and setting.tag:
            stream.codec_context.codec_tag = setting.tag
        try:
            for packet in source.demux(template):
                if packet.size and packet.pts is not None and not packet.is_corrupt:
                    packet.stream = stream
                    target.mux_one(packet)
        except av.error.InvalidDataError:
            # The torn end of the file; everything before it has been copied.
            return
