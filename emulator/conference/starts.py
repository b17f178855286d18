"""When the media of new subscriptions begins: at once, or with those that the same viewer is still connecting."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from emulator.media.transport.parameters import Scheduler, TimerHandle

QUIET_SECS = 0.25
"""How long media waits when none of the viewer's subscriptions gets any further ..."""
LONGEST_SECS = 1.5
"""... and at most, when they do."""
RECENT_SECS = 3.0
"""What has been on its way for longer is waited for no more: it will hardly arrive."""


@dataclass(slots=True)
class _Viewer:
    connecting: dict[int, float] = field(default_factory=dict)
    """Handle -> since when, of the subscriptions whose connection is on its way."""
    waiting: dict[int, Callable[[], object]] = field(default_factory=dict)
    """Handle -> what begins its media, of those whose connection is up."""
    waiting_since: float = 0.0
    news_at: float = 0.0
    """When one of them last came a step further."""
    timer: TimerHandle | None = None
    """While any of them waits."""


class Starts:
    """A page that subscribes to fifty streams at once has fifty handshakes to do, and the pictures of those that are
    done first take the CPU from the others. With 49 of them in Chromium on two cores that was a fifth of the time until
    all were connected; the last picture comes sooner, too, and the first one when it did before.

    So media begins when no other subscription of the viewer is on its way; when they are stuck after `QUIET_SECS`, and
    after `LONGEST_SECS` anyway. One subscription by itself never waits.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._viewers: dict[Hashable, _Viewer] = {}

    @property
    def viewers(self) -> int:
        """Of how many anything is on its way, or waits."""
        return len(self._viewers)

    def connecting(self, viewer: Hashable, handle_id: int) -> None:
        """The client has answered: the connection of this subscription is on its way."""
        found = self._viewers.setdefault(viewer, _Viewer())
        found.news_at = found.connecting[handle_id] = self._scheduler.time()

    def connected(self, viewer: Hashable, handle_id: int, begin: Callable[[], object]) -> None:
        """The connection is up: `begin` is called once, now or soon, unless it is `gone` before."""
        found = self._viewers.setdefault(viewer, _Viewer())
        found.news_at = self._scheduler.time()
        if not found.waiting:
            found.waiting_since = found.news_at
        found.waiting[handle_id] = begin
        self._arrived(viewer, found, handle_id)

    def gone(self, viewer: Hashable, handle_id: int) -> None:
        """The subscription has ended, or will not be connected. Without effect if it is not known (any more)."""
        found = self._viewers.get(viewer)
        if found is not None:
            found.waiting.pop(handle_id, None)
            self._arrived(viewer, found, handle_id)

    def drop(self, viewer: Hashable) -> None:
        """The viewer has left: nothing of theirs begins any more."""
        found = self._viewers.pop(viewer, None)
        if found is not None and found.timer is not None:
            found.timer.cancel()

    def _arrived(self, viewer: Hashable, found: _Viewer, handle_id: int) -> None:
        """This one is not on its way any more; if it was the last, all that wait for it begin."""
        found.connecting.pop(handle_id, None)
        oldest = self._scheduler.time() - RECENT_SECS
        if not any(since > oldest for since in found.connecting.values()):
            self._begin(found)
        elif found.waiting and found.timer is None:
            self._wait(found, QUIET_SECS)
        if not found.connecting and not found.waiting and self._viewers.get(viewer) is found:
            del self._viewers[viewer]

    def _wait(self, found: _Viewer, seconds: float) -> None:
        found.timer = self._scheduler.call_later(seconds, lambda: self._due(found))

    def _due(self, found: _Viewer) -> None:
        found.timer = None
        rest = min(found.news_at + QUIET_SECS, found.waiting_since + LONGEST_SECS) - self._scheduler.time()
        if rest > 0:
            self._wait(found, rest)
        else:
            self._begin(found)

    @staticmethod
    def _begin(found: _Viewer) -> None:
        if found.timer is not None:
            found.timer.cancel()
            found.timer = None
        while found.waiting:  # whoever begins may end another one
            found.waiting.pop(next(iter(found.waiting)))()
