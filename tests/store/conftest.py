from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.kit import Keeping


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    return Keeping(tmp_path / "data")
