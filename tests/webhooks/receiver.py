"""A receiver of webhooks: a real HTTP server on loopback whose answers a test decides."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

WAIT_SECS = 10.0


@dataclass(frozen=True)
class Posted:
    """One request as it came, with the loop's time of its arrival."""

    body: bytes
    headers: Mapping[str, str]
    at: float

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.json["data"]
        return data

    @property
    def meta(self) -> dict[str, Any]:
        meta: dict[str, Any] = self.json["meta"]
        return meta

    @property
    def event_type(self) -> str:
        return str(self.data["event_type"]).removeprefix("video.room.")


class Receiver:
    """Answers 200, unless `answers` has something else for this request: a status, or what makes the response."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.posted: list[Posted] = []
        self.answers: list[int | Callable[[web.Request], web.StreamResponse]] = []
        self.standard = 200
        self.gate = asyncio.Event()
        """While it is not set, nobody gets an answer."""
        self.gate.set()
        self.most_at_once = 0
        self._at_once = 0
        self._arrived = asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._receive)
        self._server = TestServer(app, host="127.0.0.1")

    async def __aenter__(self) -> Receiver:
        await self._server.start_server(ssl=self._tls, shutdown_timeout=0.1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.gate.set()
        await self._server.close()

    @property
    def url(self) -> str:
        return self.at("127.0.0.1")

    def at(self, host: str) -> str:
        """The URL under another name of this machine."""
        return f"{'http' if self._tls is None else 'https'}://{host}:{self._server.port}/hook"

    @property
    def types(self) -> list[str]:
        return [posted.event_type for posted in self.posted]

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.posted.append(Posted(body, request.headers, asyncio.get_running_loop().time()))
        self._arrived.set()
        answer = self.answers.pop(0) if self.answers else self.standard
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.gate.wait()
        finally:
            self._at_once -= 1
        return web.Response(status=answer, text=f"answer {answer}") if isinstance(answer, int) else answer(request)

    async def wait_for(self, count: int) -> list[Posted]:
        """As soon as so many have come. Raises TimeoutError."""
        async with asyncio.timeout(WAIT_SECS):
            while len(self.posted) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.posted


def unused_url() -> str:
    """Where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}/hook"
