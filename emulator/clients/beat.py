"""One timer for all that repeats at the same interval on one event loop.

Forty participants have a hundred connections and tracks; a timer for each would wake the loop thousands of times a
second. Together they also send together, and who receives reads many packets at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary


class Beat:
    """Calls everything that was added, once in each period, at times that do not drift. Made by `beat_of`."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._next_at = 0.0
        self._callbacks: dict[Callable[[], None], None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, callback: Callable[[], None]) -> float:
        """From the next beat on; returns the loop's time of it. An exception is the loop's to report."""
        self._callbacks[callback] = None
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._next_at = loop.time() + self._period
            self._timer = loop.call_at(self._next_at, self._fire)
        return self._next_at

    def remove(self, callback: Callable[[], None]) -> None:
        """Not called any more, not even in the beat under way. Without effect if it was not added."""
        self._callbacks.pop(callback, None)
        if not self._callbacks and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        loop = asyncio.get_running_loop()
        # After a stall one beat stands for all that were missed; who needs to know asks the clock.
        missed = max(0, int((loop.time() - self._next_at) / self._period))
        self._next_at += (1 + missed) * self._period
        self._timer = loop.call_at(self._next_at, self._fire)
        for callback in tuple(self._callbacks):
            if callback not in self._callbacks:
                continue
            try:
                callback()
            except Exception as error:  # noqa: BLE001 - one must not silence the others; the loop tells of it
                loop.call_exception_handler({"message": f"{callback} failed in its beat", "exception": error})


_beats: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[float, Beat]] = WeakKeyDictionary()


def beat_of(loop: asyncio.AbstractEventLoop, period: float) -> Beat:
    """The loop's own beat of that period in seconds. To be used on that loop."""
    beats = _beats.setdefault(loop, {})
    if period not in beats:
        beats[period] = Beat(period)
    return beats[period]
