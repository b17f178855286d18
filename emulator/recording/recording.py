"""One recording while it is being made: a container, its file, and what is told when it is over."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from emulator.recording.chunks import Container
from emulator.recording.errors import MediaError
from emulator.store.disk import Disk
from emulator.store.errors import StoreError
from emulator.store.files import MediaFile, MediaFiles

log = logging.getLogger("emulator.recording")

ENOUGH_BYTES = 256_000
"""So much is written at once, without waiting for the next flush."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished file is. Seconds, bytes; zero when there is nothing in it."""

    duration: float
    size: int


class Recording:
    """`on_over(outcome)` is called once, on the loop, when the file is closed; never after `discard`.

    Whatever goes wrong is said once, in one line, and ends this recording only.
    """

    def __init__(
        self,
        recording_id: str,
        name: str,
        container: Container,
        file: MediaFile,
        *,
        files: MediaFiles,
        disk: Disk,
        on_over: Callable[[Outcome], object],
    ) -> None:
        self.id = recording_id
        self.name = name
        self.problem: str | None = None
        """Why it ended, or has gaps, against everybody's wish."""
        self.congested = False
        """The disk is behind: what is put in now is not kept."""
        self.over = False
        self.ended_at: datetime | None = None
        """The account's time of the last moment that is in it, once that is known."""
        self._container = container
        self._file = file
        self._files = files
        self._disk = disk
        self._on_over = on_over
        self._unwritten = 0
        self._discarded = False
        self._duration = 0.0

    @property
    def size(self) -> int:
        return self._container.size

    def put(self, data: bytes, time: float, *, keyframe: bool) -> bool:
        """One sample at `time` seconds. False when it is not kept."""
        if self.over or self.congested:
            return False
        try:
            self._container.put(data, time, keyframe=keyframe)
        except MediaError as error:
            self.fail(str(error))
            return False
        self._duration = max(self._duration, time)
        self._unwritten += len(data)
        if self._unwritten >= ENOUGH_BYTES:
            self.flush()
        return True

    def flush(self) -> None:
        """Hand over what there is to write; call it several times a second."""
        if self.over:
            return
        if self._disk.full:
            if not self.congested:
                self.congested = True
                self.problem = "the disk was too slow for a while: there are gaps"
                log.warning("%s: the disk is behind, nothing is kept until it has caught up", self.name)
            return
        self.congested = False
        try:
            self._files.grow(self._file.path, self._container.size)
        except StoreError as error:
            self.fail(str(error))
            return
        self._write()

    def _write(self) -> None:
        chunks = self._container.take()
        self._unwritten = 0
        if chunks:
            size = sum(len(data) for _, data in chunks)
            self._disk.run(partial(self._file.write, chunks), self._written, size)

    def _written(self, result: None, error: Exception | None) -> None:
        if error is not None and not self.over:
            reason = error.strerror if isinstance(error, OSError) else None
            self._stop(f"{self._file.path} cannot be written: {reason or error}")
            self._disk.run(self._close_broken, self._closed)

    def fail(self, why: str) -> None:
        """It ends here, with what it has."""
        if not self.over:
            duration = self._duration
            self._stop(why)
            self._finish(duration)

    def _stop(self, why: str) -> None:
        self.over = True
        self.problem = why
        log.warning("%s ends early: %s", self.name, why)

    def finish(self, duration: float) -> None:
        """It is over after so many seconds."""
        if not self.over:
            self.over = True
            self._finish(duration)

    def _finish(self, duration: float) -> None:
        self._container.finish(duration)
        # The last bytes may be above the budget: without them the file would not know its own length.
        chunks = self._container.take()
        self._disk.run(partial(self._close, chunks, duration), self._closed, sum(len(data) for _, data in chunks))

    def discard(self) -> None:
        """Nobody wants it any more. Removing the file is up to the caller, behind this."""
        self.over = self._discarded = True
        self._disk.run(self._file.close, None)

    # -- in the worker thread ---------------------------------------------------------------------------------------

    def _close(self, chunks: list[tuple[int, bytes]], duration: float) -> Outcome:
        try:
            self._file.write(chunks)
        except OSError:
            return self._close_broken()
        self._file.close()
        return Outcome(duration, self._file.path.stat().st_size)

    def _close_broken(self) -> Outcome:
        from emulator.recording.mending import mend  # NumPy, which a start does not wait for

        self._file.close()
        try:
            duration = mend(self._file.path)
        except MediaError:
            duration = 0.0
        return Outcome(duration, self._file.path.stat().st_size)

    # ---------------------------------------------------------------------------------------------------------------

    def _closed(self, outcome: Outcome | None, error: Exception | None) -> None:
        if self._discarded:
            return
        if outcome is None:
            log.warning("%s: %s cannot be closed: %s", self.name, self._file.path, error)
            outcome = Outcome(0.0, 0)
        self._files.settle(self._file.path, outcome.size)
        self._on_over(outcome)
