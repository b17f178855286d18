"""What a check is, and the registry of all checks.

A check is a coroutine that takes the API and raises Differs when the API does something else. It stands on rules of the
reference (R-1 to R-118), and says how sure they are: documented, observed or inferred.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from emulator.contract.api import Api, Differs
from emulator.contract.fidelity import Basis, basis_of

Run = Callable[[Api], Awaitable[None]]

NOBODY = "00000000-0000-4000-8000-000000000000"
"""An id that names nothing."""


@dataclass(frozen=True)
class Check:
    id: str
    rules: tuple[str, ...]
    basis: Basis
    says: str
    run: Run


CHECKS: dict[str, Check] = {}


def check(*rules: str) -> Callable[[Run], Run]:
    """Decorator: the function's name is the check's id, its docstring what it says, its basis that of its rules."""

    def register(run: Run) -> Run:
        name = run.__name__
        if name in CHECKS:
            raise ValueError(f"two checks are called {name}")
        says = " ".join((run.__doc__ or "").split())
        if not says:
            raise ValueError(f"the check {name} does not say what it says")
        CHECKS[name] = Check(name, rules, basis_of(rules), says, run)
        return run

    return register


def equal(what: str, got: Any, expected: Any) -> None:
    """Raises Differs."""
    if got != expected:
        raise Differs(f"{what}: expected {_shown(expected)}, got {_shown(got)}")


def true(holds: bool, what: str) -> None:
    """Raises Differs with what is not so."""
    if not holds:
        raise Differs(what)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."
