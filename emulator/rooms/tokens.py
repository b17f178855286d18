"""Client tokens: Ed25519 JWTs exactly as the service makes them (rest-and-webhooks.md, section 3, "Tokens")."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from emulator.rooms.errors import TokenExpired, TokenForbidden, TokenRefused
from emulator.values import value_class

ALGORITHM = "Ed25519"
AUDIENCE = "telnyx_access_token"
GRANTS_VERSION = "1.0.0"
ROOM_PREFIX = "telnyx:video:rooms:"
USER_PREFIX = "telnyx:users:"
MAX_TOKEN_CHARS = 8192

TokenType = Literal["access", "refresh"]

# RFC 7515 7.1: three base64url parts without padding. PyJWT's decoder also takes padding and the other alphabet.
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


@value_class(frozen=True, slots=True)
class MintedToken:
    text: str
    expires_at: int
    """Unix seconds; equals the claim `exp` (R-63)."""


@value_class(frozen=True, slots=True)
class Grant:
    """What a verified token says."""

    account_id: str
    room_id: str
    token_type: TokenType
    expires_at: int
    not_before: int


class TokenMint:
    """Makes and checks tokens with one key pair, stable for the life of the emulator."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key()
        self._jws = jwt.PyJWS(algorithms=[])
        # "Ed25519" is the newer name beside "EdDSA" that the service uses; exactly this one is accepted.
        self._jws.register_algorithm(ALGORITHM, OKPAlgorithm())

    def mint(
        self,
        token_type: TokenType,
        *,
        room_id: str,
        account_id: str,
        ttl_secs: int,
        now: datetime,
        new_id: Callable[[], str],
    ) -> MintedToken:
        """A new token for joining one room; claims as R-62 has them."""
        issued = int(now.timestamp())
        claims = {
            "aud": AUDIENCE,
            "exp": issued + ttl_secs,
            "grants": {
                "actions": ["join"],
                "resources": [ROOM_PREFIX + room_id],
                "subjects": [USER_PREFIX + account_id],
            },
            "grants_version": GRANTS_VERSION,
            "iat": issued,
            "iss": AUDIENCE,
            "jti": new_id(),
            "nbf": issued - 1,
            "sub": "null",
            "typ": token_type,
        }
        text = self._jws.encode(json.dumps(claims, separators=(",", ":")).encode(), self._key, algorithm=ALGORITHM)
        return MintedToken(text, issued + ttl_secs)

    def read(self, token: str, *, token_type: TokenType) -> Grant:
        """Check signature and shape, not the times: whose clock counts is only known from the token itself.

        Raises TokenRefused.
        """
        if not isinstance(token, str) or not token:
            raise TokenRefused("The token is missing or no string.")
        if len(token) > MAX_TOKEN_CHARS:
            raise TokenRefused(f"The token is longer than {MAX_TOKEN_CHARS} characters.")
        if not _COMPACT.fullmatch(token):
            raise TokenRefused("The token is not three base64url parts joined by dots.")
        try:
            decoded = self._jws.decode_complete(token, self._public, algorithms=[ALGORITHM])
            claims = json.loads(decoded["payload"])
        except (jwt.PyJWTError, ValueError) as error:
            raise TokenRefused(f"The token does not verify: {error}") from error
        if base64.urlsafe_b64encode(decoded["signature"]).rstrip(b"=").decode() != token.rpartition(".")[2]:
            # The last character of a signature has spare bits: one token must not have several spellings.
            raise TokenRefused("The token's signature is not encoded as it should be.")
        if decoded["header"].get("typ") != "JWT":
            raise TokenRefused("The token's header has no typ JWT.")
        return _grant(claims, token_type)

    def check(self, token: str, *, token_type: TokenType, now: datetime) -> Grant:
        """`read`, and the times by the clock given. Raises TokenRefused, TokenExpired."""
        grant = self.read(token, token_type=token_type)
        check_time(grant, now)
        return grant


def check_time(grant: Grant, now: datetime) -> None:
    """Raises TokenExpired when the token's time is over, TokenRefused when it has not come yet."""
    if now.timestamp() < grant.not_before:
        raise TokenRefused("The token is not valid yet (claim 'nbf').")
    if now.timestamp() >= grant.expires_at:
        raise TokenExpired("The token has expired.")


def check_room(grant: Grant, room_id: str) -> None:
    """Raises TokenForbidden when the token opens another room."""
    if grant.room_id != room_id:
        raise TokenForbidden(f"The token is for the room {grant.room_id}, not for {room_id}.")


def _grant(claims: Any, token_type: TokenType) -> Grant:
    if not isinstance(claims, dict):
        raise TokenRefused("The token's claims are no JSON object.")
    for name, wanted in (("aud", AUDIENCE), ("iss", AUDIENCE), ("typ", token_type)):
        if claims.get(name) != wanted:
            raise TokenRefused(f"The token's claim {name!r} is {claims.get(name)!r}, expected {wanted!r}.")
    expires, not_before = claims.get("exp"), claims.get("nbf")
    if not isinstance(expires, int) or not isinstance(not_before, int) or isinstance(expires, bool):
        raise TokenRefused("The token's claims 'exp' and 'nbf' must be integers.")
    try:
        grants = claims["grants"]
        actions, resources, subjects = grants["actions"], grants["resources"], grants["subjects"]
        if "join" not in actions:
            raise TokenRefused("The token does not grant the action 'join'.")
        (resource,), (subject,) = resources, subjects
    except (KeyError, TypeError, ValueError) as error:
        raise TokenRefused("The token's grants must name one resource and one subject.") from error
    if not isinstance(resource, str) or not resource.startswith(ROOM_PREFIX):
        raise TokenRefused(f"The token's resource {resource!r} is no room.")
    if not isinstance(subject, str) or not subject.startswith(USER_PREFIX):
        raise TokenRefused(f"The token's subject {subject!r} is no user.")
    return Grant(subject[len(USER_PREFIX) :], resource[len(ROOM_PREFIX) :], token_type, expires, not_before)
