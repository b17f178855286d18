"""What a run of the checks found, for people and for programs: here, there, and what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emulator.contract.cassette import Drift, drift
from emulator.contract.run import Finding, Result, Verdict


@dataclass(frozen=True)
class Report:
    """`here` is the emulator, `there` the API that was asked for; only one of them if that is the emulator."""

    there: Result
    here: Result | None = None

    @property
    def holds(self) -> bool:
        return self.there.holds

    @property
    def drift(self) -> list[Drift]:
        return [] if self.here is None else drift(self.here.cassette, self.there.cassette)

    def lines(self) -> Iterator[str]:
        drifts = {each.check: each.diff for each in self.drift}
        for finding in self.there.findings:
            yield self._line(finding)
            if finding.message:
                yield f"    {finding.message}"
            yield from (f"    {violation}" for violation in finding.violations if violation not in finding.message)
            if finding.verdict is Verdict.DIFFERS and finding.check.id in drifts:
                yield from ("    " + line for line in drifts[finding.check.id].splitlines()[:40])
        there = self.there
        if there.left:
            yield f"these rooms could not be deleted, and are still there: {', '.join(there.left)}"
        yield (
            f"{there.base_url}: {there.count(Verdict.HOLDS)} hold, {there.count(Verdict.DIFFERS)} differ, "
            f"{there.count(Verdict.NOT_REACHABLE)} not reachable"
        )

    def _line(self, finding: Finding) -> str:
        rules = f"[{' '.join(finding.check.rules)}, {finding.check.basis}]"
        if self.here is None:
            return f"{finding.verdict:<13} {finding.check.id} {rules}"
        ours = self.here.of(finding.check.id)
        return f"there: {finding.verdict:<13} here: {ours.verdict if ours else '-':<13} {finding.check.id} {rules}"

    def as_json(self) -> dict[str, Any]:
        drifts = {each.check: each.diff for each in self.drift}
        checks = []
        for finding in self.there.findings:
            ours = None if self.here is None else self.here.of(finding.check.id)
            checks.append(
                {
                    "id": finding.check.id,
                    "rules": list(finding.check.rules),
                    "basis": str(finding.check.basis),
                    "says": finding.check.says,
                    "there": str(finding.verdict),
                    "here": None if ours is None else str(ours.verdict),
                    "message": finding.message or None,
                    "violations": list(finding.violations),
                    "diff": drifts.get(finding.check.id),
                }
            )
        return {"base_url": self.there.base_url, "holds": self.holds, "checks": checks}

    def text(self) -> str:
        return json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n"
