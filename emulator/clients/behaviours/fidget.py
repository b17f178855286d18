"""`fidget`: switches camera and microphone off and on again, now and then, on whatever is published."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from emulator.clients.behaviours.base import Behaviour
from emulator.clients.behaviours.registry import behaviour
from emulator.clients.options import Between

if TYPE_CHECKING:
    from emulator.clients.room_client import RoomClient


@behaviour("fidget", {"every": Between(0.1, 3600)})
class Fidget(Behaviour):
    def __init__(self, rng: Random, *, every: tuple[float, float] = (3.0, 10.0)) -> None:
        super().__init__(rng)
        self._every = every

    async def begin(self, me: RoomClient) -> None:
        while me.status == "connected":
            await asyncio.sleep(self.rng.uniform(*self._every))
            buttons = [
                (key, kind, enabled)
                for key, stream in sorted(me.published.items())
                for kind, source, enabled in (
                    ("audio", stream.audio, stream.audio_enabled),
                    ("video", stream.video, stream.video_enabled),
                )
                if source is not None
            ]
            if buttons:
                key, kind, enabled = self.rng.choice(buttons)
                await me.update_stream(key, **{kind: not enabled})
