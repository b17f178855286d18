"""One direction of one connection: frames that wait, in order or overtaken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from emulator.signaling.surroundings import Scheduler, Timer

Action = Callable[[], None]

MAX_WAITING = 4096
"""Frames that faults hold back in one direction; more break the connection."""


class LaneFull(Exception):
    """More frames wait than may."""


class _Overtaken:
    def __init__(self, frames: int, action: Action) -> None:
        self.frames = frames
        self.action = action
        self.timer: Timer | None = None


class Lane:
    """Frames go in as actions. All of them raise LaneFull."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._queue: deque[tuple[float, Action]] = deque()
        self._timer: Timer | None = None
        self._aside: list[_Overtaken] = []
        self._late: set[Timer] = set()
        self._going = False
        """A frame is on its way that has done its waiting."""

    def follow(self, action: Action) -> None:
        """Behind whatever waits in order; at once if nothing does, or if this frame has waited already."""
        if self._queue and not self._going:
            self._wait(0.0, action)
        else:
            self._run(action)

    def hold(self, secs: float, action: Action) -> None:
        """After `secs`, and everything behind it waits, too."""
        self._wait(self._scheduler.time() + secs, action)
        self._arm()

    def let_overtake(self, secs: float, action: Action) -> None:
        """After `secs`; what comes meanwhile goes first."""
        self._check(len(self._late))

        def due() -> None:
            self._late.discard(timer)
            self._go(action)

        timer = self._scheduler.call_later(secs, due)
        self._late.add(timer)

    def let_pass(self, frames: int, secs: float, action: Action) -> None:
        """When so many other frames have gone by, or after `secs` at the latest."""
        self._check(len(self._aside))
        waiting = _Overtaken(frames, action)
        waiting.timer = self._scheduler.call_later(secs, lambda: self._return(waiting))
        self._aside.append(waiting)

    def flush(self) -> None:
        """Everything that waits in order, now; what was to be overtaken is lost, as nothing comes any more."""
        queue = list(self._queue)
        self.drop()
        for _, action in queue:
            self._go(action)

    def drop(self) -> None:
        """Whatever waits is lost."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue.clear()
        for timer in [*self._late, *(waiting.timer for waiting in self._aside)]:
            if timer is not None:
                timer.cancel()
        self._late.clear()
        self._aside.clear()

    def _go(self, action: Action) -> None:
        going, self._going = self._going, True
        try:
            action()
        finally:
            self._going = going

    def _run(self, action: Action) -> None:
        passing = list(self._aside)
        self._go(action)
        for waiting in passing:
            waiting.frames -= 1
            if waiting.frames <= 0:
                self._return(waiting)

    def _return(self, waiting: _Overtaken) -> None:
        if waiting in self._aside:
            self._aside.remove(waiting)
            if waiting.timer is not None:
                waiting.timer.cancel()
            self._go(waiting.action)

    def _wait(self, due: float, action: Action) -> None:
        self._check(len(self._queue))
        self._queue.append((due, action))

    def _check(self, waiting: int) -> None:
        if waiting >= MAX_WAITING:
            raise LaneFull

    def _arm(self) -> None:
        if self._timer is None and self._queue:
            self._timer = self._scheduler.call_later(self._queue[0][0] - self._scheduler.time(), self._due)

    def _due(self) -> None:
        self._timer = None
        # Timers may ring a little early: the head is what the timer was for, whatever the clock says.
        first = True
        while self._queue and (first or self._queue[0][0] <= self._scheduler.time()):
            first = False
            self._run(self._queue.popleft()[1])
        self._arm()
