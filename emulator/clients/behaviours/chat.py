"""`chat`: says something to everyone now and then."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from emulator.clients.behaviours.base import Behaviour
from emulator.clients.behaviours.registry import behaviour
from emulator.clients.options import Between, Text

if TYPE_CHECKING:
    from emulator.clients.room_client import RoomClient


@behaviour("chat", {"every": Between(0.1, 3600), "text": Text("a text")})
class Chat(Behaviour):
    def __init__(self, rng: Random, *, every: tuple[float, float] = (5.0, 15.0), text: str = "Hello, everyone") -> None:
        super().__init__(rng)
        self._every, self._text = every, text

    async def begin(self, me: RoomClient) -> None:
        while me.status == "connected":
            await asyncio.sleep(self.rng.uniform(*self._every))
            await me.send_message(self._text)
