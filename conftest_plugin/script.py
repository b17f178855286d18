"""What a test did and what it failed of, as the script of its page."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from conftest_plugin.journal import Call
from emulator.timeline.model import Check

NOBODY = "the test"
"""Who fails when nobody in a room is meant."""
ELSEWHERE_SECS = 60.0
"""Clocks so far apart are of two machines."""
LONGEST = 200
"""Of a heading."""
_WAITED = (
    (re.compile(r" within ([0-9]+(?:\.[0-9]+)?) s\b"), 1.0),
    (re.compile(r"\b[Tt]imeout:? ([0-9]+)ms\b"), 0.001),  # Playwright's own expectations and actions
)
"""What the text of a failed wait says of how long it was, and in which unit; it ended just now."""


def script(
    calls: Sequence[Call],
    offset: float,
    now: float,
    *,
    failure: str,
    place: str,
    names: Collection[str],
    root: Path,
) -> list[Check]:
    """Each call, and what the test failed of if that was none of them.

    offset    from the clock of the calls to the seconds of the picture
    now       which second it is
    failure   the text of what was raised; empty when the test passed
    names     of the participants
    """
    culprit = _culprit(calls, failure)
    checks = []
    for call in calls:
        began = max(0.0, call.began + offset)
        end = now if call.ended is None else max(began, call.ended + offset)
        where = _place(call, root)
        if call is culprit:
            heading = _heading(failure, names)
            checks.append(Check(call.who, call.what, call.kind, "failed", began, end, failure, where or place, heading))
        else:
            outcome, message = _came_of(call)
            checks.append(Check(call.who, call.what, call.kind, outcome, began, end, message, where))
    if failure and culprit is None:
        who, first = _whose(failure, names) or NOBODY, failure.partition("\n")[0]
        began = max(0.0, now - _waited(first, failure))
        heading = _heading(failure, names)
        checks.append(Check(who, first[:LONGEST], "expect", "failed", began, now, failure, place, heading))
    return checks


def offset_of(timeline: Mapping[str, Any], moment: float) -> float:
    """From the clock of the calls, which showed `moment` when the timeline was taken, to seconds of that."""
    seconds, origin = float(timeline.get("seconds", 0.0)), float(timeline.get("real_origin", moment))
    if abs(moment - (origin + seconds)) < ELSEWHERE_SECS:  # one machine, whose monotonic clock both go by
        return -origin
    return seconds - moment


def _culprit(calls: Sequence[Call], failure: str) -> Call | None:
    """The call whose error failed the test: others may have been wanted."""
    if not failure:
        return None
    # pytest puts the type before the text, of errors that are no assertions.
    text = f": {failure}"
    return next((call for call in reversed(calls) if call.error is not None and f": {call.error}" in text), None)


def _came_of(call: Call) -> tuple[Literal["done", "not run"], str]:
    if call.error is not None:
        return "done", f"raised, and the test went on: {call.error.partition(chr(10))[0][:LONGEST]}"
    return ("not run", "still going on when the test ended") if call.ended is None else ("done", "")


def _heading(failure: str, names: Collection[str]) -> str:
    first = failure.partition("\n")[0]
    said = (first.partition(";")[0] if first.startswith("expected ") else first)[:LONGEST]
    who = _whose(first, names)
    return f"the test failed: {said}" if who is None else f"{who} was {said.replace(f' {who}', '', 1)}"


def _whose(failure: str, names: Collection[str]) -> str | None:
    """Of whom something was expected: `expected bob not to hear alice`."""
    return next(
        (name for name in names if failure.startswith((f"expected {name} to ", f"expected {name} not to "))), None
    )


def _waited(first: str, failure: str) -> float:
    """Seconds; 0 when nothing tells."""
    for pattern, unit in _WAITED:
        found = pattern.search(first) or (pattern.search(failure) if unit < 1 else None)
        if found is not None:
            return float(found[1]) * unit
    return 0.0


def _place(call: Call, root: Path) -> str:
    path = Path(call.file)
    return f"{path.relative_to(root)}:{call.line}" if call.file and path.is_relative_to(root) else ""
