"""The API key is the account."""

from __future__ import annotations

import pytest

from emulator.rooms.account import Account
from emulator.rooms.accounts import AccountExists, Accounts, TooManyAccounts
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


def test_accounts_with_one_seed_draw_the_same_ids_and_have_different_ones_themselves() -> None:
    accounts = Accounts(seed=3)
    one, other = account(accounts, "a"), account(accounts, "b")
    different = accounts.add("c", seed=4)
    assert make_room(one).id == make_room(other).id != make_room(different).id
    assert one.id != other.id


def test_how_many_tokens_were_made_does_not_change_other_ids() -> None:
    """Clients ask for tokens when it suits them; rooms and sessions of a seed must not depend on it."""
    accounts = Accounts(seed=3)
    one, other = account(accounts, "a"), account(accounts, "b")
    tokens = [one.new_token_id() for _ in range(3)]
    assert other.new_token_id() == tokens[0]
    assert make_room(one).id == make_room(other).id


def test_connections_are_counted_per_account() -> None:
    one, other = Accounts().add("a"), Accounts().add("b")
    assert [one.new_connection(), one.new_connection(), other.new_connection()] == ["1", "2", "1"]


def test_a_key_can_be_added_once() -> None:
    accounts = Accounts(keys=["a"])
    added = accounts.add("b")
    assert account(accounts, "b") is added
    for key in ("b", ""):
        with pytest.raises(AccountExists):
            accounts.add(key)


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
