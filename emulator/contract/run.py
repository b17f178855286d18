"""Runs the checks against a base URL: one after the other, each with its own exchanges and its own verdict."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp

from emulator.contract.api import Api, Differs, NotReachable
from emulator.contract.cassette import Cassette
from emulator.contract.checks import CHECKS, Check


class Verdict(StrEnum):
    HOLDS = "holds"
    DIFFERS = "differs"
    NOT_REACHABLE = "not reachable"


@dataclass(frozen=True)
class Finding:
    """What came of one check. `violations` are answers that break our description of the API."""

    check: Check
    verdict: Verdict
    message: str = ""
    violations: tuple[str, ...] = ()

    def __str__(self) -> str:
        rules = " ".join(self.check.rules)
        return f"{self.verdict:<13} {self.check.id} [{rules}, {self.check.basis}]" + (
            f"\n              {self.message}" if self.message else ""
        )


@dataclass
class Result:
    """All findings of one run, and what was said."""

    base_url: str
    cassette: Cassette
    findings: list[Finding] = field(default_factory=list)
    left: tuple[str, ...] = ()
    """Ids of rooms of the run's own that could not be deleted."""

    @property
    def holds(self) -> bool:
        return all(finding.verdict is Verdict.HOLDS for finding in self.findings)

    def of(self, check: str) -> Finding | None:
        return next((finding for finding in self.findings if finding.check.id == check), None)

    def count(self, verdict: Verdict) -> int:
        return sum(finding.verdict is verdict for finding in self.findings)


def new_run() -> str:
    """What the names of a run's rooms begin with."""
    return f"contract-{secrets.token_hex(4)}"


async def run_checks(
    base_url: str,
    api_key: str,
    *,
    checks: Iterable[Check] | None = None,
    run: str | None = None,
    on_finding: Callable[[Finding], None] | None = None,
) -> Result:
    """Make each check. It makes only rooms of its own, and deletes them, whatever happens."""
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        Api(base_url, api_key, run=run or new_run(), http=http) as api,
    ):
        result = Result(api.base_url, api.cassette)
        for check in CHECKS.values() if checks is None else checks:
            api.current = check.id
            finding = await _make(check, api)
            result.findings.append(finding)
            if on_finding is not None:
                on_finding(finding)
            await api.clear()
        result.left = api.left
    return result


async def _make(check: Check, api: Api) -> Finding:
    verdict, message = Verdict.HOLDS, ""
    try:
        await check.run(api)
    except Differs as difference:
        verdict, message = Verdict.DIFFERS, str(difference)
    except NotReachable as error:
        verdict, message = Verdict.NOT_REACHABLE, str(error)
    violations = tuple(dict.fromkeys(map(str, api.violations.get(check.id, ()))))
    if violations and verdict is Verdict.HOLDS:
        verdict, message = Verdict.DIFFERS, f"our description is broken: {violations[0]}"
    return Finding(check, verdict, message, violations)
