"""`watch`: subscribes to everyone who publishes, now and later."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from emulator.clients.behaviours.base import Behaviour
from emulator.clients.behaviours.registry import behaviour
from emulator.clients.options import Flag

if TYPE_CHECKING:
    from emulator.clients.events import ClientEvent
    from emulator.clients.room_client import RoomClient


@behaviour("watch", {"audio": Flag(), "video": Flag()})
class Watch(Behaviour):
    """Without the sound of single streams, as most applications do it: everyone is in the mix."""

    def __init__(self, rng: Random, *, audio: bool = False, video: bool = True) -> None:
        super().__init__(rng)
        self._audio, self._video = audio, video

    async def begin(self, me: RoomClient) -> None:
        for participant_id, key in me.streams:
            await self._watch(me, participant_id, key)

    async def notice(self, me: RoomClient, event: ClientEvent) -> None:
        from emulator.clients.events import StreamPublished

        if isinstance(event, StreamPublished):
            await self._watch(me, event.participant_id, event.key)

    async def _watch(self, me: RoomClient, participant_id: str, key: str) -> None:
        from emulator.clients.errors import ClientError

        place = participant_id, key
        if participant_id == me.participant_id or place in me.subscriptions or place not in me.streams:
            return
        try:
            await me.subscribe(participant_id, key, audio=self._audio, video=self._video)
        except ClientError:
            if place in me.streams:  # else it has gone meanwhile, as streams do
                raise
