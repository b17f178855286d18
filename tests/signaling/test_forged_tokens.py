"""Tokens that nobody gave out, over the WebSocket (S-9, S-10; R-68)."""

from __future__ import annotations

import pytest

from emulator.rooms.tokens import TokenMint
from emulator.server import Emulator
from tests.api.forgeries import FORGERIES
from tests.signaling.conftest import Clients
from tests.signaling.raw_client import RestRoom


@pytest.fixture
def mint(emulator: Emulator) -> TokenMint:
    return TokenMint(emulator._token_key)


async def test_forged_and_broken_tokens_open_no_session(client: Clients, room: RestRoom, mint: TokenMint) -> None:
    token = await room.token()
    for name, forge in FORGERIES.items():
        raw = await client(token=forge(token, mint))
        reply = await raw.request("create")
        assert reply.get("status_code") in (401, 403), (name, reply)
        await raw.close()
    assert (await (await client(token=token)).create())["janus"] == "success"


async def test_forged_and_broken_tokens_are_noticed_in_a_running_session(
    client: Clients, room: RestRoom, mint: TokenMint
) -> None:
    """Each frame carries one (S-10)."""
    for name in (
        "none",
        "HS256 with the public key",
        "another key",
        "other audience",
        "another room",
        "truncated by one",
    ):
        raw = await client(entered=True)
        raw.token = FORGERIES[name](raw.token, mint)
        assert (await raw.request("keepalive")).get("status_code") in (401, 403), name
        await raw.close()
