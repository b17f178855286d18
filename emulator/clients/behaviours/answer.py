"""`answer`: answers what others say, to them alone."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from emulator.clients.behaviours.base import Behaviour
from emulator.clients.behaviours.registry import behaviour
from emulator.clients.behaviours.wording import TEXT, filled
from emulator.clients.options import Whole

if TYPE_CHECKING:
    from emulator.clients.events import ClientEvent
    from emulator.clients.room_client import RoomClient


@behaviour("answer", {"text": TEXT, "times": Whole(1, 1000)})
class Answer(Behaviour):
    """At most so many `times` to one person: two who both answer would otherwise never stop."""

    def __init__(self, rng: Random, *, text: str = "You said: {text}", times: int = 3) -> None:
        super().__init__(rng)
        self._text, self._times = text, times
        self._answered: Counter[str] = Counter()

    async def notice(self, me: RoomClient, event: ClientEvent) -> None:
        from emulator.clients.events import MessageReceived

        if not isinstance(event, MessageReceived) or event.participant_id == me.participant_id:
            return
        sender = event.participant_id
        if self._answered[sender] < self._times:
            self._answered[sender] += 1
            said = event.payload if isinstance(event.payload, str) else ""
            await me.send_message(filled(self._text, me, sender, text=said), sender)
