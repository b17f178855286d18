"""The WebSocket shell around signaling sessions: text frames in, the outbox out, close codes echoed.

aiohttp answers every Close with 1000 by default; the SDK derives its `disconnected` reason from the code it gets back
(signaling.md 1.4, S-11), so closing is done here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from emulator.signaling.lobby import Lobby
from emulator.signaling.session import CLOSE_LOST, SignalingSession
from emulator.signaling.surroundings import Close
from emulator.wire import janus

log = logging.getLogger("emulator.signaling")

SUBPROTOCOL = "janus-protocol"
CLOSE_HANDSHAKE_SECS = 2.0
TURN_SECS = 0.001
"""How long one connection's frames are dealt with before it is the others' turn."""
CLOSE_GOING_AWAY = 1001


class Gateway:
    """Serves `/{room_id}/janus`."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby

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
        await _Connection(self._lobby, request, ws).run()
        return ws

    def close_all(self) -> None:
        """The emulator stops: everybody is told with 1001."""
        for session in sorted(self._lobby.sessions, key=lambda session: session.id):
            session.close(CLOSE_GOING_AWAY)
            session.end("lost")


class _Connection:
    def __init__(self, lobby: Lobby, request: web.Request, ws: web.WebSocketResponse) -> None:
        self._lobby = lobby
        self._request = request
        self._ws = ws
        self._something = asyncio.Event()
        self._flushing = False
        self._last_call: asyncio.TimerHandle | None = None
        self._session: SignalingSession = lobby.open(request.match_info["room_id"], self._wake)

    def _wake(self) -> None:
        self._something.set()
        if self._session.overflowed and self._request.transport is not None:
            # A client that reads nothing would keep its writer waiting for ever.
            self._request.transport.abort()
        elif self._session.over and self._last_call is None:
            self._last_call = asyncio.get_running_loop().call_later(CLOSE_HANDSHAKE_SECS, self._cut)

    def _cut(self) -> None:
        """A Close frame never gets to who does not read; nor would its sender ever be done."""
        if self._flushing and self._request.transport is not None:
            self._request.transport.abort()

    async def run(self) -> None:
        pump = asyncio.create_task(self._pump())
        lost = True
        try:
            lost = await self._read()
            if self._session.hopeless:
                await asyncio.wait({pump}, timeout=CLOSE_HANDSHAKE_SECS)
        finally:
            self._lobby.closed(self._session, lost=lost)
            if self._last_call is not None:
                self._last_call.cancel()
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pump

    async def _read(self) -> bool:
        """Feed frames to the session until the end; True if the connection was lost without a Close frame."""
        clock = asyncio.get_running_loop().time
        turn_ends = clock() + TURN_SECS
        while True:
            message: WSMessage = await self._ws.receive()
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
                    await self._echo(message.data)
                    return False
                case WSMsgType.CLOSING | WSMsgType.CLOSED:
                    # CLOSED also stands for a connection that broke: then no close code was ever seen.
                    return self._ws.close_code in (None, 1006)
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
                await asyncio.sleep(0)
                turn_ends = clock() + TURN_SECS

    async def _pong(self, data: bytes) -> None:
        try:
            await self._ws.pong(data)
        except ConnectionError as error:
            log.debug("the client was gone before its ping was answered: %s", error)

    async def _echo(self, code: int) -> None:
        """Answer the client's Close with its own code, an empty one with an empty one (S-11)."""
        await self._flush()
        try:
            if code:
                await self._ws.close(code=code, drain=True)
            else:
                await self._send_close(b"")  # aiohttp's close() cannot send an empty Close frame
        except ConnectionError as error:
            log.debug("the client was gone before its Close was echoed: %s", error)
        if self._request.transport is not None:
            self._request.transport.close()

    async def _send_close(self, payload: bytes) -> None:
        """And nothing after it."""
        writer = self._ws._writer
        if writer is not None:
            await writer.send_frame(payload, WSMsgType.CLOSE)
        if self._request.transport is not None:
            self._request.transport.close()

    async def _flush(self) -> bool:
        """Send what is in the outbox; True when a Close was among it (and has been sent)."""
        outbox = self._session.outbox
        while outbox:
            item = outbox.popleft()
            try:
                if isinstance(item, Close) and item.code == CLOSE_LOST:
                    if self._request.transport is not None:
                        self._request.transport.abort()
                    return True
                if isinstance(item, Close) and self._session.hopeless:
                    # aiohttp's close() would read on until the client's Close, through all that it has sent.
                    await self._send_close(item.code.to_bytes(2, "big"))
                    return True
                if isinstance(item, Close):
                    await self._ws.close(code=item.code)
                    return True
                await self._ws.send_str(janus.serialise(item))
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
