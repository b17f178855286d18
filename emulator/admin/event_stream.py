"""Server-sent events (HTML standard, 9.2): one listener's way from the event log to its connection."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from emulator.events import EventLog, Record

MAX_BEHIND = 10_000
"""Events that wait for one listener; as many as the log keeps. Who is further behind does not read, and is cut off."""
KEEP_ALIVE_SECS = 15.0
"""Proxies give up silent connections after half a minute or more."""
MAX_WRITE_SECS = 30.0
"""How long a listener may take nothing from its full connection."""
CHUNK = 200
"""Events written at once."""

KEEP_ALIVE = b": keep-alive\n\n"


class Sink(Protocol):
    """Where the bytes go: an `aiohttp.web.StreamResponse`, once it is prepared."""

    async def write(self, data: bytes) -> None: ...


class CutOff(Exception):
    """The listener did not read."""


def encode(record: Record) -> bytes:
    """`id` is the event's number, `event` its type, `data` the same object that the list has (one line)."""
    data = json.dumps(record.as_json(), separators=(",", ":"))
    return f"id: {record.number}\nevent: {record.event.type}\ndata: {data}\n\n".encode()


class EventStream:
    """Events after the number `since`, those of the past first. Raises HorizonError.

    `wanted` says which; `keep_alive_secs` and `max_write_secs` are real time.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        since: int,
        wanted: Callable[[Record], bool],
        keep_alive_secs: float = KEEP_ALIVE_SECS,
        max_write_secs: float = MAX_WRITE_SECS,
        max_behind: int = MAX_BEHIND,
    ) -> None:
        self._wanted = wanted
        self._keep_alive_secs = keep_alive_secs
        self._max_write_secs = max_write_secs
        self._max_behind = max_behind
        self._ended = False
        self._overflowed = False
        self._news = asyncio.Event()
        past = log.since(since)
        self._last = log.last_number
        self._waiting: deque[Record] = deque(filter(wanted, past))
        self._unsubscribe = log.subscribe(self._hear)

    def _hear(self, record: Record) -> None:
        # What waited for the store was in the log already when this listener came.
        if record.number <= self._last or self._ended or not self._wanted(record):
            return
        if len(self._waiting) >= self._max_behind:
            self._overflowed = True
            self._waiting.clear()
            self.end()
            return
        self._waiting.append(record)
        self._news.set()

    def end(self) -> None:
        """No more events; what waits is still written. Safe to call again."""
        self._ended = True
        self._unsubscribe()
        self._news.set()

    async def run(self, sink: Sink) -> None:
        """Until `end` is called. Raises CutOff, and what the sink raises when the connection is lost."""
        try:
            await self._write(sink, b": events\n\n")  # a client knows at once that it is heard
            while True:
                while self._waiting:
                    taken = [self._waiting.popleft() for _ in range(min(CHUNK, len(self._waiting)))]
                    await self._write(sink, _joined(taken))
                if self._overflowed:
                    raise CutOff(f"more than {self._max_behind} events waited for a listener")
                if self._ended:
                    return
                self._news.clear()
                try:
                    async with asyncio.timeout(self._keep_alive_secs):
                        await self._news.wait()
                except TimeoutError:
                    await self._write(sink, KEEP_ALIVE)
        finally:
            self.end()

    async def _write(self, sink: Sink, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._max_write_secs):
                await sink.write(data)
        except TimeoutError as error:
            raise CutOff(f"a listener took nothing for {self._max_write_secs:g} s") from error


def _joined(records: Iterable[Record]) -> bytes:
    return b"".join(encode(record) for record in records)
