"""Who is calling: bearer key to account (rest-and-webhooks.md 1.1; design.md, "Accounts, ids, clocks")."""

from __future__ import annotations

import re

from aiohttp import hdrs, web

from emulator.api.errors import Forbidden, Unauthenticated
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts, TooManyAccounts
from emulator.rooms.errors import NotFound

# Printable ASCII: header bytes outside it arrive as surrogates, and no key has them. Blanks inside are let through,
# since the SDKs' own tests (R-116) call with the key "My API Key".
_KEY = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")


class Access:
    """Finds the account of a request; decided before anything else about it is (R-18)."""

    def __init__(self, accounts: Accounts, *, require_key_for_actions: bool) -> None:
        self._accounts = accounts
        self._require_key_for_actions = require_key_for_actions

    def by_key(self, request: web.Request) -> Account:
        """The caller's account. Raises Unauthenticated (R-13 to R-15)."""
        account = self.by_key_if_any(request)
        if account is None:
            raise Unauthenticated
        return account

    def by_key_if_any(self, request: web.Request) -> Account | None:
        """None without an Authorization header; one that is there must be good. Raises Unauthenticated, Forbidden."""
        key = bearer_key(request)
        if key is None:
            return None
        try:
            account = self._accounts.by_key(key)
        except TooManyAccounts as error:
            raise Forbidden(str(error)) from error
        if account is None:
            raise Unauthenticated
        return account

    def by_session(self, request: web.Request, session_id: str) -> Account:
        """Session actions declare no security: without a key the session itself says whose it is (R-17).

        Raises NotFound when no account has it, Unauthenticated when more than one has, or when keys are required.
        """
        account = self.by_key_if_any(request)
        if account is not None:
            return account
        if self._require_key_for_actions:
            raise Unauthenticated
        owners = self._accounts.of_session(session_id)
        if not owners:
            raise NotFound("room session", session_id)
        if len(owners) > 1:
            raise Unauthenticated(
                f"{len(owners)} accounts have a session with the id {session_id!r}: send the API key of the one meant "
                "(Authorization: Bearer <API key>)."
            )
        return owners[0]


def bearer_key(request: web.Request) -> str | None:
    """The key that is sent, None without an Authorization header. Raises Unauthenticated for one that holds none."""
    header = request.headers.get(hdrs.AUTHORIZATION)
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not _KEY.fullmatch(key):  # RFC 7235 2.1: the scheme has no case
        raise Unauthenticated
    return key
