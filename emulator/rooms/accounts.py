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


class AccountsError(Exception):
    """Base of what making an account can raise; the text says why."""


class TooManyAccounts(AccountsError):
    pass


class AccountExists(AccountsError):
    pass


class Accounts:
    """Finds the account of a key, of a user id in a token, of a session id.

    With `keys`, only those keys are known (and those that were added); without, any non-empty key. An account is made
    on first use. With `seed`, every account draws the same ids as every other one does with that seed; an account's own
    id, which its tokens name, is never seeded.
    """

    def __init__(
        self,
        *,
        keys: Sequence[str] = (),
        clock: Callable[[], Clock] = RealClock,
        seed: int | None = None,
        on_created: Callable[[Account], None] = lambda account: None,
    ) -> None:
        self._by_key: dict[str, Account] = {}
        self._by_id: dict[str, Account] = {}
        self._make_clock = clock
        self._seed = seed
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
        return self._by_key.get(key) or self._create(key, self._seed, self._make_clock())

    def add(self, key: str, *, seed: int | None = None, clock: Clock | None = None) -> Account:
        """A fresh account under a key of its own, with a seed and a clock of its own if given.

        Raises AccountExists for a key that has been used, TooManyAccounts.
        """
        if not key or key in self._by_key:
            raise AccountExists("expected a key that no account has yet, got " + ("one in use" if key else "none"))
        if self._keys and key not in self._keys:
            self._keys = (*self._keys, key)
        return self._create(key, self._seed if seed is None else seed, clock or self._make_clock())

    def by_id(self, account_id: str) -> Account | None:
        return self._by_id.get(account_id)

    def of_session(self, session_id: str) -> list[Account]:
        """Every account that has a session of this id (session actions may come without a key)."""
        return [account for account in self._by_key.values() if session_id in account.records.sessions]

    def all(self) -> list[Account]:
        return list(self._by_key.values())

    def __contains__(self, key: str) -> bool:
        """Whether this key has an account already; asking makes none."""
        return key in self._by_key

    def forget(self, key: str) -> Account | None:
        """Drop the account of this key with all its records; its tokens are refused from now on.

        Returns it, or None if there is none. The key is as good as new: its next use makes another account.
        """
        account = self._by_key.pop(key, None)
        if account is not None:
            del self._by_id[account.id]
        return account

    def _create(self, key: str, seed: int | None, clock: Clock) -> Account:
        if len(self._by_key) >= MAX_ACCOUNTS:
            raise TooManyAccounts(f"There are {MAX_ACCOUNTS} accounts already; the emulator makes no more.")
        # Account ids are never seeded: two accounts with one seed must still be told apart by their tokens.
        rng = random.Random(uuid.uuid4().int if seed is None else seed)
        account = Account(str(uuid.uuid4()), clock=clock, rng=rng)
        self._by_key[key] = account
        self._by_id[account.id] = account
        self._on_created(account)
        return account
