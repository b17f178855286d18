"""Many tests in many workers, each with an emulator of its own: none fails, in any of several runs."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
pytest_plugins = "pytester"

WORKERS, TESTS, RUNS = 8, 400, 5
INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
addopts = -p no:cacheprovider -p no:faker -p no:hypothesispytest -p no:schemathesis -p no:timeout
"""
CODE = f"""
    import pytest

    @pytest.mark.parametrize("number", range({TESTS * 3 // 4}))
    def test_rest(rooms_emulator, rooms_webhooks, number):
        room = rooms_emulator.create_room(unique_name="lunch")
        alice = rooms_emulator.participant(room, "alice")
        rooms_webhooks.wait_for("participant.joined", {{"participant_id": alice}}, timeout=60)

    @pytest.mark.parametrize("number", range({TESTS // 4}))
    def test_media(rooms_participant, number):
        alice = rooms_participant("alice", publish="self")
        bob = rooms_participant("bob", subscribe="all")
        bob.sees(alice, within=60)
        bob.hears(alice, within=60)
"""


def test_400_tests_in_8_workers_pass_5_times(pytester: pytest.Pytester, tell: Callable[[str], None]) -> None:
    pytester.makefile(".ini", pytest=INI)
    pytester.makepyfile(test_it=CODE)
    for number in range(1, RUNS + 1):
        began = time.monotonic()
        result = pytester.run(sys.executable, "-m", "pytest", f"-n{WORKERS}", "-q", timeout=600)
        result.assert_outcomes(passed=TESTS)
        last = re.sub(r"=+", "", result.outlines[-1]).strip()
        tell(f"run {number}: {WORKERS} workers, {last}, {time.monotonic() - began:.0f} s in all")
