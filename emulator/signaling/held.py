"""Events that wait for a moment behind a join reply (signaling.md 5.4, rule 7; S-69)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from emulator.signaling.surroundings import Close, Scheduler, Timer
from emulator.wire.janus import Frame

HOLD_AFTER_JOIN_SECS = 0.075


class HeldEvents:
    """`pass_on` gets every event, in order: at once, or when the time of holding is over."""

    def __init__(self, scheduler: Scheduler, pass_on: Callable[[Frame | Close], None]) -> None:
        self._scheduler = scheduler
        self._pass_on = pass_on
        self._items: deque[Frame | Close] = deque()
        self._timer: Timer | None = None

    @property
    def holding(self) -> bool:
        return self._timer is not None

    def begin(self) -> None:
        """Hold from now on, for the full time, also when others were held already."""
        self._stop()
        self._timer = self._scheduler.call_later(HOLD_AFTER_JOIN_SECS, self.release)

    def put(self, item: Frame | Close) -> int:
        """Returns how many wait now."""
        if self._timer is None:
            self._pass_on(item)
        else:
            self._items.append(item)
        return len(self._items)

    def release(self) -> None:
        """Hold nothing any longer."""
        self._stop()
        while self._items:
            self._pass_on(self._items.popleft())

    def release_frames(self) -> None:
        """What stands before a Close: something must come between, and behind a Close nothing does."""
        while self._items and not isinstance(self._items[0], Close):
            self._pass_on(self._items.popleft())
        if not self._items:
            self._stop()

    def take(self) -> list[Frame | Close]:
        """What waits, for who passes it on by another way; nothing is held any longer."""
        self._stop()
        items = list(self._items)
        self._items.clear()
        return items

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
