"""The wire under a synthetic participant: text frames over a WebSocket, closed the way a browser does it.

aiohttp answers every Close with 1000 by default; a browser answers with the code it got, and an empty Close with an
empty one (signaling.md 1.4). So closing is done here, frame by frame.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
from aiohttp import WSMsgType

from emulator.clients.errors import ConnectError
from emulator.clients.unanswered import why_no_answer

log = logging.getLogger("emulator.clients")

SUBPROTOCOL = "janus-protocol"
CODE_EMPTY = 1005
CODE_LOST = 1006
OPEN_TIMEOUT_SECS = 10.0
CLOSE_TIMEOUT_SECS = 2.0
MAX_MESSAGE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Text:
    """One text frame."""

    text: str


@dataclass(frozen=True, slots=True)
class Garbage:
    """A frame that has no place in this protocol."""

    description: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The end. `code` as a browser reports it: 1005 for an empty Close frame, 1006 for none."""

    code: int


class Transport(Protocol):
    """What the Janus client needs of its connection. `receive` is called by one task only."""

    async def send(self, text: str) -> None:
        """Raises ConnectionError when the connection is gone."""
        ...

    async def receive(self) -> Text | Garbage | Closed:
        """The next frame. After `Closed`, nothing more is asked for."""
        ...

    async def send_close(self, code: int | None) -> None:
        """Send a Close frame, an empty one for None; the answer comes through `receive`. Later calls do nothing."""
        ...

    async def release(self) -> None:
        """Give the connection up, whatever its state. Safe to call again."""
        ...

    async def abort(self) -> None:
        """Cut the connection without a Close frame: the other end sees a reset. Safe to call again."""
        ...


class WebSocketTransport:
    """A browser's WebSocket. Made by `open_websocket`."""

    def __init__(self, http: aiohttp.ClientSession, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._http = http
        self._ws = ws
        self._close_sent = False

    async def send(self, text: str) -> None:
        if self._close_sent:
            raise ConnectionResetError("a Close frame has been sent already")
        await self._ws.send_str(text)

    async def receive(self) -> Text | Garbage | Closed:
        message = await self._ws.receive()
        match message.type:
            case WSMsgType.TEXT:
                return Text(message.data)
            case WSMsgType.BINARY:
                return Garbage(f"a binary frame of {len(message.data)} bytes")
            case WSMsgType.CLOSE:
                code = message.data or None
                try:
                    await self.send_close(code)
                except ConnectionError as error:
                    log.debug("the other end did not wait for its Close to be echoed: %s", error)
                return Closed(code or CODE_EMPTY)
            case _:
                if message.type is WSMsgType.ERROR:
                    log.warning("WebSocket error: %s", message.data)
                return Closed(CODE_LOST)

    async def send_close(self, code: int | None) -> None:
        if self._close_sent:
            return
        self._close_sent = True
        payload = b"" if code is None else struct.pack("!H", code)
        await self._ws.send_frame(payload, WSMsgType.CLOSE)

    async def release(self) -> None:
        # aiohttp's own close() would send a second Close frame; this only lets go of the connection.
        self._ws._response.close()
        await self._http.close()

    async def abort(self) -> None:
        sock = self._ws.get_extra_info("socket")
        if sock is not None and not self._http.closed:
            # Lingering for no time at all makes close() send a reset instead of an orderly end.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await self._http.close()


async def open_websocket(url: str, *, timeout: float = OPEN_TIMEOUT_SECS) -> WebSocketTransport:
    """Raises ConnectError when there is no answer, a refusal, or no `janus-protocol` (S-2)."""
    http = aiohttp.ClientSession()
    try:
        async with asyncio.timeout(timeout):
            ws = await http.ws_connect(
                url,
                protocols=(SUBPROTOCOL,),
                autoclose=False,
                max_msg_size=MAX_MESSAGE_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_SECS),
            )
        if ws.protocol != SUBPROTOCOL:
            raise ConnectError(url, f"expected the subprotocol {SUBPROTOCOL!r} to be selected, got {ws.protocol!r}")
    except aiohttp.WSServerHandshakeError as error:
        await http.close()
        raise ConnectError(url, f"the handshake was refused with {error.status}", error.status) from error
    except (aiohttp.ClientError, ValueError) as error:
        await http.close()
        raise ConnectError(url, why_no_answer(error, f"ws://{urlsplit(url).netloc}")) from error
    except TimeoutError as error:
        await http.close()
        raise ConnectError(url, f"no WebSocket within {timeout:g} s") from error
    except BaseException:
        await http.close()
        raise
    return WebSocketTransport(http, ws)
