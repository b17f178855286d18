"""`--rooms-emulator-contract`: what a run's tests have used of the API becomes a consumer contract."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest

from emulator.contract.api import Api
from emulator.contract.consumer import Contract
from emulator.contract.replay import Replay
from emulator.contract.run import Verdict
from emulator.server import Emulator
from tests.contract.wrong_server import wrong_server
from tests.plugin.test_plugin import INI

pytest_plugins = "pytester"

TESTS = """
    import pytest
    import telnyx

    @pytest.mark.parametrize("number", range(4))
    def test_rooms_are_made_and_deleted(telnyx_client, number):
        room = telnyx_client.rooms.create(unique_name="lunch").data
        telnyx_client.rooms.delete(room.id)

    @pytest.mark.rooms(seed=7)
    def test_taken_name(telnyx_client):
        telnyx_client.rooms.create(unique_name="lunch", max_participants=5)
        with pytest.raises(telnyx.UnprocessableEntityError):
            telnyx_client.rooms.create(unique_name="lunch", max_participants=5)

    @pytest.mark.rooms(seed=7)
    def test_room_of_the_fixtures(telnyx_client, rooms_room, rooms_participant, rooms_webhooks):
        assert telnyx_client.rooms.retrieve(rooms_room.id).data.id == rooms_room.id
        rooms_participant("alice")
        rooms_webhooks.wait_for("participant.joined")
"""


async def _replayed(contract: Contract, base_url: str) -> list[tuple[str, str]]:
    async with aiohttp.ClientSession() as http, Api(base_url, "KEY_elsewhere", run="replay", http=http) as api:
        return [(str(each.verdict), each.operation) for each in await Replay(contract, api).run()]


def _run(pytester: pytest.Pytester, *arguments: str) -> Path:
    pytester.makefile(".ini", pytest=INI.replace("-p no:xdist", ""))
    pytester.makepyfile(test_app=TESTS)
    result = pytester.runpytest_subprocess("--rooms-emulator-contract=app.json", *arguments)
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["consumer contract: */app.json: 3 operations in * exchanges"])
    return pytester.path / "app.json"


async def test_contract_of_a_run_holds_here_and_breaks_on_another_server(
    pytester: pytest.Pytester, emulator: Emulator
) -> None:
    file = _run(pytester)
    text = file.read_text()
    assert "127.0.0.1" not in text  # ports change, and no other server is to send webhooks to them
    contract = Contract.read(file)
    assert {name: sorted(use.statuses) for name, use in contract.uses.items()} == {
        "CreateRoom": [201, 422],
        "DeleteRoom": [204],
        "ViewRoom": [200],
    }
    assert contract.signaling == set()  # synthetic participants are not the app
    assert contract.webhooks == set()  # nor is the fixtures' receiver
    made = [exchange for exchange in contract.exchanges if exchange.status == 201 and exchange.path == "/rooms"]
    assert len(made) == 3  # not those of tests in which nothing new was said
    verdicts = await _replayed(contract, emulator.rest_url)
    assert {verdict for verdict, _ in verdicts} == {str(Verdict.HOLDS)}
    async with wrong_server(emulator.rest_url, "KEY_elsewhere", "taken_name_is_409") as base_url:
        broken = [name for verdict, name in await _replayed(contract, base_url) if verdict == str(Verdict.DIFFERS)]
    assert broken == ["CreateRoom"]
    assert _run(pytester, "-n2").read_text() == text, (
        "the same tests, whoever ran which of them when, make the same file"
    )


def test_file_that_cannot_be_is_said_before_anything_runs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_subprocess("--rooms-emulator-contract=nowhere/app.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --rooms-emulator-contract: no file can be written at *nowhere/app.json"])


def test_run_without_the_emulator_writes_an_empty_contract(pytester: pytest.Pytester) -> None:
    pytester.makefile(".ini", pytest=INI)
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_subprocess("--rooms-emulator-contract=app.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["consumer contract: *0 operations in 0 exchanges (empty: no test has asked *"])
    told = json.loads((pytester.path / "app.json").read_text())
    assert (told["operations"], told["exchanges"]) == ({}, [])
