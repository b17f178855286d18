"""Which tests name which rules: `python -m tests.contract.fidelity` writes emulator/contract/fidelity.json anew.

A test names a rule in its own name (`test_s93_...`), or in its decorators, docstring or body (`R-20`, `R-34 to R-37`).
A rule that no function names is looked for in the modules.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
FILE = ROOT / "emulator" / "contract" / "fidelity.json"
LAST = 118
MOST = 12
"""Tests that are listed for one rule: those that name it most closely come first."""

_NUMBERS = re.compile(r"\b([RS])-(\d+)(?:(?: to |\.\.|-)\1-(\d+))?")
_IN_NAMES = re.compile(r"(?:^|_)([rs])(\d+)(?=_|$)")


def numbers(text: str) -> set[str]:
    """`R-7, S-9 to S-11` names R-7, S-9, S-10 and S-11."""
    found = set()
    for match in _NUMBERS.finditer(text):
        first, last = int(match[2]), int(match[3] or match[2])
        found |= {f"{match[1]}-{number}" for number in range(first, last + 1)}
    return found


def numbers_in_name(name: str) -> set[str]:
    return {f"{match[1].upper()}-{match[2]}" for match in _IN_NAMES.finditer(name)}


def tests() -> Iterator[tuple[str, str, ast.AST, str]]:
    """(node id, name, node, source of it with its decorators) of every test function."""
    for path in sorted(TESTS.rglob("test_*.py")):
        if "node_modules" in path.parts:
            continue
        source = path.read_text(encoding="utf-8")
        lines = source.splitlines()
        place = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                begin = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                yield f"{place}::{node.name}", node.name, node, "\n".join(lines[begin - 1 : node.end_lineno])


def collected() -> dict[str, list[str]]:
    """Rule -> tests, those that have it in their name first."""
    known = {f"{letter}-{number}" for letter in "RS" for number in range(1, LAST + 1)}
    closely: dict[str, list[str]] = {}
    otherwise: dict[str, list[str]] = {}
    for node_id, name, _, source in tests():
        named = numbers_in_name(name)
        for rule in named & known:
            closely.setdefault(rule, []).append(node_id)
        for rule in (numbers(source) - named) & known:
            otherwise.setdefault(rule, []).append(node_id)
    for rule, places in _by_module().items():
        if rule in known and rule not in closely and rule not in otherwise:
            otherwise[rule] = places
    return {
        rule: (closely.get(rule, []) + otherwise.get(rule, []))[:MOST]
        for rule in sorted(known, key=lambda each: (each[0], int(each[2:])))
        if rule in closely or rule in otherwise
    }


def _by_module() -> dict[str, list[str]]:
    """Rules that only a module, or something in it that is no test function, names."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        if "node_modules" not in path.parts:
            for rule in numbers(path.read_text(encoding="utf-8")):
                found.setdefault(rule, []).append(path.relative_to(ROOT).as_posix())
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(collected(), indent=1) + "\n", encoding="utf-8")
