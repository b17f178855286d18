"""`kill -9` of an emulator with a data directory, again and again, at random moments under load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.long.conftest import Tell
from tests.store.killing import Killing

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

KILLS = 100


async def test_nothing_acknowledged_is_lost_in_a_hundred_kills(tmp_path: Path, tell: Tell, seed: int) -> None:
    ledger = await Killing(tmp_path, seed).run(KILLS)
    tell(f"seed {seed}: {ledger}")
