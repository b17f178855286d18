"""Schemathesis, all checks, against the vendor's public description: nothing is found (R-12, R-18 to R-21).

What is amended in the description is in `tests.contract_fuzz.amended_document`; what is allowed to differ, each with
its item of the reference, in `tests.contract_fuzz.deviations`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.served import DOCUMENT
from tests.contract_fuzz.campaign import run
from tests.long.conftest import Tell

SECONDS = 60

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(6 * SECONDS),
    pytest.mark.skipif(not DOCUMENT.exists(), reason=f"the public description is not at hand ({DOCUMENT})"),
]


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_nothing_is_found(tmp_path: Path, tell: Tell, seed: int, number: int) -> None:
    outcome = await run(DOCUMENT, tmp_path, seconds=SECONDS, seed=seed + number)
    assert outcome.status == 0, outcome.output
    tell(f"seed {seed + number}: {outcome.summary}")
    assert outcome.requests > 300, outcome.output
