"""The WebSocket shell around signaling sessions: text frames in, the outbox out, close codes echoed.

aiohttp answers every Close with 1000 by default; the SDK derives its `disconnected` reason from the code it gets back
(signaling.md 1.4, S-11), so closing is done here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from emulator.signaling.lobby import Lobby
from emulator.signaling.session import CLOSE_LOST, SignalingSession
from emulator.signaling.surroundings import Close
from emulator.signaling.turns import SHORTEST_SECS, Turns
from emulator.wire import janus

log = logging.getLogger("emulator.signaling")

SUBPROTOCOL = "janus-protocol"
CLOSE_HANDSHAKE_SECS = 2.0
STOP_HANDSHAKE_SECS = 0.5
"""When the emulator stops: it has promised to be gone within two seconds."""
CLOSE_GOING_AWAY = 1001
CLOSE_EMPTY = 1005
"""Stands for a Close frame without a code (RFC 6455, 7.4.1)."""


class Gateway:
    """Serves `/{room_id}/janus`."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._turns = Turns(time.monotonic)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/{room_id}/janus", self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One client's connection from handshake to the end."""
        offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        ws = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            autoclose=False,
            timeout=CLOSE_HANDSHAKE_SECS,
            autoping=False,
            # What is a little too long is refused like any frame; aiohttp breaks off what goes on and on.
            max_msg_size=self._lobby.max_frame_bytes * 4,
        )
        if not ws.can_prepare(request).ok:
            raise web.HTTPUpgradeRequired(
                text=f"This is the signaling endpoint: open a WebSocket with the subprotocol {SUBPROTOCOL!r}.\n",
                headers={"Upgrade": "websocket"},
            )
        if SUBPROTOCOL not in offered:
            raise web.HTTPBadRequest(
                text=f"Offer the WebSocket subprotocol {SUBPROTOCOL!r} (S-2), not {', '.join(offered) or 'none'}.\n"
            )
        await ws.prepare(request)
        await _Connection(self._lobby, request, ws, self._turns).run()
        return ws

    def close_all(self) -> None:
        """The emulator stops: everybody is told with 1001."""
        for session in sorted(self._lobby.sessions, key=lambda session: session.id):
            session.close(CLOSE_GOING_AWAY)
            session.end("lost")


