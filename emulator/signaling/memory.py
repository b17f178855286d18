"""The other door: a client in this process, without a socket and without media.

Frames pass as the same JSON text as over the WebSocket; what the client has not asked for yet stays in the session's
outbox, whose bound counts here, too. Nothing in here waits for real time, so that scenarios without media can run on a
travelling clock (design.md, "Scenarios").
"""

from __future__ import annotations

import asyncio

from emulator.signaling.lobby import Lobby
from emulator.signaling.surroundings import Close
from emulator.wire import janus

CODE_EMPTY = 1005
CODE_LOST = 1006
"""What a browser reports for an empty Close frame, and for none."""


class MemoryConnection:
    """One client's connection to a room; the counterpart of the gateway's WebSocket."""

    def __init__(self, lobby: Lobby, room_id: str) -> None:
        self._lobby = lobby
        self._something = asyncio.Event()
        self._closed: Close | None = None
        """The end as the client will see it; None while the connection is open."""
        self._session = lobby.open(room_id, self._something.set, media=False)

    @property
    def open(self) -> bool:
        return self._closed is None

    def send(self, text: str) -> None:
        """One frame of the client; whatever it causes has happened on return. Raises ConnectionResetError."""
        if self._closed is not None:
            raise ConnectionResetError("the connection has ended")
        self._session.receive(text)

    async def receive(self) -> str | Close:
        """The next frame for the client, or the end: its code is 1005 for an empty Close, 1006 for none."""
        outbox = self._session.outbox
        while True:
            if self._session.overflowed:  # it has left too much unread: the gateway would cut the connection
                self.cut()
            if self._closed is not None and self._closed.code == CODE_LOST:
                return self._closed
            if outbox:
                item = outbox.popleft()
                if not isinstance(item, Close):
                    text = janus.serialise(item)
                    self._session.tap.said(text)
                    return text
                self._session.tap.closed("out", item.code or CODE_EMPTY)
                self._end(item.code, lost=item.code == CODE_LOST)
            if self._closed is not None:
                return self._closed
            self._something.clear()
            await self._something.wait()

    def close(self, code: int | None) -> None:
        """The client's Close frame; its echo comes behind what is in the outbox. Without effect after the end."""
        code = CODE_EMPTY if code is None else code
        if self._closed is None:
            self._session.tap.closed("in", code)
        self._end(code, lost=False)

    def cut(self) -> None:
        """The connection breaks: no Close frame, and nothing more comes. Without effect after the end."""
        if self._closed is None:
            self._session.tap.closed("in", CODE_LOST)
        self._end(CODE_LOST, lost=True)

    def _end(self, code: int, *, lost: bool) -> None:
        if self._closed is None:
            self._closed = Close(code)
            self._lobby.closed(self._session, lost=lost)
            self._something.set()
