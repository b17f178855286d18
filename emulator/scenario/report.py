"""What came of a run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

MAX_RESULTS = 10_000
"""An endless scenario keeps the latest of them."""


_NEW_LINE, _GOES_ON = "\n", "\n" + " " * 12
"""A message of several lines stands under its step."""


class Outcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step or expectation. Times are seconds from the start; None for what never began.

    `planned` is when it was due; with `after` that counts from when its milestone really came. `line` is that of the
    file, or 0 for what no line asks for.
    """

    who: str
    what: str
    line: int
    outcome: Outcome
    planned: float
    began: float | None = None
    ended: float | None = None
    message: str = ""
    file: str = ""
    """Which file the line is of, if not the scenario's own."""

    @property
    def place(self) -> str:
        """`line 5`, or `parts/knock.yaml, line 5`; empty for what no line asks for."""
        file = f"{self.file}, " if self.file else ""
        return f"{file}line {self.line}" if self.line else ""

    def shortened(self, most: int) -> StepResult:
        """The same with at most so many characters of its message, in one line: of several, the first two."""
        lines = self.message.splitlines()
        told = "; ".join(lines[:2])
        if len(told) > most or len(lines) > 2:
            told = f"{told[:most].rstrip()} ..."
        return replace(self, message=told)

    def describe(self) -> str:
        """One line: `   1.003s  alice publish self: done in 0.212s`; a failure goes on with its message."""
        when = f"{self.planned:8.3f}s" if self.began is None else f"{self.began:8.3f}s"
        took = "" if self.began is None or self.ended is None else f" in {self.ended - self.began:.3f}s"
        late = 0.0 if self.began is None else self.began - self.planned
        note = f" ({late:.3f}s late)" if late >= LATE_SECS else ""
        place = f" ({self.place})" if self.place else ""
        message = f"{place}: {self.message.replace(_NEW_LINE, _GOES_ON)}" if self.message else ""
        return f"{when}  {self.who} {self.what}: {self.outcome}{took}{note}{message}"


LATE_SECS = 0.1
"""A delay that people should know of when they read times."""


@dataclass
class Report:
    """Results in the order in which they ended. `stopped` says why the run ended before its plan did, if it did."""

    name: str
    results: deque[StepResult] = field(default_factory=lambda: deque(maxlen=MAX_RESULTS))
    failed: deque[StepResult] = field(default_factory=lambda: deque(maxlen=MAX_RESULTS))
    done: int = 0
    stopped: str = ""

    def add(self, result: StepResult) -> None:
        self.results.append(result)
        if result.outcome is Outcome.FAILED:
            self.failed.append(result)
        elif result.outcome is Outcome.DONE:
            self.done += 1

    @property
    def ok(self) -> bool:
        """Everything was done, and everything expected came true."""
        return not self.failed and not self.stopped

    def failures(self) -> Iterable[str]:
        return (result.describe() for result in self.failed)

    def describe(self) -> str:
        """A summary; with failures, one line or more for each."""
        if self.ok:
            return f"{self.name}: everything as expected ({self.done} steps and expectations)"
        skipped = sum(result.outcome is Outcome.NOT_RUN for result in self.results)
        head = f"{self.name}: {len(self.failed)} failed, {self.done} as expected, {skipped} not run"
        return "\n".join([head, *self.failures(), *([self.stopped] if self.stopped else [])])
