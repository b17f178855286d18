"""A WebSocket server that does exactly what a test tells it, for everything a real one would not do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

Frame = dict[str, Any]
Reply = Frame | str | bytes
Answer = Callable[[Frame], list[Reply] | None]

SESSION = 3802091851796715


def usual(frame: Frame) -> list[Reply] | None:
    """What a well-behaved server answers to session requests; None for anything else."""
    transaction = frame["transaction"]
    match frame["janus"]:
        case "create":
            return [{"janus": "success", "transaction": transaction, "data": {"id": SESSION}}]
        case "attach":
            return [{"janus": "success", "transaction": transaction, "data": {"id": 184003438208363}}]
        case "keepalive" | "trickle":
            return [{"janus": "ack", "transaction": transaction}]
        case "detach" | "destroy":
            return [{"janus": "success", "transaction": transaction}]
    return None


class ScriptedServer:
    """Answers each frame with what `answer(frame)` gives; `None` falls back to `usual`. Echoes Close codes."""

    def __init__(self, *, subprotocols: tuple[str, ...] = ("janus-protocol",)) -> None:
        self.frames: list[Frame] = []
        self.close_code: int | None = None
        self.closed = asyncio.Event()
        self.answer: Answer = lambda _frame: None
        self.ws: web.WebSocketResponse | None = None
        self._subprotocols = subprotocols
        app = web.Application()
        app.router.add_get("/{room}/janus", self._serve)
        self._server = TestServer(app)

    async def __aenter__(self) -> ScriptedServer:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def ws_url(self) -> str:
        return str(self._server.make_url("/")).replace("http", "ws", 1).rstrip("/")

    @property
    def url(self) -> str:
        return f"{self.ws_url}/room/janus"

    def requests(self) -> list[str]:
        return [frame["janus"] for frame in self.frames]

    async def send(self, reply: Reply) -> None:
        assert self.ws is not None
        if isinstance(reply, bytes):
            await self.ws.send_bytes(reply)
        else:
            await self.ws.send_str(reply if isinstance(reply, str) else json.dumps(reply))

    async def close(self, code: int) -> None:
        assert self.ws is not None
        await self.ws.close(code=code)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        ws = self.ws = web.WebSocketResponse(protocols=self._subprotocols, autoclose=False)
        await ws.prepare(request)
        try:
            while True:
                message: aiohttp.WSMessage = await ws.receive()
                if message.type is not WSMsgType.TEXT:
                    break
                frame = json.loads(message.data)
                self.frames.append(frame)
                answer = self.answer(frame)
                for reply in usual(frame) or [] if answer is None else answer:
                    await self.send(reply)
            if message.type is WSMsgType.CLOSE:
                self.close_code = message.data
                if message.data:
                    await ws.close(code=message.data)
                else:
                    assert ws._writer is not None
                    await ws._writer.send_frame(b"", WSMsgType.CLOSE)
            else:
                self.close_code = ws.close_code
        finally:
            self.closed.set()
        return ws
