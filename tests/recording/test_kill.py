"""`kill -9` while recording: once here, a hundred times in the long tier."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recording.killing import TOLERANCE_SECS, Killing


@pytest.mark.parametrize("seed", [1])
async def test_recordings_survive_kill_9(tmp_path: Path, seed: int) -> None:
    ledger = await Killing(tmp_path, seed).run(1)
    assert ledger.missing
    assert max(ledger.missing) < 2 * TOLERANCE_SECS  # the long tier holds the real bound
