"""Operations 6 and 7: client tokens to join a room with."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from aiohttp import web

from emulator.api import answers
from emulator.api.call import Call
from emulator.api.errors import Forbidden
from emulator.api.validation import Check, checked, integer_between, is_uuid, read_body, required, text
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts
from emulator.rooms.tokens import Grant, MintedToken, TokenMint, TokenType, check_room, check_time
from emulator.values import value_class
from emulator.wire import rest

DEFAULT_TTL_SECS = 600
DEFAULT_REFRESH_TTL_SECS = 3600
TTL_FIELDS: Mapping[str, Check] = {"token_ttl_secs": integer_between(10, 3600)}
GENERATE_FIELDS: Mapping[str, Check] = {**TTL_FIELDS, "refresh_token_ttl_secs": integer_between(60, 86400)}
"""Limits and defaults of section 2.2 (R-61, R-64)."""


@value_class(frozen=True, slots=True)
class RefreshWish:
    """A refresh token that was read but not yet checked against time and room, and the life wished for the new one."""

    account: Account
    grant: Grant
    ttl_secs: int


class Tokens:
    def __init__(self, accounts: Accounts, mint: TokenMint) -> None:
        self._accounts = accounts
        self._mint = mint

    async def generate(self, call: Call) -> web.Response:
        room = call.account.room(call.path_id("room_id"))
        ttls = checked(await read_body(call.request), GENERATE_FIELDS)
        access = self._new("access", call.account, room.id, ttls.get("token_ttl_secs", DEFAULT_TTL_SECS))
        refresh = self._new(
            "refresh", call.account, room.id, ttls.get("refresh_token_ttl_secs", DEFAULT_REFRESH_TTL_SECS)
        )
        tokens = rest.ClientTokens(access.text, access.expires_at, refresh.text, refresh.expires_at)
        return answers.one(tokens.as_json(), status=201)

    async def read_wish(self, request: web.Request, caller: Account | None) -> RefreshWish:
        """What a refresh asks for, and of which account: the token says it.

        `caller` is whose key came along, if one did. Raises Forbidden or TokenRefused (403), BadBody.
        """
        body = await read_body(request)
        token = required(body, "refresh_token", text)
        ttl = checked(body, TTL_FIELDS).get("token_ttl_secs", DEFAULT_TTL_SECS)
        grant = self._literal(token, caller)
        if grant is None:
            grant = self._mint.read(token, token_type="refresh")  # noqa: S106 - names the kind; no secret
        account = self._accounts.by_id(grant.account_id)
        if account is None:
            raise Forbidden("The token's user is no account of this emulator.")
        if caller is not None and caller is not account:
            raise Forbidden("The token belongs to another account than the API key sent with it.")
        return RefreshWish(account, grant, ttl)

    async def refresh(self, call: Call, wish: RefreshWish) -> web.Response:
        """A new access token for the room and the account that the refresh token names (section 4, "Tokens").

        The path's id only counts if it is a UUID: the vendor's sample application sends `undefined` there (R-22).
        Raises Forbidden or TokenRefused (403).
        """
        account, grant = wish.account, wish.grant
        check_time(grant, account.now())
        path_id = call.path_id("room_id").lower()
        if is_uuid(path_id):
            check_room(grant, path_id)
        if grant.room_id not in account.records.rooms:
            raise Forbidden(f"The token's room {grant.room_id} does not exist any more.")
        access = self._new("access", account, grant.room_id, wish.ttl_secs)
        return answers.one(rest.ClientTokens(access.text, access.expires_at).as_json(), status=201)

    def _literal(self, token: str, caller: Account | None) -> Grant | None:
        """A literal refresh token that came with a state document: strictly equal, and good for ever (R-117).

        Raises Forbidden when several accounts have it and no key says which one is meant.
        """
        owners = self._accounts.of_refresh_token(token)
        if caller is not None:
            owners = [(account, room_id) for account, room_id in owners if account is caller]
        if len(owners) > 1:
            raise Forbidden(f"{len(owners)} accounts have this refresh token: send the API key of the one meant.")
        for account, room_id in owners:
            return Grant(account.id, room_id, "refresh", expires_at=sys.maxsize, not_before=0)
        return None

    def _new(self, token_type: TokenType, account: Account, room_id: str, ttl_secs: int) -> MintedToken:
        return self._mint.mint(
            token_type,
            room_id=room_id,
            account_id=account.id,
            ttl_secs=ttl_secs,
            now=account.now(),
            new_id=account.new_token_id,
        )
