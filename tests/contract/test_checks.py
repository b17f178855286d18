"""The checks hold against the emulator, and find a server out that is wrong in one thing."""

from __future__ import annotations

import pytest

from emulator.contract.checks import CHECKS
from emulator.contract.report import Report
from emulator.contract.run import Verdict, run_checks
from emulator.server import Emulator
from tests.contract.wrong_server import CHANGES, deviations, wrong_server


async def test_all_checks_hold_against_the_emulator(emulator: Emulator) -> None:
    result = await run_checks(emulator.rest_url, "KEY_contract")
    assert [str(finding) for finding in result.findings if finding.verdict is not Verdict.HOLDS] == []
    assert len(result.findings) == len(CHECKS)
    account = emulator.accounts.by_key("KEY_contract")
    assert account is not None
    assert not account.records.rooms, "the run clears its rooms away"


def test_every_deviation_written_down_has_a_server() -> None:
    assert [each["id"] for each in deviations()] == list(CHANGES)
    assert len(CHANGES) == 20


@pytest.mark.parametrize("deviation", deviations(), ids=lambda each: each["id"])
async def test_deviation_is_found_and_named(emulator: Emulator, deviation: dict[str, str]) -> None:
    async with wrong_server(emulator.rest_url, "KEY_contract", deviation["id"]) as base_url:
        result = await run_checks(base_url, "KEY_contract")
    found = [finding for finding in result.findings if finding.verdict is not Verdict.HOLDS]
    assert all(finding.verdict is Verdict.DIFFERS for finding in found), list(map(str, found))
    assert any(deviation["rule"] in finding.check.rules for finding in found), list(map(str, found))


async def test_what_does_not_answer_is_not_reachable() -> None:
    result = await run_checks("http://127.0.0.1:9", "KEY")
    assert {finding.verdict for finding in result.findings} == {Verdict.NOT_REACHABLE}


async def test_an_answer_that_breaks_the_description_differs_although_the_check_would_hold(emulator: Emulator) -> None:
    async with wrong_server(emulator.rest_url, "KEY_contract", "unset_is_null") as base_url:
        result = await run_checks(base_url, "KEY_contract", checks=[CHECKS["a_room_may_keep_its_name"]])
    assert result.findings[0].verdict is Verdict.DIFFERS
    assert "answer /data/active_session_id: None is not of type 'string'" in result.findings[0].message


async def test_rooms_that_could_not_be_deleted_are_told(emulator: Emulator) -> None:
    rule = {"surface": "rest", "kind": "status", "parameters": {"status": 503}, "match": {"operation": "DeleteRoom"}}
    account = emulator.accounts.by_key("KEY_contract")
    assert account is not None
    emulator.faults.of(account.id).add(rule)
    check = CHECKS["room_is_as_it_was_asked_for"]
    result = await run_checks(emulator.rest_url, "KEY_contract", checks=[check])
    assert result.findings[0].verdict is Verdict.HOLDS
    assert set(result.left) == set(account.records.rooms)
    assert len(result.left) == 1
    assert f"still there: {result.left[0]}" in "\n".join(Report(result).lines())
