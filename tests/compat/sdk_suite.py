"""Runs the official Python SDK's own room tests against a served emulator, and says what became of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.compat.sdk_source import HERE, unpack_tests

CLIENTS = 5
"""Each method is tested with so many: two synchronous ones, three asynchronous ones."""

STATE = HERE.parents[1] / "fixtures" / "sdk_state.json"

# As in the SDK's own pyproject.toml.
_SETTINGS = """\
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = session
filterwarnings = error
xfail_strict = true
"""


@dataclass(frozen=True)
class Outcome:
    """`test`: class::function[parameter] behind the file's name; `status`: passed, failed, error or skipped."""

    test: str
    status: str
    message: str = ""

    @property
    def group(self) -> str:
        """`rooms/test_sessions.py::test_method_list_0`, the same for all clients."""
        file, _, name = self.test.split("::")
        return f"{file}::{name.partition('[')[0]}"


@dataclass(frozen=True)
class Report:
    outcomes: tuple[Outcome, ...]
    output: str

    def passed(self) -> int:
        return sum(outcome.status == "passed" for outcome in self.outcomes)

    def others(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status != "passed"]

    def described(self, outcomes: Sequence[Outcome] | None = None) -> str:
        """For a failed assertion: a line for each of them, by default of those that did not pass."""
        shown = self.others() if outcomes is None else outcomes
        lines = [f"{len(shown)} of the SDK's {len(self.outcomes)} tests:"]
        lines += [f"  {outcome.status} {outcome.test}: {outcome.message[:300]}" for outcome in shown[:40]]
        return "\n".join([*lines, self.output[-1500:]])


def state_document(*, refresh_tokens: bool) -> dict[str, Any]:
    """What the SDKs' tests take for granted, with or without the literal refresh token they use (R-117)."""
    document: dict[str, Any] = json.loads(STATE.read_text())
    if not refresh_tokens:
        del document["refresh_tokens"]
    return document


def run(rest_url: str, admin_url: str, into: Path, *, refresh_tokens: bool, timeout: float) -> Report:
    """`into`: an empty folder; `refresh_tokens`: whether the state has them. Blocks until all tests have run."""
    unpack_tests(into)
    state = into / "state.json"
    state.write_text(json.dumps(state_document(refresh_tokens=refresh_tokens)))
    (into / "pytest.ini").write_text(_SETTINGS)
    (into / "conftest.py").write_bytes((HERE / "beside_the_sdk.py").read_bytes())
    report = into / "report.xml"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TELNYX_"))},
        "TEST_API_BASE_URL": rest_url,
        "STATE_URL": f"{admin_url}/state",
        "STATE_FILE": str(state),
        "PYTHONPATH": "",
    }
    # Of the plugins that are installed here, the SDK's tests need one. What only serves to explain failures is left
    # out: it takes a third of the time.
    plugins = [f"-p{name}" for name in ("pytest_asyncio.plugin", "no:cacheprovider", "no:logging")]
    options = ["-q", "--tb=line", "--assert=plain", f"--junitxml={report}"]
    command = [sys.executable, "-m", "pytest", *options, *plugins, "tests/api_resources"]
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        command, cwd=into, env=environment, capture_output=True, text=True, check=False, timeout=timeout
    )
    output = done.stdout + done.stderr
    if not report.exists():
        raise RuntimeError(f"the SDK's tests did not run:\n{output}")
    return Report(tuple(_outcomes(report)), output)


def _outcomes(report: Path) -> list[Outcome]:
    found = []
    for case in ElementTree.parse(report).iter("testcase"):
        module, _, class_name = case.attrib["classname"].rpartition(".")
        file = module.removeprefix("tests.api_resources.").replace(".", "/") + ".py"
        test = f"{file}::{class_name}::{case.attrib['name']}"
        for status, tag in (("failed", "failure"), ("error", "error"), ("skipped", "skipped")):
            if (told := case.find(tag)) is not None:
                found.append(Outcome(test, status, told.attrib.get("message", "")))
                break
        else:
            found.append(Outcome(test, "passed"))
    return found
