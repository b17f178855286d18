"""The natural order of emission: a session's recordings are completed before it is told to have ended (section 5).

In the log it is the other way round, since a file is finished only when its session is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from emulator.events import Event
from emulator.rooms import happenings as h
from emulator.values import value_class

T = TypeVar("T")


@value_class(frozen=True, slots=True)
class _HeldBack(Generic[T]):
    event: h.SessionEnded
    item: T


class NaturalOrder(Generic[T]):
    """`being_recorded(session_id)` must already know of the event that is passed in."""

    def __init__(self, being_recorded: Callable[[str], bool]) -> None:
        self._being_recorded = being_recorded
        self._held: dict[str, _HeldBack[T]] = {}
        """By session id, in the order in which they ended."""

    def __len__(self) -> int:
        return len(self._held)

    def holds(self, session_id: str) -> bool:
        return session_id in self._held

    def put(self, event: Event, item: T | None) -> list[T]:
        """What may go out now, in order. `item`: what tells of this event, None if nothing does."""
        if isinstance(event, h.SessionEnded) and item is not None and self._being_recorded(event.session_id):
            self._held[event.session_id] = _HeldBack(event, item)
            return []
        going = [] if item is None else [item]
        match event:
            case h.RecordingCompleted() | h.RecordingDeleted():
                done = [held for held in self._held if not self._being_recorded(held)]
                return going + [self._held.pop(session_id).item for session_id in done]
            case h.SessionStarted(room_id=room_id):  # the next meeting does not begin before the last has ended
                over = [session_id for session_id, held in self._held.items() if held.event.room_id == room_id]
                return [self._held.pop(session_id).item for session_id in over] + going
            case _:
                return going

    def release(self, session_id: str) -> T | None:
        """Wait for its recordings no longer."""
        held = self._held.pop(session_id, None)
        return None if held is None else held.item

    def clear(self) -> None:
        self._held.clear()
