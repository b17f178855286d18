"""What all recordings of one emulator share: the files, the thread that writes them, and the beat of flushing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from emulator.store.disk import Disk
from emulator.store.files import MediaFiles

FLUSH_SECS = 0.2
"""So much of a recording is lost at most with the process, beside what its container holds back."""


class Studio:
    """`on_beat(now)` is called every 0.2 s from `wake` on, for as long as it says that there is more to do."""

    def __init__(
        self, files: MediaFiles, disk: Disk, loop: asyncio.AbstractEventLoop, on_beat: Callable[[float], bool]
    ) -> None:
        self.files = files
        self.disk = disk
        self.now = loop.time
        self._loop = loop
        self._on_beat = on_beat
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH_SECS, self._beat)

    def _beat(self) -> None:
        self._timer = None
        if self._on_beat(self.now()):
            self.wake()

    def rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
