"""Tokens: R-22, R-61 to R-70."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emulator.clock import iso_seconds
from emulator.rooms.tokens import TokenMint
from tests.api.forgeries import FORGERIES, part
from tests.api.served import KEY, OTHER_KEY, Answer, Served, new_uuid


async def generate(api: Served, room_id: str, **body: Any) -> Any:
    answer = await api.post(f"/rooms/{room_id}/actions/generate_join_client_token", body)
    assert answer.status == 201, answer.raw
    return answer.data


async def refresh(api: Served, room_id: str, token: Any, **body: Any) -> Answer:
    path = f"/rooms/{room_id}/actions/refresh_client_token"
    return await api.with_key(None).post(path, {"refresh_token": token, **body})


@pytest.mark.parametrize(
    ("body", "ttl", "refresh_ttl"),
    [
        ({}, 600, 3600),
        ({"token_ttl_secs": 10, "refresh_token_ttl_secs": 60}, 10, 60),
        ({"token_ttl_secs": 3600, "refresh_token_ttl_secs": 86400}, 3600, 86400),
    ],
)
async def test_tokens_are_exactly_as_documented(api: Served, body: dict[str, int], ttl: int, refresh_ttl: int) -> None:
    """R-61 to R-63."""
    room = await api.room()
    now = int(api.world.clock.freeze().timestamp())
    tokens = await generate(api, room["id"], **body)
    assert set(tokens) == {"token", "token_expires_at", "refresh_token", "refresh_token_expires_at"}
    jtis = set()
    for name, kind, seconds in (("token", "access", ttl), ("refresh_token", "refresh", refresh_ttl)):
        assert part(tokens[name], 0) == {"alg": "Ed25519", "typ": "JWT"}
        claims = part(tokens[name], 1)
        jtis.add(claims.pop("jti"))
        assert claims == {
            "aud": "telnyx_access_token",
            "iss": "telnyx_access_token",
            "sub": "null",
            "typ": kind,
            "iat": now,
            "nbf": now - 1,
            "exp": now + seconds,
            "grants_version": "1.0.0",
            "grants": {
                "actions": ["join"],
                "resources": [f"telnyx:video:rooms:{room['id']}"],
                "subjects": [f"telnyx:users:{api.account.id}"],
            },
        }
        assert tokens[f"{name}_expires_at"] == iso_seconds(claims["exp"])
        assert "=" not in tokens[name]
        api.world.mint.check(tokens[name], token_type=kind, now=api.account.now())  # type: ignore[arg-type]  # kind
    assert len(jtis) == 2


@pytest.mark.parametrize("field", ["token_ttl_secs", "refresh_token_ttl_secs"])
@pytest.mark.parametrize("value", [9, 59, 86401, 0, -5, "60", 60.5, None, True, 10**30])
async def test_ttl_out_of_range_is_refused_and_named(api: Served, field: str, value: Any) -> None:
    """R-64, R-21."""
    if (field, value) == ("token_ttl_secs", 59):
        value = 3601  # 59 seconds are fine for an access token
    room = await api.room()
    answer = await api.post(f"/rooms/{room['id']}/actions/generate_join_client_token", {field: value})
    assert answer.refused(422, pointer=f"/{field}") == "10015"


async def test_token_for_an_unknown_room_is_404(api: Served) -> None:
    """R-65."""
    for unknown in (new_uuid(), "undefined"):
        answer = await api.post(f"/rooms/{unknown}/actions/generate_join_client_token", {})
        assert answer.refused(404) == "10005"


async def test_refresh_gives_a_new_access_token_again_and_again(api: Served) -> None:
    """R-66, R-67."""
    room = await api.room()
    tokens = await generate(api, room["id"])
    jtis = {part(tokens["token"], 1)["jti"]}
    for _ in range(3):
        api.world.clock.jump(timedelta(minutes=19))
        answer = await refresh(api, room["id"], tokens["refresh_token"], token_ttl_secs=77)
        assert answer.status == 201
        assert set(answer.data) == {"token", "token_expires_at"}
        claims = part(answer.data["token"], 1)
        assert (claims["typ"], claims["exp"] - claims["iat"]) == ("access", 77)
        assert answer.data["token_expires_at"] == iso_seconds(claims["exp"])
        jtis.add(claims["jti"])
    assert len(jtis) == 4


async def test_refresh_ttl_defaults_and_bounds(api: Served) -> None:
    """R-64, R-66."""
    room = await api.room()
    token = (await generate(api, room["id"]))["refresh_token"]
    claims = part((await refresh(api, room["id"], token)).data["token"], 1)
    assert claims["exp"] - claims["iat"] == 600
    for value in (9, 3601, "600"):
        answer = await refresh(api, room["id"], token, token_ttl_secs=value)
        assert answer.refused(422, pointer="/token_ttl_secs") == "10015"


@pytest.mark.parametrize("path_id", ["undefined", "not-a-uuid", "null", "%20", "{room}", "{ROOM}"])
async def test_path_id_that_is_no_uuid_is_ignored_on_refresh(api: Served, path_id: str) -> None:
    """R-22: the token names the room."""
    room = await api.room()
    token = (await generate(api, room["id"]))["refresh_token"]
    answer = await refresh(api, path_id.format(room=room["id"], ROOM=room["id"].upper()), token)
    assert answer.status == 201
    assert part(answer.data["token"], 1)["grants"]["resources"] == [f"telnyx:video:rooms:{room['id']}"]


async def test_token_of_another_room_than_the_paths_is_403(api: Served) -> None:
    """R-68."""
    token = (await generate(api, (await api.room())["id"]))["refresh_token"]
    for other in ((await api.room())["id"], new_uuid()):
        assert (await refresh(api, other, token)).refused(403) == "10010"


async def test_access_token_does_not_refresh(api: Served) -> None:
    """R-68."""
    room = await api.room()
    assert (await refresh(api, room["id"], (await generate(api, room["id"]))["token"])).refused(403) == "10010"


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_forged_and_broken_refresh_tokens_are_403(api: Served, forgery: str) -> None:
    """R-68. Over the WebSocket: tests/signaling/test_forged_tokens.py."""
    room = await api.room()
    token = (await generate(api, room["id"]))["refresh_token"]
    forged = FORGERIES[forgery](token, api.world.mint)
    assert forged != token
    for path_id in (room["id"], "undefined"):
        assert (await refresh(api, path_id, forged)).refused(403) == "10010"
    assert (await refresh(api, room["id"], token)).status == 201


async def test_token_of_another_emulator_is_403(api: Served) -> None:
    room = await api.room()
    foreign = TokenMint(Ed25519PrivateKey.generate()).mint(
        "refresh",
        room_id=room["id"],
        account_id=api.account.id,
        ttl_secs=600,
        now=api.account.now(),
        new_id=new_uuid,
    )
    assert (await refresh(api, room["id"], foreign.text)).refused(403) == "10010"


async def test_expired_refresh_token_is_403(api: Served) -> None:
    """R-69: valid to the second before, by the account's clock."""
    room = await api.room()
    api.world.clock.freeze()
    token = (await generate(api, room["id"], refresh_token_ttl_secs=60))["refresh_token"]
    over = part(token, 1)["exp"] - api.world.clock.now().timestamp()
    api.world.clock.jump(timedelta(seconds=over) - timedelta(milliseconds=1))
    assert (await refresh(api, room["id"], token)).status == 201
    api.world.clock.jump(timedelta(milliseconds=1))
    answer = await refresh(api, room["id"], token)
    assert answer.refused(403) == "10010"
    assert "expired" in answer.error["detail"]


