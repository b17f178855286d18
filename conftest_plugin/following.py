"""`subscribe="all"`: one participant watches everything that the others publish, now and later."""

from __future__ import annotations

import asyncio

from emulator.clients.events import Noticed, StreamPublished
from emulator.clients.room_client import RoomClient

Place = tuple[str, str]
"""(participant id, stream key)."""


class Following:
    """`errors` are those of subscriptions that no call waited for."""

    def __init__(self, client: RoomClient) -> None:
        self.errors: list[Exception] = []
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()
        self._end = client.history.listen(self._noticed)

    async def catch_up(self) -> None:
        """Subscribe to what is published already. Raises ClientError, AssertionError."""
        places = [place for place in self._client.streams if self._wanted(place)]
        for error in await asyncio.gather(*map(self._subscribe, places), return_exceptions=True):
            if isinstance(error, BaseException):
                raise error

    async def stop(self) -> None:
        """No more subscriptions; those under way are given up. Safe to call again."""
        self._end()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _noticed(self, noticed: Noticed) -> None:
        event = noticed.event
        if not isinstance(event, StreamPublished) or not self._wanted((event.participant_id, event.key)):
            return
        task = asyncio.get_running_loop().create_task(self._subscribe((event.participant_id, event.key)))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _wanted(self, place: Place) -> bool:
        return place[0] != self._client.participant_id and place not in self._client.subscriptions

    async def _subscribe(self, place: Place) -> None:
        try:
            await self._client.subscribe(*place)
        except Exception:
            # A stream may go, or we may, while the server is being asked for it: then there is nothing to watch.
            if self._client.status == "connected" and place in self._client.streams and self._wanted(place):
                raise

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self.errors.append(error)
