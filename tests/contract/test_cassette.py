"""Cassettes: no secrets in them, and only real differences between two of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulator.contract.cassette import Cassette, CassetteError, Exchange, drift, redacted
from emulator.contract.checks import CHECKS
from emulator.contract.run import run_checks
from emulator.server import Emulator
from tests.contract.wrong_server import wrong_server

SOME = [CHECKS[name] for name in ("room_is_as_it_was_asked_for", "refresh_tokens_work_again", "names_are_unique")]


async def test_two_runs_of_the_same_server_do_not_differ(emulator: Emulator) -> None:
    first = await run_checks(emulator.rest_url, "KEY_one", checks=SOME)
    second = await run_checks(emulator.rest_url, "KEY_two", checks=SOME)
    assert first.cassette.exchanges
    assert drift(first.cassette, second.cassette) == []


@pytest.mark.parametrize(
    ("deviation", "line"),
    [
        ("times_without_z", '+  <     "created_at": "<time with offset>",'),
        ("ids_in_capitals", '+  <     "id": "<ID 1>",'),
        ("created_is_200", "+  < 200"),
        ("unset_is_null", '+  <     "active_session_id": null,'),
    ],
)
async def test_drift_is_a_readable_difference(emulator: Emulator, deviation: str, line: str) -> None:
    right = await run_checks(emulator.rest_url, "KEY_contract", checks=SOME)
    async with wrong_server(emulator.rest_url, "KEY_contract", deviation) as base_url:
        wrong = await run_checks(base_url, "KEY_contract", checks=SOME)
    found = drift(right.cassette, wrong.cassette)
    assert found
    assert line in found[0].diff.splitlines(), found[0].diff


async def test_cassette_holds_no_key_and_no_token_and_reads_back(emulator: Emulator, tmp_path: Path) -> None:
    result = await run_checks(emulator.rest_url, "KEY_very_secret", checks=SOME)
    path = tmp_path / "cassette.jsonl"
    result.cassette.write(path)
    text = path.read_text(encoding="utf-8")
    assert "KEY_very_secret" not in text
    assert "eyJ" not in text
    again = Cassette.read(path)
    assert again.exchanges == result.cassette.exchanges
    assert (again.base_url, again.run) == (emulator.rest_url, result.cassette.run)


def test_tokens_are_taken_out_wherever_they_stand() -> None:
    jwt = "eyJhbGciOiJ4In0.eyJhIjoxfQ.c2ln"
    value = {"data": [{"token": "t", "note": f"use {jwt} now"}], "download_url": "https://x/?signature=1"}
    assert redacted(value) == {"data": [{"token": "<secret>", "note": "use <token> now"}], "download_url": "<secret>"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: a cassette of version 1 begins with"),
        ("{", ":1: no JSON"),
        ('{"cassette": 2}', ":1: a cassette of version 1"),
        ('{"cassette": 1}\n[]', ":2: expected an object, got list"),
        ('{"cassette": 1}\n{"check": "x"}', ":2: no exchange: KeyError"),
    ],
)
def test_what_is_no_cassette_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text(text)
    with pytest.raises(CassetteError) as error:
        Cassette.read(path)
    assert message in str(error.value)


def test_one_that_has_a_check_more_differs() -> None:
    exchange = Exchange("some", "GET", "/rooms", "given", None, 200, {}, {"data": []})
    assert [each.check for each in drift(Cassette("a", ""), Cassette("b", "", [exchange]))] == ["some"]
    assert json.dumps(exchange.as_json())
