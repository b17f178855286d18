"""Deaths that a real kill hits too seldom: in the middle of a write, and between the writes of closing a file.

A journal of all writes rebuilds every state the file ever had; those are read instead of killing a process for each.
"""

from __future__ import annotations

import io
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from emulator.recording.errors import MediaError
from emulator.recording.mending import mend
from emulator.recording.mp4 import Sink, whole_boxes
from tests.benchmarks.recording.inspection import inspect
from tests.benchmarks.recording.media import Track
from tests.benchmarks.recording.settings import Setting
from tests.benchmarks.recording.writer import recorder

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
    """Those that still could not after what a restart does."""


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
            beyond_repair += not _opens_again(setting, state.content, track, written)
    return Interrupted(len(chosen), lost, beyond_repair)


def _opens_again(setting: Setting, content: bytes, track: Track, written: int) -> bool:
    """After what a restarted process does: of our own files `mend`, of others what may help."""
    if not setting.recommended:
        kept = whole_boxes(io.BytesIO(content)) if setting.container == "mp4" else None
        return inspect(content[:kept], track, written).opened
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"torn.{setting.container}"
        path.write_bytes(content)
        try:
            mend(path)
        except MediaError:
            return False
        return inspect(path, track, written).opened


def torn(setting: Setting, track: Track, written: int) -> dict[str, bytes]:
    """Files as a kill in the middle of a write leaves them; at most `written` samples had been handed over."""
    last = [state.content for state in _states(setting, track) if state.written <= written][-1]
    found = {"torn": last[: -len(last) // 50]}
    if setting.container == "mp4":
        found["torn moof"] = last[: last.rindex(b"moof") + 100]
    return found


def _states(setting: Setting, track: Track) -> Iterator[_State]:
    """For each write several: with parts of it, and with all of it."""
    journal = Sink()
    marks = []
    with closing(recorder(setting, track, journal)) as muxer:
        for sample in track.samples:
            muxer.write(sample)
            marks.append(len(journal.chunks))
    content = bytearray()
    for number, (place, data) in enumerate(journal.chunks, start=1):
        for size in sorted({*(cut for cut in _TORN_AT if cut < len(data)), len(data) // 2, len(data)}):
            content[place : place + size] = data[:size]
            yield _State(bytes(content), bisect_right(marks, number))
