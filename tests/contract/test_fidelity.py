"""The fidelity page says what is true: every behaviour is named by tests that exist."""

from __future__ import annotations

import json
import sys
from asyncio import create_subprocess_exec, subprocess

import aiohttp

from emulator.contract.checks import CHECKS
from emulator.contract.fidelity import Basis, lines, page, rules, summary
from emulator.server import Emulator
from tests.contract.fidelity import FILE, LAST, ROOT, collected, numbers, numbers_in_name


def test_every_rule_is_stated_and_named_by_a_test() -> None:
    assert list(rules()) == [f"{letter}-{number}" for letter in "RS" for number in range(1, LAST + 1)]
    assert all(rule.says for rule in rules().values())
    named = collected()
    assert [number for number in rules() if number not in named] == []


def test_tests_that_are_listed_exist_and_name_the_rule() -> None:
    """The file may lag behind the tests, never lie: `python -m tests.contract.fidelity` makes it anew."""
    for number, places in json.loads(FILE.read_text(encoding="utf-8")).items():
        assert places, number
        for place in places:
            file, _, function = place.partition("::")
            source = (ROOT / file).read_text(encoding="utf-8")
            assert f"def {function}(" in source or not function, f"{number}: there is no {place}"
            assert number in numbers(source) | numbers_in_name(function), f"{number}: {place} does not name it"


def test_names_of_rules_are_read_in_all_their_forms() -> None:
    assert numbers("R-7, S-9 to S-11; ERR-4") == {"R-7", "S-9", "S-10", "S-11"}
    assert numbers_in_name("test_s93_after_a_departure_r12") == {"S-93", "R-12"}


def test_checks_stand_on_rules_and_are_no_surer_than_they() -> None:
    for check in CHECKS.values():
        certainty = list(Basis).index(check.basis)
        assert certainty == max(list(Basis).index(rules()[number].basis) for number in check.rules), check.id


def test_the_page_and_the_lines_tell_every_rule() -> None:
    assert all(rule.number in page() for rule in rules().values())
    assert lines()[-1] == summary()
    assert "236 behaviours" in summary()


async def test_fidelity_is_told_by_the_server_and_by_the_command(emulator: Emulator) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{emulator.admin_url}/fidelity", headers={"Accept": "text/html"}) as answer:
            assert answer.status == 200
            assert "<h1>Fidelity</h1>" in await answer.text()
        async with http.get(f"{emulator.admin_url}/fidelity") as answer:
            told = (await answer.json())["data"]
    assert {rule["number"] for rule in told} == set(rules())
    process = await create_subprocess_exec(sys.executable, "-m", "emulator", "fidelity", stdout=subprocess.PIPE)
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0
    assert output.strip().splitlines()[-1] == summary()
