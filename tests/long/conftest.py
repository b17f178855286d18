"""Figures of the long tier: each test tells its own, and all of them stand together at the end of the run."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

Tell = Callable[[str], None]

_told = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """`tell("figures in one line")`: shown in the summary."""
    lines = request.config.stash.setdefault(_told, [])

    def note(line: str) -> None:
        lines.append(f"{request.node.name}: {line}")

    return note


@pytest.fixture
def seed() -> int:
    """Another one each time; `LONG_SEED=n` repeats a run. Tests tell theirs."""
    given = os.environ.get("LONG_SEED")
    return int(given) if given else random.SystemRandom().randrange(10**9)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash.get(_told, [])
    if lines:
        terminalreporter.section("figures of the long tier")
        for line in lines:
            terminalreporter.write_line(line)
