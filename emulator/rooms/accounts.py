"""All accounts of one emulator: the API key is the account."""

from __future__ import annotations

import hmac
import logging
import random
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta

from emulator.clock import Clock, RealClock
from emulator.events import StoreError
from emulator.rooms.account import Account
from emulator.rooms.archive import Archive, Archives
from emulator.travelling_clock import TravellingClock

log = logging.getLogger("emulator.rooms")

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
        self._keys = tuple(key.encode() for key in keys)
        self._archives: Archives | None = None

    def restore(self, archives: Archives) -> None:
        """Bring back every account that is written there, and write down what happens from now on.

        An account has its old id and records; its generators go on elsewhere, so that no id comes twice; its clock
        begins no earlier than its last event. Sessions that were live are ended, once everybody is watching. Raises
        StoreError.
        """
        self._archives = archives
        accounts = [self._restored(archive) for archive in archives.accounts()]
        for account in accounts:
            account.end_interrupted()
            account.compact()

    def _restored(self, archive: Archive) -> Account:
        clock = self._make_clock()
        if not isinstance(clock, TravellingClock):
            clock = TravellingClock()  # the real one cannot be moved, if it is behind the last event
        seed = uuid.uuid4().int if archive.seed is None else f"{archive.seed}, start {archive.start}"
        account = Account(archive.account_id, clock=clock, rng=random.Random(seed))
        last = account.restore(archive)
        if last is not None and (behind := last - clock.now()) > timedelta():
            clock.jump(behind)
        self._enter(archive.key, account)
        return account

    def write_pending(self) -> None:
        """Write what could not be written before (`EventLog.behind`); what still cannot, waits on."""
        for account in self._by_key.values():
            if account.log.behind:
                try:
                    account.log.write_pending()
                except StoreError as error:
                    log.debug("account %s: events wait on: %s", account.id, error)

    def by_key(self, key: str) -> Account | None:
        """The account of this bearer key, or None if the key is refused. Raises TooManyAccounts."""
        if not self.accepts(key):
            return None
        return self._by_key.get(key) or self._create(key, self._seed, self._make_clock())

    def accepts(self, key: str) -> bool:
        """Whether this key has an account, or would have one at its first use."""
        if not key or not self._keys:
            return bool(key)
        # No early exit: the time taken tells nothing about the keys.
        given = key.encode()
        matches = [hmac.compare_digest(known, given) for known in self._keys]
        return True in matches

    def add(self, key: str, *, seed: int | None = None, clock: Clock | None = None) -> Account:
        """A fresh account under a key of its own, with a seed and a clock of its own if given.

        Raises AccountExists for a key that has been used, TooManyAccounts.
        """
        if not key or key in self._by_key:
            raise AccountExists("expected a key that no account has yet, got " + ("one in use" if key else "none"))
        if self._keys and key.encode() not in self._keys:
            self._keys = (*self._keys, key.encode())
        return self._create(key, self._seed if seed is None else seed, clock or self._make_clock())

    def by_id(self, account_id: str) -> Account | None:
        return self._by_id.get(account_id)

    def of_session(self, session_id: str) -> list[Account]:
        """Every account that has a session of this id (session actions may come without a key)."""
        return [account for account in self._by_key.values() if session_id in account.records.sessions]

    def of_refresh_token(self, token: str) -> list[tuple[Account, str]]:
        """Every account with this literal refresh token, and the room it opens there (R-117)."""
        # Compared with all of them, in constant time: how long it takes tells nothing about them.
        wanted = token.encode("utf-8", "surrogatepass")
        return [
            (account, room_id)
            for account in self._by_key.values()
            for known, room_id in account.records.refresh_tokens.items()
            if hmac.compare_digest(known.encode("utf-8", "surrogatepass"), wanted)
        ]

    def all(self) -> list[Account]:
        return list(self._by_key.values())

    def __contains__(self, key: str) -> bool:
        """Whether this key has an account already; asking makes none."""
        return key in self._by_key

    def forget(self, key: str) -> Account | None:
        """Drop the account of this key with all its records; its tokens are refused from now on.

        Returns it, or None if there is none. The key is as good as new: its next use makes another account.
        Raises StoreError when it is written somewhere and cannot be removed from there.
        """
        account = self._by_key.get(key)
        if account is not None:
            account.forget()
            del self._by_key[key], self._by_id[account.id]
        return account

    def _create(self, key: str, seed: int | None, clock: Clock) -> Account:
        if len(self._by_key) >= MAX_ACCOUNTS:
            raise TooManyAccounts(f"There are {MAX_ACCOUNTS} accounts already; the emulator makes no more.")
        # Account ids are never seeded: two accounts with one seed must still be told apart by their tokens.
        rng = random.Random(uuid.uuid4().int if seed is None else seed)
        account = Account(str(uuid.uuid4()), clock=clock, rng=rng)
        if self._archives is not None:
            account.keep(self._archives.new_account(account.id, key, seed))
        self._enter(key, account)
        return account

    def _enter(self, key: str, account: Account) -> None:
        self._by_key[key] = account
        self._by_id[account.id] = account
        self._on_created(account)
