"""Any sequence of requests, sensible or not, from several clients at once (`tests.signaling.machine`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.signaling.corpus import FOLDER, Explorer, everything, read
from tests.signaling.machine import check, run


@pytest.mark.parametrize("seed", range(8))
def test_whatever_clients_do_each_request_has_one_answer_and_nothing_is_left_behind(seed: int) -> None:
    check(seed, 300)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_kept_sequences_show_what_was_found_once(path: Path) -> None:
    for steps in read(path):
        run(steps)


def test_explorer_finds_more_from_what_is_kept() -> None:
    found = Explorer(1, everything()).explore(60)
    assert found.failed == []
    assert found.runs == 60
    assert len(found.shown) > 20
