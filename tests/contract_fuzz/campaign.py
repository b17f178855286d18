"""One run of Schemathesis, all checks, against a served emulator in which people come and go."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from emulator.server import Config, Emulator
from tests.compat.sdk_suite import state_document
from tests.contract_fuzz.amended_document import amended
from tests.contract_fuzz.population import Population

KEY = "KEY_of_the_fuzzer"
ROOT = Path(__file__).resolve().parents[2]

# Every check is on by default. Warnings tell of operations that met nothing but refusals.
_SETTINGS = f"""\
hooks = "tests.contract_fuzz.deviations"
color = false
[auth.openapi.bearerAuth]
bearer = "{KEY}"
"""


@dataclass(frozen=True)
class Outcome:
    status: int
    """Of the command: 0 when there is no finding."""
    output: str
    allowed: dict[str, int]
    """Rows of the table of deviations, and how often each was needed."""
    requests: int

    @property
    def summary(self) -> str:
        allowed = "; ".join(f"{count} x {row}" for row, count in sorted(self.allowed.items()))
        return f"{self.requests} requests; allowed: {allowed or 'nothing'}"


async def run(description: Path, into: Path, *, seconds: int, seed: int) -> Outcome:
    """`into`: an empty folder. The description's own examples find what they name (fixtures/sdk_state.json)."""
    (into / "schemathesis.toml").write_text(_SETTINGS)
    (into / "document.json").write_text(json.dumps(amended(description), default=_date))
    allowed = into / "allowed.json"
    async with Emulator(Config(port=0, api_keys=(KEY,))) as emulator:
        account = emulator.accounts.by_key(KEY)
        assert account is not None
        account.load_state(state_document(refresh_tokens=True))
        life = asyncio.create_task(Population(account, random.Random(seed)).live())
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", "from schemathesis.cli import schemathesis; schemathesis()"),
            *("run", "document.json", f"--url={emulator.rest_url}"),
            *(
                f"--max-time={seconds}",
                f"--seed={seed}",
                "--checks=all",
                "--report=json",
                "--report-json-path=report.json",
            ),
            cwd=into,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "ALLOWED_FILE": str(allowed),
                "NO_COLOR": "1",
                "COLUMNS": "200",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert not life.done(), life
        life.cancel()
    return Outcome(
        process.returncode or 0,
        output.decode(),
        json.loads(allowed.read_text()) if allowed.exists() else {},
        _count(into / "report.json"),
    )


def _count(report: Path) -> int:
    found = json.loads(report.read_text())["test_cases"]["generated"]
    assert isinstance(found, int)
    return found


def _date(value: Any) -> str:
    """YAML reads the examples' dates as such."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"no JSON form is known for {type(value).__name__}")
