"""Each numbered statement of the reference's conformance checklist (R-1 to R-118) is named by a test."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
LAST = 118

_NAMED = re.compile(r"\bR-(\d+)(?: to R-(\d+))?")


def named(text: str) -> set[int]:
    """`R-7, R-9 to R-11` names 7, 9, 10 and 11."""
    found: set[int] = set()
    for match in _NAMED.finditer(text):
        first = int(match[1])
        found.update(range(first, int(match[2] or first) + 1))
    return found


def test_every_statement_is_named_by_a_test() -> None:
    places: dict[int, list[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        if path != Path(__file__).resolve() and "node_modules" not in path.parts:
            for number in named(path.read_text(encoding="utf-8")):
                places.setdefault(number, []).append(path.name)
    missing = set(range(1, LAST + 1)) - set(places)
    assert not missing, f"no test names R-{sorted(missing)}"
    assert not (beyond := set(places) - set(range(1, LAST + 1))), f"there is no such statement: {beyond}"


def test_ranges_are_read() -> None:
    assert named("R-7, R-9 to R-11; S-3, ERR-4") == {7, 9, 10, 11}