@pytest.mark.parametrize("body", [{}, {"token_ttl_secs": 60}])
async def test_refresh_without_a_token_is_refused(api: Served, body: dict[str, Any]) -> None:
    """R-70."""
    path = f"/rooms/{(await api.room())['id']}/actions/refresh_client_token"
    assert (await api.post(path, body)).refused(422, pointer="/refresh_token") == "10004"


@pytest.mark.parametrize("token", [None, 5, True, [], {}, "\ud800"])
async def test_refresh_token_that_is_no_string_is_refused(api: Served, token: Any) -> None:
    """R-70."""
    answer = await refresh(api, (await api.room())["id"], token)
    assert answer.refused(422, pointer="/refresh_token") == "10015"


async def test_refresh_for_a_deleted_room_is_403(api: Served) -> None:
    """R-39."""
    room = await api.room()
    token = (await generate(api, room["id"]))["refresh_token"]
    await api.delete(f"/rooms/{room['id']}")
    for path_id in (room["id"], "undefined"):
        assert (await refresh(api, path_id, token)).refused(403) == "10010"


async def test_key_sent_with_a_refresh_must_be_the_tokens_account(api: Served) -> None:
    """A foreign token is 403 (section 4, "Tokens")."""
    room = await api.room()
    body = {"refresh_token": (await generate(api, room["id"]))["refresh_token"]}
    path = f"/rooms/{room['id']}/actions/refresh_client_token"
    assert (await api.with_key(KEY).post(path, body)).status == 201
    assert (await api.with_key(OTHER_KEY).post(path, body)).refused(403) == "10010"
