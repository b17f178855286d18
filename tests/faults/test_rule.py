"""When a rule fires: match, after, probability, count, seed."""

from __future__ import annotations

import pytest

from tests.faults.kit import PIGEONS, RAVENS, book, faults, pattern, rule


@pytest.mark.parametrize(
    ("match", "facts", "expected"),
    [
        ({}, {}, True),
        ({"town": "Bonn"}, {"town": "Bonn"}, True),
        ({"town": "Bonn"}, {"town": "Bonn-Beuel"}, False),
        ({"town": "Bonn*"}, {"town": "Bonn-Beuel"}, True),
        ({"town": "/rooms*"}, {"town": "/rooms/a/b\nc"}, True),
        ({"town": "bonn"}, {"town": "Bonn"}, False),
        ({"town": "[BK]onn?"}, {"town": "Konny"}, True),
        ({"town": ["Ulm", "B*"]}, {"town": "Bonn"}, True),
        ({"town": ["Ulm", "B*"]}, {"town": "Kiel"}, False),
        ({"town": "*"}, {}, False),
        ({"town": "*"}, {"town": None}, False),
        ({"town": "*"}, {"town": ""}, True),
        ({"town": "B*", "colour": "grey"}, {"town": "Bonn", "colour": "white"}, False),
        ({"town": "B*", "colour": "grey"}, {"town": "Bonn", "colour": "grey"}, True),
        ({"attempt": 1}, {"attempt": "1"}, True),
        ({"attempt": [1, 2]}, {"attempt": "12"}, False),
        ({"town": "/v2/*"}, {"town": ("/rooms", "/v2/rooms")}, True),
        ({"town": "/v1/*"}, {"town": ("/rooms", "/v2/rooms")}, False),
    ],
)
def test_every_named_fact_must_fit_one_of_its_globs(match: object, facts: dict[str, str], expected: bool) -> None:
    account = faults_of(match)
    assert bool(account.draw(PIGEONS, facts)) is expected
    assert account.rules[0].matched == int(expected)


def faults_of(match: object):  # type: ignore[no-untyped-def]  # shorthand of the test above
    account = faults()
    account.add(rule(match=match))
    return account


def test_once_then_succeed() -> None:
    account = faults()
    account.add(rule(count=1))
    assert pattern(account, 4) == [True, False, False, False]
    assert (account.rules[0].matched, account.rules[0].fired) == (4, 1)


def test_first_matches_are_spared_and_other_facts_do_not_count() -> None:
    account = faults()
    account.add(rule(match={"town": "Bonn"}, after=2, count=2))
    pattern(account, 5, town="Ulm")
    assert pattern(account, 6, town="Bonn") == [False, False, True, True, False, False]
    assert (account.rules[0].matched, account.rules[0].fired) == (6, 2)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_probability_shows_in_many_draws(probability: float) -> None:
    """4000 draws: five standard deviations are at most 4 %."""
    account = faults()
    account.add(rule(probability=probability, seed=5))
    share = sum(pattern(account, 4000)) / 4000
    assert share == pytest.approx(probability, abs=0.04)


def test_probabilities_0_and_1_are_never_and_always() -> None:
    account = faults()
    account.add(rule(probability=0, count=1))
    assert not any(pattern(account, 500))
    account.clear()
    account.add(rule(probability=1))
    assert all(pattern(account, 500))


def test_count_is_of_firings_not_of_matches() -> None:
    account = faults()
    account.add(rule(probability=0.3, count=3, seed=1))
    assert sum(pattern(account, 200)) == 3


def test_same_seed_draws_the_same_and_another_does_not() -> None:
    def drawn(**more: object) -> list[bool]:
        account = faults()
        account.add(rule(probability=0.5, **more))
        return pattern(account, 64)

    assert drawn(seed=7) == drawn(seed=7)
    assert drawn() == drawn()
    assert drawn(seed=7) != drawn(seed=8)


def test_same_seed_draws_the_same_after_remove_and_clear() -> None:
    account = faults()
    first = account.add(rule(probability=0.5, seed=3))
    before = pattern(account, 64)
    account.remove(first.id)
    account.add(rule(probability=0.5, seed=3))
    assert pattern(account, 64) == before
    account.clear()
    account.add(rule(probability=0.5, seed=3))
    assert pattern(account, 64) == before


def test_rules_do_not_disturb_each_other() -> None:
    alone, together = faults(), faults()
    alone.add(rule(id="mine", probability=0.5))
    together.add(rule(id="other", probability=0.5))
    together.add(rule(id="mine", probability=0.5))
    expected = pattern(alone, 64)
    drawn = [[fired.rule_id for fired in together.draw(PIGEONS, {})] for _ in range(64)]
    assert ["mine" in ids for ids in drawn] == expected
    assert ["other" in ids for ids in drawn] != expected


def test_what_a_fault_draws_while_it_happens_changes_no_later_draw() -> None:
    plain, greedy = faults(), faults()
    for account in (plain, greedy):
        account.add(rule(probability=0.5, seed=9))
    expected = pattern(plain, 64)
    seen = []
    for _ in range(64):
        fired = greedy.draw(PIGEONS, {})
        seen.append(bool(fired))
        for happening in fired:
            [happening.rng.random() for _ in range(100)]
    assert seen == expected


def test_each_happening_draws_anew_and_repeatably() -> None:
    def drawn() -> list[float]:
        account = faults()
        account.add(rule("rest", parameters={"secs": {"uniform": [0, 1]}}, seed=4))
        found = []
        for _ in range(20):
            [happening] = account.draw(PIGEONS, {})
            found.append(happening.fault.secs.draw(happening.rng))  # type: ignore[attr-defined]  # it is this kind
        return found

    assert drawn() == drawn()
    assert len(set(drawn())) == 20


def test_a_final_fault_is_the_last_and_later_rules_are_neither_asked_nor_counted() -> None:
    """So "lost once" and "lost once" are two losses."""
    account = faults()
    song, loss, another = account.add_all([rule(), rule("get_lost", count=1), rule("get_lost", count=1)])
    assert [fired.rule_id for fired in account.draw(PIGEONS, {})] == [song.id, loss.id]
    assert (another.matched, another.fired) == (0, 0)
    assert [fired.rule_id for fired in account.draw(PIGEONS, {})] == [song.id, another.id]
    assert [fired.rule_id for fired in account.draw(PIGEONS, {})] == [song.id]


def test_surfaces_and_accounts_hear_nothing_of_each_other() -> None:
    accounts = book()
    added = accounts.of("a").add(rule("get_lost"))
    assert accounts.active("a", PIGEONS)
    assert not accounts.active("a", RAVENS)
    assert not accounts.active("b", PIGEONS)
    assert accounts.draw("b", PIGEONS, {}) == []
    assert accounts.draw("a", RAVENS, {}) == []
    assert added.matched == 0
    assert len(accounts.draw("a", PIGEONS, {})) == 1
    accounts.forget("a")
    assert accounts.draw("a", PIGEONS, {}) == []
    assert accounts.of("a").rules == []


def test_where_a_fault_makes_no_sense_its_rule_is_no_match() -> None:
    account = faults()
    added = account.add(rule("moult", count=1))
    assert pattern(account, 2, colour="bald") == [False, False]
    assert added.matched == 0
    assert pattern(account, 2, colour="grey") == [True, False]
