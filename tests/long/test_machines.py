"""The random sequences of the ordinary suite, many more of them and longer."""

from __future__ import annotations

import time
from collections import Counter

import hypothesis
import pytest
from hypothesis.stateful import get_state_machine_test

from tests.long.conftest import Tell
from tests.rooms.test_account_machine import AccountMachine, machine_settings
from tests.signaling.machine import check

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

EXAMPLES, STEPS = 300, 60
RUNS, LENGTH = 200, 400


def test_account_against_its_model(tell: Tell, seed: int) -> None:
    """Tells nothing of the steps: hypothesis prints them when it fails, cut down to the few that matter."""
    told: Counter[str] = Counter()

    class Counting(AccountMachine):
        def teardown(self) -> None:
            super().teardown()
            told.update(record.event.type for record in self.heard)

    began = time.monotonic()
    test = get_state_machine_test(Counting, settings=machine_settings(EXAMPLES, STEPS, repeatable=False))
    hypothesis.seed(seed)(test)()
    kinds = ", ".join(f"{count} {kind}" for kind, count in told.most_common())
    tell(f"seed {seed}: {EXAMPLES} runs of {STEPS} steps in {time.monotonic() - began:.1f} s: {kinds}")


def test_signaling_of_several_clients(tell: Tell, seed: int) -> None:
    began = time.monotonic()
    answers: Counter[str] = Counter()
    for number in range(RUNS):
        answers += check(seed + number, LENGTH)
    kinds = ", ".join(f"{count} {kind!r}" for kind, count in answers.most_common())
    tell(f"seeds from {seed}: {RUNS} runs of {LENGTH} steps in {time.monotonic() - began:.1f} s: {kinds}")
