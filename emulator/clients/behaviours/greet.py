"""`greet`: welcomes newcomers by what their context says, by default its `username`."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from emulator.clients.behaviours.base import Behaviour
from emulator.clients.behaviours.ending import until_it_ends
from emulator.clients.behaviours.registry import behaviour
from emulator.clients.behaviours.wording import TEXT, filled
from emulator.clients.options import Between, Flag

if TYPE_CHECKING:
    from emulator.clients.events import ClientEvent
    from emulator.clients.room_client import RoomClient


@behaviour("greet", {"text": TEXT, "aloud": Flag(), "after": Between(0, 3600)})
class Greet(Behaviour):
    """`aloud`: to everyone, else to the newcomer alone. Who takes no messages is not greeted, unless aloud.

    A while `after` the join: what comes before a browser's SDK is connected, it does not tell its application.
    """

    def __init__(
        self,
        rng: Random,
        *,
        text: str = "Welcome, {username}!",
        aloud: bool = False,
        after: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        super().__init__(rng)
        self._text, self._aloud, self._after = text, aloud, after

    async def notice(self, me: RoomClient, event: ClientEvent) -> None:
        from emulator.clients.events import ParticipantJoined

        if isinstance(event, ParticipantJoined):
            me.go_on(self._welcome(me, event.participant_id), "welcome")  # several may come at once

    async def _welcome(self, me: RoomClient, participant_id: str) -> None:
        await asyncio.sleep(self.rng.uniform(*self._after))
        newcomer = me.participants.get(participant_id)
        if newcomer is not None and (self._aloud or newcomer.can_receive_messages):
            async with until_it_ends(me):
                await me.send_message(filled(self._text, me, newcomer.id), () if self._aloud else newcomer.id)
