"""`greet`: welcomes newcomers by what their context says, by default its `username`."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from emulator.clients.behaviours.base import Behaviour
from emulator.clients.behaviours.registry import behaviour
from emulator.clients.behaviours.wording import TEXT, filled
from emulator.clients.options import Flag

if TYPE_CHECKING:
    from emulator.clients.events import ClientEvent
    from emulator.clients.room_client import RoomClient


@behaviour("greet", {"text": TEXT, "aloud": Flag()})
class Greet(Behaviour):
    """`aloud`: to everyone, else to the newcomer alone. Who takes no messages is not greeted, unless aloud."""

    def __init__(self, rng: Random, *, text: str = "Welcome, {username}!", aloud: bool = False) -> None:
        super().__init__(rng)
        self._text, self._aloud = text, aloud

    async def notice(self, me: RoomClient, event: ClientEvent) -> None:
        from emulator.clients.events import ParticipantJoined

        if not isinstance(event, ParticipantJoined):
            return
        newcomer = me.participants.get(event.participant_id)
        if newcomer is None or not (self._aloud or newcomer.can_receive_messages):
            return
        await me.send_message(filled(self._text, me, newcomer.id), () if self._aloud else newcomer.id)
