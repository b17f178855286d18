"""The WebSocket shell around signaling sessions: text frames in, the outbox out, close codes echoed.

aiohttp answers every Close with 1000 by default; the SDK derives its `disconnected` reason from the code it gets back
(signaling.md 1.4, S-11), so closing is done here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from aiohttp import WSMessage, WSMsgType, web

from emulator.signaling.lobby import Lobby
from emulator.signaling.session import CLOSE_LOST, Close, SignalingSession
from emulator.wire import janus

log = logging.getLogger("emulator.signaling")

SUBPROTOCOL = "janus-protocol"
CLOSE_HANDSHAKE_SECS = 2.0
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
            max_msg_size=janus.MAX_FRAME_CHARS * 4,
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
        self._session: SignalingSession = lobby.open(request.match_info["room_id"], self._wake)

    def _wake(self) -> None:
        self._something.set()
        if self._session.overflowed and self._request.transport is not None:
            # A client that reads nothing would keep its writer waiting for ever.
            self._request.transport.abort()

    async def run(self) -> None:
        pump = asyncio.create_task(self._pump())
        lost = True
        try:
            lost = await self._read()
        finally:
            self._lobby.closed(self._session, lost=lost)
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pump

    async def _read(self) -> bool:
        """Feed frames to the session until the end; True if the connection was lost without a Close frame."""
        while True:
            message: WSMessage = await self._ws.receive()
            match message.type:
                case WSMsgType.TEXT:
                    self._session.receive(message.data)
                case WSMsgType.BINARY:
                    self._session.receive_binary()
                case WSMsgType.CLOSE:
                    await self._echo(message.data)
                    return False
                case WSMsgType.CLOSING | WSMsgType.CLOSED:
                    # CLOSED also stands for a connection that broke: then no close code was ever seen.
                    return self._ws.close_code in (None, 1006)
                case WSMsgType.ERROR:
                    log.warning("room %s: WebSocket error: %s", self._session.room_id, message.data)
                    return True

    async def _echo(self, code: int) -> None:
        """Answer the client's Close with its own code, an empty one with an empty one (S-11)."""
        await self._flush()
        try:
            if code:
                await self._ws.close(code=code, drain=True)
            else:
                # aiohttp's close() cannot send an empty Close frame; its writer can.
                writer = self._ws._writer
                if writer is not None:
                    await writer.send_frame(b"", WSMsgType.CLOSE)
        except ConnectionError as error:
            log.debug("the client was gone before its Close was echoed: %s", error)
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
            if await self._flush():
                return
