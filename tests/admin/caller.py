"""Somebody who uses a running emulator over HTTP with one API key."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy

from emulator.server import Emulator

KEY = "KEY_admin_tests"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def data(self) -> Any:
        assert self.status < 300, self.raw
        return self.body["data"]

    def refused(self, status: int, **source: str) -> str:
        """Check a refusal in the usual envelope; returns its text. `source`: pointer or parameter."""
        assert self.status == status, self.raw
        error = self.body["errors"][0]
        assert isinstance(error["code"], str)
        assert isinstance(error["title"], str)
        if source:
            assert error["source"] == source
        text: str = error["detail"]
        return text


class Caller:
    def __init__(self, emulator: Emulator, http: aiohttp.ClientSession, key: str | None = KEY) -> None:
        self.emulator = emulator
        self.http = http
        self.key = key

    def with_key(self, key: str | None) -> Caller:
        return Caller(self.emulator, self.http, key)

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Paths without a leading slash are below /_emulator/."""
        sent = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        sent.update(headers or {})
        place = path if path.startswith("/") else f"/_emulator/{path}"
        url = f"http://127.0.0.1:{self.emulator.port}{place}"
        async with self.http.request(method, url, json=body, data=raw, headers=sent, allow_redirects=False) as response:
            yield response

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        async with self.open(method, path, body, **more) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, **more: Any) -> Reply:
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Reply:
        return await self.call("POST", path, body, **more)

    async def room(self, **settings: Any) -> Any:
        return (await self.post("/v2/rooms", settings)).data

    async def tokens(self, room_id: str, **ttls: int) -> Any:
        return (await self.post(f"/v2/rooms/{room_id}/actions/generate_join_client_token", ttls)).data

    async def refresh(self, refresh_token: str) -> Reply:
        path = "/v2/rooms/undefined/actions/refresh_client_token"
        return await self.with_key(None).post(path, {"refresh_token": refresh_token})
