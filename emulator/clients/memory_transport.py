"""The wire under a synthetic participant without media: straight to the signaling of this process, no socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from emulator.clients.errors import ConnectError
from emulator.clients.websocket import Closed, Garbage, Text, Transport
from emulator.signaling.lobby import Lobby
from emulator.signaling.memory import MemoryConnection


class MemoryTransport:
    """Keeps the promises of `Transport`."""

    def __init__(self, connection: MemoryConnection) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        self._connection.send(text)

    async def receive(self) -> Text | Garbage | Closed:
        received = await self._connection.receive()
        return Text(received) if isinstance(received, str) else Closed(received.code)

    async def send_close(self, code: int | None) -> None:
        self._connection.close(code)

    async def release(self) -> None:
        self._connection.cut()

    async def abort(self) -> None:
        self._connection.cut()


def memory_opener(lobby: Lobby) -> Callable[[str], Awaitable[Transport]]:
    """`open_transport` for a client with `media=False`. Of the URL, only the room's id counts."""

    async def open_memory(url: str) -> Transport:
        """Raises ConnectError for a path other than `/{room_id}/janus`."""
        match urlsplit(url).path.split("/"):
            case ["", room_id, "janus"] if room_id:
                return MemoryTransport(MemoryConnection(lobby, room_id))
        raise ConnectError(url, "expected a path like /{room_id}/janus")

    return open_memory
