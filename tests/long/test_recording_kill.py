"""A hundred `kill -9` while recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.long.conftest import Tell
from tests.recording.killing import TOLERANCE_SECS, Killing

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]

KILLS = 100


async def test_recordings_survive_a_hundred_kills(tmp_path: Path, seed: int, tell: Tell) -> None:
    ledger = await Killing(tmp_path, seed).run(KILLS)
    tell(f"{ledger} (seed {seed})")
    assert len(ledger.missing) > KILLS
    assert max(ledger.missing) < TOLERANCE_SECS
