"""`kill -9` under load, a few times; tests/long/test_kill_store.py does it 100 times."""

from __future__ import annotations

from pathlib import Path

from tests.store.killing import Killing


async def test_what_was_acknowledged_is_there_after_kill_9(tmp_path: Path) -> None:
    ledger = await Killing(tmp_path, seed=3).run(3)
    assert ledger.acknowledged > 0
