"""What the emulator claims to do as the service does it: every behaviour with its basis, and the tests that hold it.

`rules.yml` says what the behaviours are; `fidelity.json` which tests name each of them. The latter is made from the
tests (`python -m tests.contract.fidelity`), which are not part of the package.
"""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

import yaml

UNTESTED = "no test names it"


class Basis(StrEnum):
    """Where the knowledge comes from: the vendor's documents and SDKs, a look at the live service, or a guess.

    In the order of certainty.
    """

    DOCUMENTED = "documented"
    OBSERVED = "observed"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class Rule:
    """One behaviour. `tests` are pytest node ids, as far as the functions."""

    number: str
    basis: Basis
    says: str
    tests: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {"number": self.number, "basis": str(self.basis), "says": self.says, "tests": list(self.tests)}


@cache
def rules() -> Mapping[str, Rule]:
    """By number: R-1 to R-118 of REST and webhooks, S-1 to S-118 of signaling."""
    folder = resources.files("emulator.contract")
    stated = yaml.safe_load(folder.joinpath("rules.yml").read_text(encoding="utf-8"))
    tests = json.loads(folder.joinpath("fidelity.json").read_text(encoding="utf-8"))
    return {
        number: Rule(number, Basis(rule["basis"]), rule["says"], tuple(tests.get(number, ())))
        for number, rule in stated.items()
    }


def basis_of(numbers: Sequence[str]) -> Basis:
    """That of the least certain of these rules. KeyError for a number that there is not."""
    return max((rules()[number].basis for number in numbers), key=list(Basis).index)


def lines() -> list[str]:
    """For a terminal."""
    told = []
    for rule in rules().values():
        count = len(rule.tests)
        tested = f"{count} test{'s' if count > 1 else ''}, e.g. {rule.tests[0]}" if rule.tests else UNTESTED
        told.append(f"{rule.number:<6} {rule.basis:<10}  {rule.says}\n{'':19}{tested}")
    return [*told, summary()]


def summary() -> str:
    by_basis = Counter(rule.basis for rule in rules().values())
    tested = sum(bool(rule.tests) for rule in rules().values())
    of = ", ".join(f"{by_basis[basis]} {basis}" for basis in Basis)
    return f"{len(rules())} behaviours: {of}; {tested} of them named by tests"


def page() -> str:
    """For a browser; nothing in it comes from outside."""
    rows = "\n".join(
        f'<tr class="{rule.basis}"><td>{rule.number}<td>{rule.basis}<td>{html.escape(rule.says)}<td>{_tests(rule)}'
        for rule in rules().values()
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Rooms emulator: fidelity</title>
<style>
:root {{ color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }}
body {{ max-width: 70rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #8883 }}
td:nth-child(1) {{ white-space: nowrap; font-variant-numeric: tabular-nums }}
.documented td:nth-child(2) {{ color: #2a8c4a }} .observed td:nth-child(2) {{ color: #2b6fd6 }}
.inferred td:nth-child(2) {{ color: #b5721b }}
details {{ font: 12px/1.5 ui-monospace, monospace }} summary {{ cursor: pointer; font: 14px system-ui, sans-serif }}
</style>
<h1>Fidelity</h1>
<p>{html.escape(summary())}. Documented: the vendor's public description, documents or SDKs say so.
Observed: integrators saw the live service do it. Inferred: nobody has confirmed it;
<code>rooms-emulator contract</code> can, on a live account.</p>
<table><tr><th>Number<th>Basis<th>Behaviour<th>Tests
{rows}
</table>
"""


def _tests(rule: Rule) -> str:
    if not rule.tests:
        return UNTESTED
    listed = "<br>".join(map(html.escape, rule.tests))
    return f"<details><summary>{len(rule.tests)}</summary>{listed}</details>"
