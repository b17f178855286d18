"""Lengths of time as people write them: `500ms`, `2s`, `1.5s`, `1m30s`, `1h`."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")

PATTERN = r"^(\d+(\.\d+)?(ms|h|m|s))+$"
"""The same for a JSON schema."""

LONGEST = 24 * 3600.0
"""Seconds; a longer time in a scenario is a slip of the pen."""


def seconds(text: str) -> float | None:
    """Seconds, or None if the text is no duration. Units descend: `1m30s`, never `30s1m`."""
    if len(text) > 40 or not _WHOLE.fullmatch(text):
        return None
    parts = [(float(number), _UNITS[unit]) for number, unit in _PART.findall(text)]
    units = [unit for _, unit in parts]
    if units != sorted(set(units), reverse=True):
        return None
    total = sum(number * unit for number, unit in parts)
    return total if total <= LONGEST else None


def written(duration: float) -> str:
    """The shortest way to write it, to the millisecond: 90.0 is `1m30s`, 0.25 is `250ms`."""
    milliseconds = round(duration * 1000)
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "")
    return text + f"{rest / 1000:g}s" if rest or not text else text
