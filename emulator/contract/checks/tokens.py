"""Client tokens: what is in them, and what a refresh takes. They are read without being verified: the key is secret."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from emulator.contract.api import Api, Differs, NotReachable
from emulator.contract.checks.base import NOBODY, check, equal, true


def _read(token: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims. Raises Differs when it is no JWT."""
    try:
        header, claims, _ = str(token).split(".")
        read = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (header, claims)]
        return read[0], read[1]
    except ValueError:
        raise Differs(f"no JWT: {str(token)[:20]}...") from None


def _seconds(time: Any) -> float:
    try:
        return datetime.fromisoformat(str(time)).astimezone(UTC).timestamp()
    except ValueError:
        raise Differs(f"no time: {time!r}") from None


AUDIENCE = "telnyx_access_token"


async def _tokens(api: Api, room: str, **wish: int) -> dict[str, Any]:
    answer = await api.call("POST", f"/rooms/{room}/actions/generate_join_client_token", wish)
    if not 200 <= answer.status < 300:
        raise NotReachable(f"no tokens: {answer.status} {answer.shown}")
    tokens: dict[str, Any] = answer.data
    return tokens


async def _refreshed(api: Api, room: str, token: str, key: str | None = None) -> Any:
    path = f"/rooms/{room}/actions/refresh_client_token"
    return await api.call("POST", path, {"refresh_token": token}, key=key)


@check("R-61")
async def both_tokens_with_the_default_lives(api: Api) -> None:
    """Generating is 201 with four fields; an access token lives 600 s, a refresh token 3600 s."""
    room = await api.room()
    answer = await api.call("POST", f"/rooms/{room['id']}/actions/generate_join_client_token", {})
    data = answer.expect(201).data
    equal("fields", sorted(data), ["refresh_token", "refresh_token_expires_at", "token", "token_expires_at"])
    for name, life in (("token", 600), ("refresh_token", 3600)):
        claims = _read(data[name])[1]
        equal(f"exp - iat of the {name}", claims.get("exp", 0) - claims.get("iat", 0), life)


@check("R-62")
async def tokens_are_made_as_the_service_makes_them(api: Api) -> None:
    """An Ed25519 JWT of the service: nbf a second before iat, sub "null", the kind in typ, one grant to join."""
    room = await api.room()
    tokens = await _tokens(api, room["id"], token_ttl_secs=60, refresh_token_ttl_secs=120)
    for name, kind, life in (("token", "access", 60), ("refresh_token", "refresh", 120)):
        header, claims = _read(tokens[name])
        equal(f"{name}: header", header, {"alg": "Ed25519", "typ": "JWT"})
        for claim, value in {"typ": kind, "sub": "null", "aud": AUDIENCE, "iss": AUDIENCE}.items():
            equal(f"{name}: {claim}", claims.get(claim), value)
        equal(f"{name}: exp - iat", claims.get("exp", 0) - claims.get("iat", 0), life)
        equal(f"{name}: iat - nbf", claims.get("iat", 0) - claims.get("nbf", 0), 1)
        grants = claims.get("grants")
        grant = grants[0] if isinstance(grants, list) and grants else grants
        if not isinstance(grant, dict):
            raise Differs(f"{name}: grants: {grants!r:.100}")
        equal(f"{name}: actions", grant.get("actions"), ["join"])
        equal(f"{name}: resources", grant.get("resources"), [f"telnyx:video:rooms:{room['id'].lower()}"])


@check("R-63")
async def expiry_is_that_of_the_token(api: Api) -> None:
    """token_expires_at and refresh_token_expires_at say what exp says."""
    room = await api.room()
    tokens = await _tokens(api, room["id"])
    for name in ("token", "refresh_token"):
        equal(f"{name}_expires_at", _seconds(tokens.get(f"{name}_expires_at")), float(_read(tokens[name])[1]["exp"]))


@check("R-64")
async def lives_have_bounds(api: Api) -> None:
    """Lives of 9 and 3601 s, and of 59 and 86401 s for refresh tokens, are client errors."""
    room = await api.room()
    path = f"/rooms/{room['id']}/actions/generate_join_client_token"
    for name, values in (("token_ttl_secs", (9, 3601)), ("refresh_token_ttl_secs", (59, 86401))):
        for value in values:
            (await api.call("POST", path, {name: value})).expect(422, 403)


@check("R-65")
async def no_tokens_for_unknown_rooms(api: Api) -> None:
    """Generating for an unknown room is 404 or 403."""
    path = f"/rooms/{NOBODY}/actions/generate_join_client_token"
    (await api.call("POST", path, {})).expect(404, 403)


@check("R-66", "R-16")
async def refresh_gives_an_access_token_alone(api: Api) -> None:
    """A refresh without a key is 201 with a new token, and without a refresh token."""
    room = await api.room()
    tokens = await _tokens(api, room["id"])
    data = (await _refreshed(api, room["id"], tokens["refresh_token"])).expect(201).data
    equal("fields", sorted(data), ["token", "token_expires_at"])
    true(_read(data["token"])[1].get("jti") != _read(tokens["token"])[1].get("jti"), "the jti is that of the old token")


@check("R-67")
async def refresh_tokens_work_again(api: Api) -> None:
    """A refresh token works more than once."""
    room = await api.room()
    tokens = await _tokens(api, room["id"])
    for _ in range(2):
        (await _refreshed(api, room["id"], tokens["refresh_token"])).expect(201)


@check("R-68")
async def other_tokens_do_not_refresh(api: Api) -> None:
    """An access token, a forged one, garbage, and another room's refresh token are 403."""
    room, other = await api.room(), await api.room()
    tokens = await _tokens(api, room["id"])
    good: str = tokens["refresh_token"]
    forged = good[:-8] + ("AAAAAAAA" if good[-8:] != "AAAAAAAA" else "BBBBBBBB")
    for token in (tokens["token"], forged, "garbage"):
        (await _refreshed(api, room["id"], token)).expect(403)
    (await _refreshed(api, other["id"], good)).expect(403)


@check("R-70")
async def refresh_needs_a_token(api: Api) -> None:
    """A refresh without refresh_token is a client error."""
    room = await api.room()
    (await api.call("POST", f"/rooms/{room['id']}/actions/refresh_client_token", {}, key=None)).expect(422, 400, 403)
