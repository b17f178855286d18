"""What a behaviour is: what somebody does unasked, so that a crowd needs no timeline."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # scenarios are read without the media stack
    from emulator.clients.events import ClientEvent
    from emulator.clients.room_client import RoomClient


class Behaviour:
    """One habit of one person. `rng` is this habit's own source of chance.

    Both methods are called one after the other, never at once; what comes meanwhile waits. Whatever they raise ends the
    habit and is told as a fault of the person's. They are cancelled when the person is gone.
    """

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    async def begin(self, me: RoomClient) -> None:
        """Called once, as soon as the person has joined; may go on for as long as it likes."""

    async def notice(self, me: RoomClient, event: ClientEvent) -> None:
        """Called with all that is noticed from then on (`clients.events`)."""
