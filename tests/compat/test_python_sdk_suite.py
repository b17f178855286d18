"""The official Python SDK's own room tests, un-skipped, against an emulator that holds the state they take for granted.

They call with the values of the public document's examples, three of which contradict the document itself (R-117):
page values of 0, a composition without `session_id`, a refresh token that nobody has signed. Strict, exactly those
fail; lenient, nothing does.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from emulator.server import Config, Emulator
from tests.compat.sdk_suite import CLIENTS, Report, run

# Fetching the source distribution may take its time, once.
pytestmark = pytest.mark.timeout(400)

TESTS = 550

PAGE_VALUES_OF_0 = {
    f"{file}::{test}_with_all_params"
    for file, test in (
        ("rooms/test_sessions.py", "test_method_list_0"),
        ("rooms/test_sessions.py", "test_method_list_1"),
        ("rooms/test_sessions.py", "test_method_retrieve_participants"),
        ("test_room_compositions.py", "test_method_list"),
        ("test_room_participants.py", "test_method_list"),
        ("test_room_recordings.py", "test_method_delete_bulk"),
        ("test_room_recordings.py", "test_method_list"),
        ("test_rooms.py", "test_method_list"),
    )
}
COMPOSITION_OF_NO_SESSION = {
    f"test_room_compositions.py::{test}"
    for test in ("test_method_create", "test_raw_response_create", "test_streaming_response_create")
}
LITERAL_REFRESH_TOKEN = {
    f"rooms/test_actions.py::{test}"
    for test in (
        "test_method_refresh_client_token",
        "test_method_refresh_client_token_with_all_params",
        "test_raw_response_refresh_client_token",
        "test_streaming_response_refresh_client_token",
    )
}
CONTRADICTIONS = PAGE_VALUES_OF_0 | COMPOSITION_OF_NO_SESSION | LITERAL_REFRESH_TOKEN
"""What fails in strict mode, each with every client: synchronous or not, lax or strict about types."""


async def _run(folder: Path, *, lenient: bool) -> Report:
    async with Emulator(Config(port=0, lenient=lenient)) as emulator:
        return await asyncio.to_thread(
            run, emulator.rest_url, emulator.admin_url, folder, refresh_tokens=lenient, timeout=300
        )


async def test_lenient_all_of_the_sdks_own_tests_pass(tmp_path: Path) -> None:
    """R-117: 550 of 550."""
    report = await _run(tmp_path, lenient=True)
    assert not report.others(), report.described()
    assert report.passed() == TESTS


async def test_strict_only_the_contradictions_fail(tmp_path: Path) -> None:
    """R-116: 475 of 550."""
    report = await _run(tmp_path, lenient=False)
    failed = report.others()
    unexpected = [outcome for outcome in failed if outcome.group not in CONTRADICTIONS or outcome.status != "failed"]
    assert not unexpected, report.described(unexpected)
    assert {outcome.group for outcome in failed} == CONTRADICTIONS
    assert len(failed) == len(CONTRADICTIONS) * CLIENTS
    assert report.passed() == TESTS - len(failed) == 475
