"""A session that ends under the hands of a habit: what the habit then fails at is no fault."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from emulator.clients.errors import ClientError

if TYPE_CHECKING:  # scenarios are read without the media stack
    from emulator.clients.room_client import RoomClient

ENDING_SECS = 2.0
"""How long after a failure the end may come: a text channel, say, is closed before the rest."""


@asynccontextmanager
async def until_it_ends(me: RoomClient) -> AsyncIterator[None]:
    """Errors inside are raised unless the session has ended, or ends in a moment."""
    from emulator.clients.events import NothingMoreComes

    try:
        yield
    except (ClientError, NothingMoreComes) as error:
        try:
            await me.wait_disconnected(ENDING_SECS)
        except AssertionError:
            raise error from None
