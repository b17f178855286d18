"""What is done about a test's account when the test is over, and before the account is gone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest_plugin import artifacts, options
from conftest_plugin.errors import RoomsEmulatorError, RoomsEmulatorWarning
from conftest_plugin.evidence import Evidence, gather
from conftest_plugin.findings import findings
from conftest_plugin.server import RoomsServer
from conftest_plugin.tenant import Tenant

GATHER_SECS = 30.0
SECTION = "rooms emulator"


class ProblemsSeen(RoomsEmulatorError):
    """The emulator saw what should not be, and the test is to fail for it."""


@dataclass(slots=True)
class Watch:
    """One test's account under observation; `gathered` once its evidence was taken."""

    server: RoomsServer
    tenant: Tenant
    problems: options.Problems
    gathered: bool = False

    def report(self, item: pytest.Item, report: pytest.TestReport, mode: options.Artifacts) -> None:
        """Add to the report of a failed test what happened, and write files if they are wanted.

        Whatever goes wrong here is told in the report: it must not hide why the test failed.
        """
        if not self.tenant.used or self.gathered:
            return
        self.gathered = True
        try:
            evidence = self.server.thread.wait(gather(self.tenant), patience=GATHER_SECS, what="gathering evidence")
            folder = self._write(item, report, evidence) if mode != "off" else None
            text = artifacts.section(evidence, self._story(item, report), folder)
        except Exception as error:  # noqa: BLE001 - as above
            text = f"the evidence could not be gathered: {type(error).__name__}: {error}"
        if report.failed:
            report.sections.append((SECTION, text))

    def passed(self, item: pytest.Item) -> None:
        """What an earlier run has kept of the test as it failed is not true any more."""
        folder = artifacts.folder_of(options.output(item.config), item.nodeid)
        try:
            artifacts.discard(folder, item.nodeid)
        except OSError as error:
            text = f"{folder}, of an earlier run of {item.nodeid}, cannot be removed: {error.strerror}"
            item.warn(RoomsEmulatorWarning(text))

    def check(self) -> None:
        """Raise ProblemsSeen, or warn, of what the emulator saw, if that is wanted."""
        if self.problems == "ignore" or not self.tenant.used:
            return
        found = self.server.thread.wait(self._findings(), patience=GATHER_SECS, what="looking for problems")
        if not found:
            return
        text = "the emulator saw what should not be:\n" + "\n".join(f"  {line}" for line in found)
        if self.problems == "fail":
            raise ProblemsSeen(text)
        import warnings

        warnings.warn(text, RoomsEmulatorWarning, stacklevel=2)

    async def _findings(self) -> list[str]:
        from conftest_plugin.evidence import whole_wire

        return findings(await self.tenant.admin.problems(), await whole_wire(self.tenant.admin))

    def _write(self, item: pytest.Item, report: pytest.TestReport, evidence: Evidence) -> Path:
        folder = artifacts.folder_of(options.output(item.config), item.nodeid)
        return artifacts.write(folder, evidence, self._story(item, report))

    def _story(self, item: pytest.Item, report: pytest.TestReport) -> artifacts.Story:
        crash = getattr(report.longrepr, "reprcrash", None)
        failure = str(getattr(crash, "message", report.longreprtext)) if report.failed else ""
        return artifacts.Story(
            item.nodeid,
            _place(item, crash),
            "failed" if report.failed else "passed",
            failure.removeprefix("AssertionError: ").removeprefix("Failed: "),
            self.tenant.settings.seed,
            self.tenant.scenario_text,
            self.tenant.scenario_inputs,
            item.config.rootpath,
        )


def _place(item: pytest.Item, crash: Any) -> str:
    """`tests/test_call.py:12`; the test's name when it is not known."""
    if crash is None:
        return item.nodeid
    path, root = Path(crash.path), item.config.rootpath
    return f"{path.relative_to(root) if path.is_relative_to(root) else path}:{crash.lineno}"
