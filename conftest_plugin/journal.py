"""What a test did through the fixtures, call by call: the script that its report shows."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

MAX_CALLS = 1000
"""The latest are kept."""
MAX_TEXT = 60
"""Of one argument."""
_OURS, _LOOPS = "conftest_plugin.", "asyncio."
_EXPECTING = ("sees", "hears", "wait_", "to_", "not_to_", "frozen", "frame_rate")
"""How the names of those calls begin which wait for something, and raise when it does not come."""


@dataclass(slots=True)
class Call:
    """`who` acts or looks, `what` is the call as the test has it. Times are those of the journal's clock, in seconds.

    ended     None: it is still going on
    error     what it raised, as `str` tells it; None: nothing
    file      where it is called, and in which line
    """

    who: str
    what: str
    kind: Literal["step", "expect"]
    file: str
    line: int
    began: float
    ended: float | None = None
    error: str | None = None


class Journal:
    """May be written by any thread of the test: each writes into an entry of its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.calls: deque[Call] = deque(maxlen=MAX_CALLS)

    @property
    def now(self) -> float:
        return self._clock()

    def note(self, who: str, method: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> _Going:
        """`with journal.note("bob", "sees", [alice]):` around the call itself."""
        told = [_told(value) for value in args] + [f"{name}={_told(value)}" for name, value in (kwargs or {}).items()]
        file, line = _place()
        kind: Literal["step", "expect"] = "expect" if method.startswith(_EXPECTING) else "step"
        call = Call(who, f"{method}({', '.join(told)})", kind, file, line, self._clock())
        self.calls.append(call)
        return _Going(call, self._clock)


class _Going:
    def __init__(self, call: Call, clock: Callable[[], float]) -> None:
        self._call = call
        self._clock = clock

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call.ended = self._clock()
        if kind is not None:
            # Only its text: the error itself would keep alive whatever its frames hold.
            self._call.error = str(error) or kind.__name__


def _place() -> tuple[str, int]:
    """The nearest frame that is not the fixtures' own; nowhere when a task was made of the call."""
    frame = sys._getframe(2)  # what `inspect` does, without reading source files
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_OURS):
        frame = frame.f_back
    if frame.f_globals.get("__name__", "").startswith(_LOOPS):
        return "", 0
    return frame.f_code.co_filename, frame.f_lineno


def _told(value: Any) -> str:
    """As the test would write it, about: people and rooms by their names."""
    match value:
        case Mapping():
            text = "{" + ", ".join(f"{_told(key)}: {_told(one)}" for key, one in value.items()) + "}"
        case list() | tuple():
            text = "[" + ", ".join(map(_told, value)) + "]"
        case type():
            text = value.__name__
        case _ if callable(value):
            text = getattr(value, "__name__", "...")
        case _:
            name = getattr(value, "unique_name", None) or getattr(value, "name", None)
            text = name if isinstance(name, str) and not isinstance(value, str) else repr(value)
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
