"""The few threads in which pictures are drawn, encoded and decoded: libvpx and libx264 release the interpreter lock.

A job is a plain function; its result comes back to the event loop. Each caller keeps at most one job at a time in here,
so the queue is as long as there are callers, and no longer.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

ResultT = TypeVar("ResultT")


class Workers:
    """A small thread pool. `close` it unless it is the shared one."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="client-media")

    def submit(self, job: Callable[[], ResultT], done: Callable[[Future[ResultT]], None]) -> Future[ResultT]:
        """Run `job` in a thread, then `done(future)` in the calling event loop, unless that has closed by then."""
        loop = asyncio.get_running_loop()
        future = self._pool.submit(job)

        def finished(future: Future[ResultT]) -> None:
            try:
                loop.call_soon_threadsafe(done, future)
            except RuntimeError:
                if not loop.is_closed():
                    raise
                # The loop ended while the job ran: nobody waits for its result any more.

        future.add_done_callback(finished)
        return future

    async def run(self, job: Callable[[], ResultT]) -> ResultT:
        return await asyncio.wrap_future(self._pool.submit(job))

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


@functools.cache
def shared_workers() -> Workers:
    """The process's own, with one thread per core, four at most. It lives as long as the process."""
    return Workers(min(4, os.cpu_count() or 1))
