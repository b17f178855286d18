"""A served API as tests see it: requests, the domain behind, and the public document."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from multidict import CIMultiDictProxy
from yarl import URL

from emulator.api import RestApi
from emulator.api.downloads import Downloads, FindFile, no_files
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts
from emulator.rooms.participant import Participant
from emulator.rooms.tokens import TokenMint
from emulator.travelling_clock import TravellingClock

KEY = "KEY_of_the_tests"
OTHER_KEY = "KEY_of_somebody_else"
BASE_URL = "http://emulator.test"
"""What download URLs begin with."""
DOCUMENT = Path(__file__).resolve().parents[3] / "shared" / "reference" / "telnyx-video.openapi.yml"


_DRAW = random.Random(0)


def new_uuid() -> str:
    """Repeatable, so that tests parametrised with one have the same name in every process."""
    return str(uuid.UUID(int=_DRAW.getrandbits(128), version=4))


@dataclass(frozen=True)
class World:
    """What stands behind the API."""

    accounts: Accounts
    mint: TokenMint
    clock: TravellingClock

    def account(self, key: str = KEY) -> Account:
        account = self.accounts.by_key(key)
        assert account is not None
        return account


def make_app(
    *, keys: tuple[str, ...] = (), find_file: FindFile = no_files, **options: Any
) -> tuple[web.Application, World]:
    clock = TravellingClock()
    world = World(Accounts(keys=keys, clock=lambda: clock), TokenMint(Ed25519PrivateKey.generate()), clock)
    downloads = Downloads(world.accounts, secret=b"of the tests", base_url=lambda: BASE_URL, find_file=find_file)
    api = RestApi(world.accounts, world.mint, downloads, **options)
    app = web.Application(middlewares=[api.error_middleware])
    api.add_routes(app)
    return app, world


@dataclass(frozen=True)
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def meta(self) -> dict[str, int]:
        meta: dict[str, int] = self.body["meta"]
        return meta

    @property
    def error(self) -> dict[str, Any]:
        """The first error, after checking that all have the declared form (R-19, R-20)."""
        body = self.body
        assert self.headers["Content-Type"].startswith("application/json")
        assert body["errors"], body
        for error in body["errors"]:
            assert isinstance(error["code"], str), error
            assert isinstance(error["title"], str), error
            assert error["meta"]["url"].endswith(error["code"])
        first: dict[str, Any] = body["errors"][0]
        if self.status in (403, 404):
            assert (body["code"], body["title"]) == (first["code"], first["title"])
        return first

    def refused(self, status: int, *, pointer: str | None = None, parameter: str | None = None) -> str:
        """Check a refusal; returns its code."""
        assert self.status == status, self.raw
        error = self.error
        if pointer is not None:
            assert error["source"] == {"pointer": pointer}
        if parameter is not None:
            assert error["source"] == {"parameter": parameter}
        code: str = error["code"]
        return code


@dataclass
class Served:
    client: TestClient[Any, Any]
    world: World
    key: str | None = KEY

    @property
    def account(self) -> Account:
        return self.world.account()

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | AsyncIterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
        declared: bool = True,
    ) -> Answer:
        """`body` is sent as JSON, `raw` as it is. The path may carry a query string, sent as written."""
        sent = {"Authorization": f"Bearer {self.key}"} if self.key is not None else {}
        if raw is None and body is not None:
            raw = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        base = self.client.server.make_url("/")
        async with self.client.session.request(
            method, URL(str(base)[:-1] + path, encoded=True), data=raw, headers=sent, allow_redirects=False
        ) as response:
            answer = Answer(response.status, response.headers, await response.read())
        if declared and 200 <= answer.status < 300 and method not in ("OPTIONS", "HEAD"):
            _against_document(method, path, answer)
        return answer

    async def fetch(self, path: str, **more: Any) -> Answer:
        """GET of what is no operation of the public document."""
        return await self.request("GET", path, declared=False, **more)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.request("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.request("POST", path, body, **more)

    async def patch(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.request("PATCH", path, body, **more)

    async def delete(self, path: str, **more: Any) -> Answer:
        return await self.request("DELETE", path, **more)

    def with_key(self, key: str | None) -> Served:
        """The same API, called by somebody else, or without a key."""
        return Served(self.client, self.world, key)

    async def room(self, **settings: Any) -> Any:
        """A new room, as the API gives it."""
        answer = await self.post("/rooms", settings)
        assert answer.status == 201, answer.raw
        return answer.data

    def join(self, room_id: str, *, context: str | None = "Somebody", participant_id: str | None = None) -> Participant:
        """Somebody comes in, as through signaling."""
        return self.account.join(room_id, participant_id or new_uuid(), context=context, connection=new_uuid())

    def leave(self, participant: Participant) -> None:
        self.account.leave(participant.id, connection=participant.connection, reason="left")


def _against_document(method: str, path: str, answer: Answer) -> None:
    if DOCUMENT.exists():
        from tests.api.public_document import public_document

        public_document().check(method, path, answer.status, answer.raw)
