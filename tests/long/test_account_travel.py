"""A whole server against plain dicts: 2,000 sequences of rooms, tokens, people, moderation, time and restarts."""

from __future__ import annotations

import time
from pathlib import Path

import hypothesis
import pytest
from hypothesis.stateful import get_state_machine_test

from tests.compat.server_house import House
from tests.compat.server_machine import ServerMachine
from tests.long.conftest import Tell
from tests.rooms.test_account_machine import machine_settings

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

EXAMPLES, STEPS = 2_000, 25


def test_the_server_does_what_the_model_says(tmp_path: Path, tell: Tell, seed: int) -> None:
    """Tells nothing of the steps: hypothesis prints them when it fails, cut down to the few that matter."""
    began = time.monotonic()
    house = ServerMachine.house = House(tmp_path / "data")
    ServerMachine.steps.clear()
    try:
        test = get_state_machine_test(ServerMachine, settings=machine_settings(EXAMPLES, STEPS, repeatable=False))
        hypothesis.seed(seed)(test)()
    finally:
        house.close()
    kinds = ", ".join(f"{count} {step}" for step, count in sorted(ServerMachine.steps.items()))
    tell(f"seed {seed}: {EXAMPLES} runs of {STEPS} steps in {time.monotonic() - began:.0f} s: {kinds}")
