"""The API key is the account."""

from __future__ import annotations

import pytest

from emulator.rooms.account import Account
from emulator.rooms.accounts import Accounts, TooManyAccounts
from tests.rooms.kit import join, make_room


def account(accounts: Accounts, key: str) -> Account:
    found = accounts.by_key(key)
    assert found is not None
    return found


def test_any_key_is_an_account_when_none_are_configured() -> None:
    accounts = Accounts()
    assert account(accounts, "a") is account(accounts, "a") is not account(accounts, "b")
    assert accounts.by_key("") is None


def test_only_configured_keys_are_known() -> None:
    """R-15."""
    accounts = Accounts(keys=["a", "b"])
    assert account(accounts, "a") is account(accounts, "a") is not account(accounts, "b")
    for key in ("", "c", "aa", "A"):
        assert accounts.by_key(key) is None


def test_account_is_found_by_the_id_in_its_tokens() -> None:
    accounts = Accounts()
    one = account(accounts, "a")
    assert accounts.by_id(one.id) is one
    assert accounts.by_id("unknown") is None


def test_ids_of_accounts_differ_between_emulators() -> None:
    """Never seeded (design.md): tokens of two runs must not be mixed up."""
    assert account(Accounts(), "a").id != account(Accounts(), "a").id


def test_sessions_are_found_over_all_accounts() -> None:
    accounts = Accounts()
    one, other = account(accounts, "a"), account(accounts, "b")
    session_id = join(one, make_room(one)).session_id
    join(other, make_room(other))
    assert accounts.of_session(session_id) == [one]
    assert accounts.of_session("unknown") == []


def test_accounts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.rooms.accounts.MAX_ACCOUNTS", 2)
    accounts = Accounts()
    for key in ("a", "b", "a"):
        account(accounts, key)
    with pytest.raises(TooManyAccounts):
        accounts.by_key("c")


def test_whoever_wires_the_emulator_hears_of_each_new_account_once() -> None:
    made: list[Account] = []
    accounts = Accounts(on_created=made.append)
    account(accounts, "a")
    account(accounts, "a")
    assert made == [account(accounts, "a")]
