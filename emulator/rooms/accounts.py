"""All accounts of one emulator: the API key is the account."""

from __future__ import annotations

import hmac
import random
import uuid
from collections.abc import Callable, Sequence

from emulator.clock import Clock, RealClock
from emulator.rooms.account import Account

MAX_ACCOUNTS = 10_000
"""Keys make accounts on first use; this bounds what a runaway client can fill memory with."""


class TooManyAccounts(Exception):
    pass


class Accounts:
    """Finds the account of a key, of a user id in a token, of a session id.

    With `keys`, only those keys are known; without, any non-empty key. An account is made on first use.
    """

    def __init__(
        self,
        *,
        keys: Sequence[str] = (),
        clock: Callable[[], Clock] = RealClock,
        on_created: Callable[[Account], None] = lambda account: None,
    ) -> None:
        self._by_key: dict[str, Account] = {}
        self._by_id: dict[str, Account] = {}
        self._make_clock = clock
        self._on_created = on_created
        self._keys = tuple(keys)

    def by_key(self, key: str) -> Account | None:
        """The account of this bearer key, or None if the key is refused. Raises TooManyAccounts."""
        if not key:
            return None
        if self._keys:
            # No early exit: the time taken tells nothing about the keys.
            matches = [hmac.compare_digest(known.encode(), key.encode()) for known in self._keys]
            if not any(matches):
                return None
        return self._by_key.get(key) or self._create(key)

    def by_id(self, account_id: str) -> Account | None:
        return self._by_id.get(account_id)

    def of_session(self, session_id: str) -> list[Account]:
        """Every account that has a session of this id (session actions may come without a key)."""
        return [account for account in self._by_key.values() if session_id in account.records.sessions]

    def all(self) -> list[Account]:
        return list(self._by_key.values())

    def _create(self, key: str) -> Account:
        if len(self._by_key) >= MAX_ACCOUNTS:
            raise TooManyAccounts(f"There are {MAX_ACCOUNTS} accounts already; the emulator makes no more.")
        # Account ids are never seeded: two accounts with one seed must still be told apart by their tokens.
        account = Account(str(uuid.uuid4()), clock=self._make_clock(), rng=random.Random(uuid.uuid4().int))
        self._by_key[key] = account
        self._by_id[account.id] = account
        self._on_created(account)
        return account
