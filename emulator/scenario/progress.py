"""What a run tells while it goes on: a line for each step; on a terminal, in colour and with a last line that lives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from emulator.scenario.report import Outcome, StepResult

TICK_SECS = 0.2
MAX_MESSAGE = 120
"""Of a failure; all of it stands in the summary."""
_SIGNS = {Outcome.DONE: ("\u2713", "32"), Outcome.FAILED: ("\u2717", "31"), Outcome.NOT_RUN: ("\u2013", "2")}
_CLEAR = "\r\x1b[2K"


class Terminal(Protocol):
    """A text stream."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


class Progress:
    """`live`: the stream is a terminal. `now` gives seconds since the run began, `present` how many are in the room."""

    def __init__(
        self,
        out: Terminal,
        *,
        live: bool,
        now: Callable[[], float],
        present: Callable[[], int],
    ) -> None:
        self._out = out
        self._live = live
        self._now = now
        self._present = present
        self._seen = {Outcome.DONE: 0, Outcome.FAILED: 0, Outcome.NOT_RUN: 0}
        self._last = ""

    def title(self, line: str) -> None:
        self._line(f"\x1b[1m{line}\x1b[0m" if self._live else line)

    def step(self, result: StepResult) -> None:
        self._seen[result.outcome] += 1
        result = result.shortened(MAX_MESSAGE)
        self._line(self._drawn(result) if self._live else result.describe())

    async def run(self) -> None:
        """Keep the last line alive, until cancelled; then it goes away."""
        if not self._live:
            return
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                self._out.write(_CLEAR + self._status())
                self._out.flush()
                await asyncio.sleep(TICK_SECS)
        self._out.write(_CLEAR)
        self._out.flush()

    def _status(self) -> str:
        done, failed = self._seen[Outcome.DONE], self._seen[Outcome.FAILED]
        bad = f" \x1b[31m{failed} failed\x1b[0m" if failed else ""
        return f"\x1b[36m{self._now():8.1f}s\x1b[0m  {self._present()} in the room, {done + failed} done{bad} "

    def _drawn(self, result: StepResult) -> str:
        sign, colour = _SIGNS[result.outcome]
        at = result.planned if result.began is None else result.began
        took = "" if result.began is None or result.ended is None else f"  \x1b[2m{_took(result)}\x1b[0m"
        line = f"{at:8.3f}s  \x1b[{colour}m{sign}\x1b[0m \x1b[1m{result.who}\x1b[0m {result.what}{took}"
        if result.message:
            place = f"{result.place}: " if result.place else ""
            line += f"\n           \x1b[{colour}m{place}{result.message}\x1b[0m"
        return line

    def _line(self, text: str) -> None:
        self._out.write((_CLEAR if self._live else "") + text + "\n")
        self._out.flush()


def _took(result: StepResult) -> str:
    took = (result.ended or 0.0) - (result.began or 0.0)
    return f"{took * 1000:.0f} ms" if took < 1 else f"{took:.2f} s"
