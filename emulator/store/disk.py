"""One worker thread for all that is written to media files, with a bound on what waits for it."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

log = logging.getLogger("emulator.store")

T = TypeVar("T")

MAX_WAITING = 64_000_000
"""Bytes. A disk that is so far behind gets nothing more until it has caught up."""


class Disk:
    """Does jobs one after the other, in a thread that starts with the first; what comes of them is told on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, limit: int = MAX_WAITING) -> None:
        self._loop = loop
        self._limit = limit
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Callable[..., object] | None, int] | None]
        self._jobs = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._waiting = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Bytes that are not written yet."""
        return self._waiting

    @property
    def full(self) -> bool:
        return self._waiting > self._limit

    def run(
        self, work: Callable[[], T], then: Callable[[T | None, Exception | None], object] | None, size: int = 0
    ) -> None:
        """Do `work` when its turn comes. `then(result, None)` is called on the loop, or `then(None, error)`.

        Without `then`, errors are logged. `size` in bytes counts against the bound.
        """
        if self._closed:
            raise RuntimeError("the disk's thread has ended")
        with self._lock:
            self._waiting += size
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="rooms-emulator-disk", daemon=True)
            self._thread.start()
        self._jobs.put((work, then, size))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, then, size = job
            result, error = None, None
            try:
                result = work()
            except Exception as raised:  # noqa: BLE001 - whatever it is, whoever asked for it is told
                error = raised
            with self._lock:
                self._waiting -= size
            if then is not None:
                self._loop.call_soon_threadsafe(then, result, error)
            elif error is not None:
                log.warning("a file could not be written: %s", error)

    async def drained(self) -> None:
        """Until everything asked for so far is done, and what comes of it has been told."""
        if self._thread is not None and not self._closed:
            done: asyncio.Future[None] = self._loop.create_future()

            def told(result: None, error: Exception | None) -> None:
                if not done.done():
                    done.set_result(None)

            self.run(lambda: None, told)
            await done

    async def close(self) -> None:
        """Do what is left, then end the thread. Nothing may be asked for any more."""
        await self.drained()
        self._closed = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None
