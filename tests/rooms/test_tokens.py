"""The mint: what it makes verifies, and nothing else does (R-62, R-68, R-69; forgeries over HTTP: tests/api)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.rooms.errors import TokenExpired, TokenForbidden, TokenRefused
from emulator.rooms.tokens import Grant, TokenMint, TokenType, check_room

NOW = datetime(2026, 9, 17, 20, 0, tzinfo=UTC)
MINT = TokenMint(Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))


def mint(token_type: TokenType = "access", **changes: Any) -> str:
    options: dict[str, Any] = {
        "room_id": "room",
        "account_id": "account",
        "ttl_secs": 600,
        "now": NOW,
        "new_id": lambda: "jti",
        **changes,
    }
    return MINT.mint(token_type, **options).text


def test_minted_token_reads_back() -> None:
    issued = int(NOW.timestamp())
    assert MINT.check(mint(), token_type="access", now=NOW) == Grant(
        "account", "room", "access", issued + 600, issued - 1
    )


def test_token_is_valid_from_a_second_before_until_just_before_its_end() -> None:
    """R-69: `nbf` and `exp`."""
    token = mint()
    for seconds in (-1, 0, 599.999):
        MINT.check(token, token_type="access", now=NOW + timedelta(seconds=seconds))
    with pytest.raises(TokenExpired):
        MINT.check(token, token_type="access", now=NOW + timedelta(seconds=600))
    with pytest.raises(TokenRefused, match="not valid yet"):
        MINT.check(token, token_type="access", now=NOW - timedelta(seconds=1.001))


def test_kinds_are_not_mixed_up() -> None:
    with pytest.raises(TokenRefused, match="typ"):
        MINT.read(mint("access"), token_type="refresh")
    with pytest.raises(TokenRefused, match="typ"):
        MINT.read(mint("refresh"), token_type="access")


def test_token_opens_its_own_room_only() -> None:
    grant = MINT.read(mint(), token_type="access")
    check_room(grant, "room")
    with pytest.raises(TokenForbidden):
        check_room(grant, "another")


def test_same_key_and_input_give_the_same_token() -> None:
    """Ed25519 signs deterministically: seeded runs repeat."""
    assert mint() == mint()
    assert mint(new_id=lambda: "other") != mint()


def test_stock_library_verifies_it_once_told_the_algorithms_name() -> None:
    """Section 3: PyJWT needs `register_algorithm` for the newer name."""
    library = jwt.PyJWS()
    library.register_algorithm("Ed25519", jwt.algorithms.OKPAlgorithm())
    public = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32).public_key()
    assert library.decode_complete(mint(), public, algorithms=["Ed25519"])["header"] == {"alg": "Ed25519", "typ": "JWT"}


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "x" * 9000, "\ud800.a.b", None, 5])
def test_what_is_no_token_is_refused(token: Any) -> None:
    with pytest.raises(TokenRefused):
        MINT.read(token, token_type="access")


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_any_single_change_is_refused(data: st.DataObject) -> None:
    """One spelling per token: no character can be changed, added or dropped."""
    token = mint()
    at = data.draw(st.integers(0, len(token)))
    character = data.draw(st.sampled_from("AZaz09-_=+/. \n") | st.characters())
    changed = data.draw(
        st.sampled_from([token[:at] + character + token[at:], token[:at] + character + token[at + 1 :]])
    )
    if changed != token:
        with pytest.raises(TokenRefused):
            MINT.read(changed, token_type="access")
    if at < len(token):
        with pytest.raises(TokenRefused):
            MINT.read(token[:at] + token[at + 1 :], token_type="access")
