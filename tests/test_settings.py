"""Settings as they act: a running emulator with each of them, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emulator.config import Config, ConfigError
from emulator.rooms.tokens import TokenMint
from emulator.server import Emulator
from emulator.webhooks.signing import WebhookSigner
from tests.admin.caller import Caller

Start = Callable[..., Awaitable[Caller]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start an emulator with these settings, and call it."""
    running: list[Emulator] = []
    async with aiohttp.ClientSession() as http:

        async def run(**settings: Any) -> Caller:
            emulator = Emulator(Config(port=0, **settings))
            await emulator.start()
            running.append(emulator)
            return Caller(emulator, http)

        yield run
        for emulator in running:
            await emulator.stop()


async def test_rate_limit_is_off_unless_set(start: Start) -> None:
    """R-24, for each account; the admin API is not counted."""
    free, limited = await start(), await start(rate_limit=(2, 3600))
    for _ in range(3):
        assert "x-ratelimit-limit" not in (await free.get("/v2/rooms")).headers
    for left in ("1", "0"):
        reply = await limited.get("/v2/rooms")
        assert (reply.status, reply.headers["x-ratelimit-remaining"]) == (200, left)
    refused = await limited.get("/v2/rooms")
    refused.refused(429)
    assert refused.body["errors"][0]["code"] == "10011"
    assert refused.headers["x-ratelimit-limit"] == "2"
    assert 0 < int(refused.headers["x-ratelimit-reset"]) <= 3600
    assert (await limited.with_key("KEY_other").get("/v2/rooms")).status == 200
    assert (await limited.get("events")).status == 200


async def test_strict_unless_lenient(start: Start) -> None:
    """R-44, R-97, R-117."""
    strict, lenient = await start(), await start(lenient=True)
    query = "/v2/rooms?page[number]=0&page[size]=0"
    (await strict.get(query)).refused(422, parameter="page[number]")
    assert (await lenient.get(query)).body["meta"]["page_size"] == 20
    (await strict.post("/v2/room_compositions", {})).refused(422, pointer="/session_id")
    assert (await lenient.post("/v2/room_compositions", {})).status == 202


async def test_session_actions_need_a_key_only_when_asked(start: Start) -> None:
    """R-17."""
    path = "/v2/room_sessions/00000000-0000-4000-8000-000000000000/actions/end"
    (await (await start()).with_key(None).post(path)).refused(404)
    (await (await start(require_key_for_actions=True)).with_key(None).post(path)).refused(401)


async def test_token_key_from_a_file_outlives_the_emulator(start: Start, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    path = tmp_path / "tokens.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    for _ in range(2):
        one = await start(signing_key=path)
        tokens = await one.tokens((await one.room())["id"])
        TokenMint(key).read(tokens["token"], token_type="access")
    other = await start()
    assert (await other.refresh(tokens["refresh_token"])).status == 403


async def test_token_key_stays_the_same_for_a_run(start: Start) -> None:
    one = await start()
    room = await one.room()
    first = await one.tokens(room["id"])
    for number in range(3):
        await one.with_key(f"KEY_{number}").room()
        await one.tokens(room["id"])
    assert (await one.refresh(first["refresh_token"])).status == 201


async def test_webhook_key_from_a_file_is_the_one_that_is_told(start: Start, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    path = tmp_path / "webhooks.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    told = (await (await start(webhook_key=path)).get("info")).body["webhook_public_key"]
    assert told == WebhookSigner(key).public_key
    assert (await (await start()).get("info")).body["webhook_public_key"] != told


def test_key_file_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("nothing")
    for name in ("signing_key", "webhook_key"):
        with pytest.raises(ConfigError, match=name):
            Emulator(Config(port=0, **{name: tmp_path / "key.pem"}))
