"""`leave_when_alone` and `stay`: when somebody goes without being told to."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from emulator.clients.behaviours.base import Behaviour
from emulator.clients.behaviours.registry import behaviour
from emulator.clients.options import Between

if TYPE_CHECKING:
    from emulator.clients.events import ClientEvent
    from emulator.clients.room_client import RoomClient


@behaviour("leave_when_alone", {"after": Between(0, 3600)})
class LeaveWhenAlone(Behaviour):
    """Leaves when all the others have gone, and nobody comes for a while. Who has never had company, waits."""

    def __init__(self, rng: Random, *, after: tuple[float, float] = (1.0, 1.0)) -> None:
        super().__init__(rng)
        self._after = after

    async def notice(self, me: RoomClient, event: ClientEvent) -> None:
        from emulator.clients.events import ParticipantJoined, ParticipantLeft

        if not isinstance(event, ParticipantLeft) or len(me.participants) > 1:
            return
        mark = me.mark
        await asyncio.sleep(self.rng.uniform(*self._after))
        came = any(isinstance(noticed.event, ParticipantJoined) for noticed in me.history.since(mark))
        if not came:
            await me.leave()


@behaviour("stay", {"seconds": Between(0, 24 * 3600)}, required=("seconds",))
class Stay(Behaviour):
    """Leaves after a time that is drawn when the person comes."""

    def __init__(self, rng: Random, *, seconds: tuple[float, float]) -> None:
        super().__init__(rng)
        self._seconds = seconds

    async def begin(self, me: RoomClient) -> None:
        await asyncio.sleep(self.rng.uniform(*self._seconds))
        await me.leave()
