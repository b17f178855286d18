"""What came while somebody waited, as lines with times: the same text as `emulator/probes/page.js` has for pages."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

MAX_ENTRIES = 200
SHOWN = 12
TOGETHER_SECS = 0.3
"""The same again so soon goes on with what was there before."""


@dataclass(slots=True)
class _Entry:
    begin: float
    end: float
    text: str
    loudest: float | None

    def __str__(self) -> str:
        return self.text if self.loudest is None else f"{self.text} at {self.loudest:.1f} dBFS"


class WhatWasThere:
    """Times are seconds after the wait began; `loudest` is in dBFS."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque(maxlen=MAX_ENTRIES)
        self._left = 0

    def add(self, begin: float, end: float, text: str, loudest: float | None = None) -> None:
        for entry in reversed(self._entries):
            if entry.text == text and begin - entry.end < TOGETHER_SECS:
                entry.end = end
                if loudest is not None and entry.loudest is not None:
                    entry.loudest = max(entry.loudest, loudest)
                return
        self._left += len(self._entries) == MAX_ENTRIES
        self._entries.append(_Entry(begin, end, text, loudest))

    @property
    def heard(self) -> list[str]:
        """Whatever had a level, once each."""
        return list(dict.fromkeys(entry.text for entry in self._entries if entry.loudest is not None))

    @property
    def last(self) -> str:
        """What was there in the end; empty when nothing ever was."""
        return self._entries[-1].text if self._entries else ""

    def told(self, expected: str, why: str) -> str:
        shown = list(self._entries)[-SHOWN:]
        count = len(self._entries) + self._left
        last = f", the last of {count}" if count > len(shown) else ""
        lines = [expected, f"closest: {why}"]
        if shown:
            lines.append(f"what was there (seconds after the wait began){last}:")
        lines += [f"  {f'{entry.begin:.1f} - {entry.end:.1f}':>11}  {entry}" for entry in shown]
        return "\n".join(lines)