class _Connection:
    def __init__(self, lobby: Lobby, request: web.Request, ws: web.WebSocketResponse, turns: Turns) -> None:
        self._lobby = lobby
        self._turns = turns
        self._request = request
        self._ws = ws
        self._something = asyncio.Event()
        self._flushing = False
        """The pump is sending, or has sent its last."""
        self._closed = False
        """A Close of ours is out; of the client only its Close is still of interest."""
        self._last_call: asyncio.TimerHandle | None = None
        self._session: SignalingSession = lobby.open(request.match_info["room_id"], self._wake)

    def _wake(self) -> None:
        self._something.set()
        if self._session.overflowed and self._request.transport is not None:
            # A client that reads nothing would keep its writer waiting for ever.
            self._request.transport.abort()
        elif self._session.over and self._last_call is None:
            self._give(CLOSE_HANDSHAKE_SECS)

    def _give(self, seconds: float) -> None:
        """So long from now on, to read what it was sent and to answer a Close."""
        if self._last_call is not None:
            self._last_call.cancel()
        self._last_call = asyncio.get_running_loop().call_later(seconds, self._cut)

    def _cut(self) -> None:
        """A Close frame never gets to who does not read; nor would its sender ever be done."""
        if (self._flushing or self._closed) and self._request.transport is not None:
            self._request.transport.abort()

    async def run(self) -> None:
        pump = asyncio.create_task(self._pump())
        lost = True
        try:
            lost = await self._read()
        finally:
            self._lobby.closed(self._session, lost=lost)
            if self._session.hopeless:
                await asyncio.wait({pump}, timeout=CLOSE_HANDSHAKE_SECS)
            if self._last_call is not None:
                self._last_call.cancel()
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pump

    async def _read(self) -> bool:
        """Feed frames to the session until the end; True if the connection was lost without a Close frame."""
        clock = asyncio.get_running_loop().time
        turn_ends = clock() + SHORTEST_SECS
        while True:
            message: WSMessage = await self._ws.receive()
            if self._closed and message.type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG):
                continue
            match message.type:
                case WSMsgType.TEXT:
                    self._session.receive(message.data)
                case WSMsgType.BINARY:
                    self._session.receive_binary(len(message.data))
                case WSMsgType.PING:
                    if self._session.receive_control(len(message.data)):
                        await self._pong(message.data)
                case WSMsgType.PONG:
                    self._session.receive_control(len(message.data))
                case WSMsgType.CLOSE:
                    self._session.tap.closed("in", message.data or CLOSE_EMPTY)
                    if self._closed:
                        self._hang_up()
                        return True
                    await self._echo(message.data)
                    return False
                case WSMsgType.CLOSING | WSMsgType.CLOSED:
                    # CLOSED also stands for a connection that broke: then no close code was ever seen.
                    broke = self._ws.close_code in (None, CLOSE_LOST)
                    if broke and not self._closed:
                        self._session.tap.closed("in", CLOSE_LOST)
                    return broke
                case WSMsgType.ERROR:
                    if getattr(message.data, "code", None) == WSCloseCode.MESSAGE_TOO_BIG:
                        self._session.too_big(f"Its frame goes on and on: {message.data}.")
                    else:
                        log.warning("room %s: WebSocket error: %s", self._session.room_id, message.data)
                    return True
            if self._session.hopeless:
                return True
            # Frames that came together are there at once: without this the others would wait for the last of them.
            if clock() >= turn_ends:
                turn = await self._turns.next()
                turn_ends = clock() + turn

    async def _pong(self, data: bytes) -> None:
        try:
            await self._ws.pong(data)
        except ConnectionError as error:
            log.debug("the client was gone before its ping was answered: %s", error)

    async def _echo(self, code: int) -> None:
        """Answer the client's Close with its own code, an empty one with an empty one (S-11)."""
        await self._flush()
        if not self._closed:
            try:
                await self._send_close(code)
            except ConnectionError as error:
                log.debug("the client was gone before its Close was echoed: %s", error)
        self._hang_up()

    async def _close(self, code: int) -> None:
        """A Close of ours; `_read` goes on until the client's. 1006: without a Close frame.

        Not aiohttp's `close`: it hangs up at once while `receive` waits in another task. A browser that finds the
        connection gone before it has answered says 1006, and the SDK `network_error` instead of the reason (S-13).
        """
        self._session.tap.closed("out", code or CLOSE_EMPTY)
        if code == CLOSE_LOST:
            if self._request.transport is not None:
                self._request.transport.abort()
            return
        self._closed = True
        await self._send_close(code)
        if self._session.hopeless:  # its Close comes behind all that it has sent
            self._hang_up()
        else:
            self._give(STOP_HANDSHAKE_SECS if code == CLOSE_GOING_AWAY else CLOSE_HANDSHAKE_SECS)

    async def _send_close(self, code: int) -> None:
        """0: an empty one, which aiohttp's own `close` cannot send."""
        writer = self._ws._writer
        if writer is not None:
            await writer.send_frame(code.to_bytes(2, "big") if code else b"", WSMsgType.CLOSE)

    def _hang_up(self) -> None:
        if self._request.transport is not None:
            self._request.transport.close()

    async def _flush(self) -> bool:
        """Send what is in the outbox; True when a Close was among it (and has been sent)."""
        outbox = self._session.outbox
        while outbox:
            item = outbox.popleft()
            try:
                if isinstance(item, Close):
                    await self._close(item.code)
                    return True
                text = janus.serialise(item)
                self._session.tap.said(text)
                await self._ws.send_str(text)
            except ConnectionError as error:
                log.debug("room %s: the client is gone: %s", self._session.room_id, error)
                return True
        return False

    async def _pump(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            self._flushing = True
            if await self._flush():
                return
            self._flushing = False
