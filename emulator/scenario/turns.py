"""Who may act when: one participant's steps never overlap, and an entry that began earlier is served first."""

from __future__ import annotations

import asyncio
from bisect import insort

Key = tuple[int, int, int]
"""(number of the cue as it began, place of the group in it, count): smaller ones go first."""


class Turn:
    """A place in the queue of one participant, kept from `take` to `end`."""

    def __init__(self, queue: Turns, key: Key) -> None:
        self._queue = queue
        self.key = key
        self.may_begin: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __lt__(self, other: Turn) -> bool:
        return self.key < other.key

    async def begin(self) -> None:
        """Wait until nobody who goes first is still to act, and nobody is acting."""
        self._queue.ready(self)
        await self.may_begin

    def end(self) -> None:
        """Also for one that never began. Safe to call again."""
        self._queue.leave(self)


class Turns:
    """The queue of one participant.

    A place that is taken holds back all behind it, whether it is ready to act or not; so a list under `do` keeps its
    places to the end. Nothing that is ready waits for what is behind it: there is no deadlock.
    """

    def __init__(self) -> None:
        self._waiting: list[Turn] = []
        self._ready: set[Turn] = set()
        self._acting: Turn | None = None
        self._count = 0

    def take(self, cue: int, group: int) -> Turn:
        self._count += 1
        turn = Turn(self, (cue, group, self._count))
        insort(self._waiting, turn)
        return turn

    def ready(self, turn: Turn) -> None:
        self._ready.add(turn)
        self._serve()

    def leave(self, turn: Turn) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
        self._ready.discard(turn)
        if self._acting is turn:
            self._acting = None
        self._serve()

    def _serve(self) -> None:
        if self._acting is None and self._waiting and self._waiting[0] in self._ready:
            self._acting = self._waiting.pop(0)
            self._ready.discard(self._acting)
            if not self._acting.may_begin.done():
                self._acting.may_begin.set_result(None)
