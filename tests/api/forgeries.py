"""Tokens that the emulator never made, each made from one that it did (rest-and-webhooks.md, section 3; R-68)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from emulator.rooms.tokens import TokenMint
from tests.api.served import new_uuid

Forge = Callable[[str, TokenMint], str]
"""A genuine token, and the mint that made it -> a forged one."""


def part(token: str, index: int) -> Any:
    text = token.split(".")[index]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unsigned(token: str, mint: TokenMint) -> str:
    return b64(b'{"alg":"none","typ":"JWT"}') + "." + token.split(".")[1] + "."


def _unsigned_with_old_signature(token: str, mint: TokenMint) -> str:
    return b64(b'{"alg":"none","typ":"JWT"}') + "." + token.split(".", 1)[1]


def _hs256(token: str, secret: bytes) -> str:
    signed = b64(b'{"alg":"HS256","typ":"JWT"}') + "." + token.split(".")[1]
    return signed + "." + b64(hmac.digest(secret, signed.encode(), hashlib.sha256))


def _sign(signed: str, key: Ed25519PrivateKey) -> str:
    return f"{signed}.{b64(key.sign(signed.encode()))}"


def _hs256_with_public_key(token: str, mint: TokenMint) -> str:
    return _hs256(token, mint._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _hs256_with_public_pem(token: str, mint: TokenMint) -> str:
    """As a library sees the key that reads it from a file."""
    pem = mint._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return _hs256(token, pem)


def _hs256_without_key(token: str, mint: TokenMint) -> str:
    return _hs256(token, b"")


def _signed_header(**header: Any) -> Forge:
    """Properly signed, but under a header that the service does not write."""

    def forge(token: str, mint: TokenMint) -> str:
        return _sign(f"{b64(json.dumps(header).encode())}.{token.split('.')[1]}", mint._key)

    return forge


def _own_key_in_header(token: str, mint: TokenMint) -> str:
    own = Ed25519PrivateKey.generate()
    x = b64(own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    header = {"alg": "Ed25519", "typ": "JWT", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}}
    return _sign(f"{b64(json.dumps(header).encode())}.{token.split('.')[1]}", own)


def _another_key(token: str, mint: TokenMint) -> str:
    return _sign(token.rpartition(".")[0], Ed25519PrivateKey.generate())


def _reencoded_payload(token: str, mint: TokenMint) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{b64(json.dumps(part(token, 1), indent=1).encode())}.{signature}"


def _longer_life(token: str, mint: TokenMint) -> str:
    head, _, signature = token.split(".")
    claims = {**part(token, 1), "exp": 4_000_000_000}
    return f"{head}.{b64(json.dumps(claims, separators=(',', ':')).encode())}.{signature}"


def _spare_bits(token: str, mint: TokenMint) -> str:
    """The same signature bytes in another spelling: the last character of 86 has four bits to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) | 1]


def _signed_claims(**changes: Any) -> Forge:
    """Genuine signature over claims that are not those of such a token; None takes one out."""

    def forge(token: str, mint: TokenMint) -> str:
        claims = {name: value for name, value in {**part(token, 1), **changes}.items() if value is not None}
        return _sign(token.split(".")[0] + "." + b64(json.dumps(claims).encode()), mint._key)

    return forge


def _signed_claims_grants(**changes: Any) -> Forge:
    """The same with other grants."""

    def forge(token: str, mint: TokenMint) -> str:
        return _signed_claims(grants={**part(token, 1)["grants"], **changes})(token, mint)

    return forge


FORGERIES: dict[str, Forge] = {
    "none": _unsigned,
    "none, old signature": _unsigned_with_old_signature,
    "HS256 with the public key": _hs256_with_public_key,
    "HS256 with the public key in PEM": _hs256_with_public_pem,
    "HS256 without a key": _hs256_without_key,
    "EdDSA": _signed_header(alg="EdDSA", typ="JWT"),
    "lower-case algorithm": _signed_header(alg="ed25519", typ="JWT"),
    "no algorithm": _signed_header(typ="JWT"),
    "header without typ": _signed_header(alg="Ed25519"),
    "other typ in the header": _signed_header(alg="Ed25519", typ="at+jwt"),
    "unknown critical extension": _signed_header(alg="Ed25519", typ="JWT", crit=["x"], x=1),
    "key in the header": _own_key_in_header,
    "another key": _another_key,
    "re-encoded payload": _reencoded_payload,
    "longer life": _longer_life,
    "spare bits": _spare_bits,
    "truncated by one": lambda token, mint: token[:-1],
    "truncated signature": lambda token, mint: token[:-40],
    "two parts": lambda token, mint: token.rpartition(".")[0],
    "four parts": lambda token, mint: token + ".x",
    "padded": lambda token, mint: token + "==",
    "line end": lambda token, mint: token + "\n",
    "spaces": lambda token, mint: f" {token} ",
    "bearer": lambda token, mint: "Bearer " + token,
    "empty": lambda token, mint: "",
    "garbage": lambda token, mint: "garbage",
    "dots": lambda token, mint: "..",
    "null byte": lambda token, mint: token + "\x00",
    "unicode": lambda token, mint: "\u00e9.\u2603.x",
    "deep header": lambda token, mint: b64(b"[" * 4000) + "." + token.split(".", 1)[1],
    "list header": lambda token, mint: b64(b"[]") + "." + token.split(".", 1)[1],
    "long": lambda token, mint: token + "A" * 10_000,
    "unknown user": _signed_claims(
        grants={
            "actions": ["join"],
            "resources": [f"telnyx:video:rooms:{new_uuid()}"],
            "subjects": [f"telnyx:users:{new_uuid()}"],
        }
    ),
    "no grants": _signed_claims(grants=None),
    "list of grants": _signed_claims(grants=[]),
    "other audience": _signed_claims(aud="telnyx_telephony"),
    "list of audiences": _signed_claims(aud=["telnyx_access_token"]),
    "no audience": _signed_claims(aud=None),
    "other issuer": _signed_claims(iss="somebody"),
    "no issuer": _signed_claims(iss=None),
    "other kind": _signed_claims(typ="id"),
    "no kind": _signed_claims(typ=None),
    "other action": _signed_claims_grants(actions=["leave"]),
    "no action": _signed_claims_grants(actions=[]),
    "other resource": _signed_claims_grants(resources=["telnyx:voice:calls:1"]),
    "two rooms": _signed_claims_grants(resources=[f"telnyx:video:rooms:{new_uuid()}"] * 2),
    "no room": _signed_claims_grants(resources=[]),
    "another room": _signed_claims_grants(resources=[f"telnyx:video:rooms:{new_uuid()}"]),
    "text for exp": _signed_claims(exp="4000000000"),
    "huge exp": _signed_claims(exp=10**400, nbf=10**400),
    "not yet": _signed_claims(nbf=4_000_000_000, exp=4_000_000_001),
}
