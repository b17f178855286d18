"""An account's rules: added all or none, bounded, listed so that they can be sent again."""

from __future__ import annotations

import pytest

from emulator.faults import MAX_RULES, BadFault, TooManyFaults, UnknownFault
from tests.faults.kit import faults, rule


def test_rules_without_an_id_get_one_that_can_be_read() -> None:
    account = faults()
    made = account.add_all([rule(), rule("get_lost"), rule(), rule(id="mine")])
    assert [r.id for r in made] == ["pigeons-sing-1", "pigeons-get_lost-1", "pigeons-sing-2", "mine"]


def test_a_made_up_id_leaves_those_alone_that_are_asked_for() -> None:
    account = faults()
    made = account.add_all([rule(), rule(id="pigeons-sing-1")])
    assert [r.id for r in made] == ["pigeons-sing-2", "pigeons-sing-1"]


@pytest.mark.parametrize("wrong", [rule("sin"), rule(id="first"), rule(id="twice"), 17])
def test_all_are_added_or_none(wrong: object) -> None:
    account = faults()
    account.add(rule(id="first"))
    with pytest.raises(BadFault) as refused:
        account.add_all([rule(id="twice"), wrong], "/faults")
    assert refused.value.pointer.startswith("/faults/1")
    assert [r.id for r in account.rules] == ["first"]


def test_an_account_has_a_bounded_number_of_rules() -> None:
    account = faults()
    account.add_all([rule()] * (MAX_RULES - 1))
    with pytest.raises(TooManyFaults, match=str(MAX_RULES)):
        account.add_all([rule(), rule()])
    account.add(rule())
    with pytest.raises(TooManyFaults):
        account.add(rule())
    assert len(account.rules) == MAX_RULES
    assert account.clear() == MAX_RULES
    account.add(rule())


def test_removing_what_is_not_there_says_so() -> None:
    account = faults()
    account.add(rule(id="mine"))
    assert account.remove("mine").id == "mine"
    with pytest.raises(UnknownFault, match="mine"):
        account.remove("mine")
    with pytest.raises(BadFault, match="a list of faults, got an object"):
        account.add_all({})


def test_what_is_listed_can_be_sent_again() -> None:
    account = faults()
    account.add(
        rule(
            "rest",
            parameters={"secs": {"lognormal": {"median": 1, "sigma": 0.5}}, "marks": {"a": 1}},
            match={"town": ["B*", "Ulm"], "attempt": 2},
            probability=0.25,
            count=3,
            after=1,
            seed=-9,
        )
    )
    account.add(rule("get_lost"))
    listed = [r.as_json() for r in account.rules]
    again = faults()
    again.add_all(listed)
    assert [r.as_json() for r in again.rules] == listed
    assert listed[0]["parameters"]["breaks"] == 1
    assert "weight" not in listed[0]["parameters"]
    assert listed[0]["match"] == {"town": ["B*", "Ulm"], "attempt": "2"}
    assert "count" not in listed[1]
