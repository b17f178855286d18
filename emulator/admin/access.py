"""Whose account an admin request means: the bearer key says it, as it does on the REST surface."""

from __future__ import annotations

from aiohttp import hdrs, web

from emulator.api.auth import Access
from emulator.api.errors import Unauthenticated
from emulator.api.recorder import ACCOUNT
from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts

HOW = "This admin operation acts on the account of an API key: send the header Authorization: Bearer <API key>."


class AccountAccess:
    """Finds the account of an admin request; a key that has not been used yet makes one, as everywhere."""

    def __init__(self, accounts: Accounts) -> None:
        self._access = Access(accounts, require_key_for_actions=True)

    def of(self, request: web.Request) -> Account:
        """Raises Unauthenticated (401, which says what to send), Forbidden when there are too many accounts."""
        if hdrs.AUTHORIZATION not in request.headers:
            raise Unauthenticated(HOW)
        try:
            account = request[ACCOUNT] = self._access.by_key(request)
        except Unauthenticated:
            raise Unauthenticated(f"The key or its scheme is not accepted. {HOW}") from None
        return account
