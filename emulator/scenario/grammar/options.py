"""Options of sources and behaviours, as they are written in YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from emulator.clients import options
from emulator.scenario.reading import durations
from emulator.scenario.reading.issues import Issues
from emulator.scenario.reading.nodes import Node, Scalar, describe
from emulator.scenario.reading.shapes import Choice, Duration, Flag, Integer, JsonSchema, Number, Shape, Text

_UNIFORM = re.compile(r"uniform\(([^,()]+),([^,()]+)\)")


class _Size:
    """`640x360`: even numbers of pixels, each from 120x68 to 4096 (what a test card can be)."""

    def read(self, node: Node, issues: Issues) -> str:
        text = node.text if isinstance(node, Scalar) else ""
        width, _, height = text.partition("x")
        if width.isdecimal() and height.isdecimal() and len(text) <= 9:
            w, h = int(width), int(height)
            if 120 <= w <= 4096 and 68 <= h <= 4096 and not w % 2 and not h % 2:
                return f"{w}x{h}"
        expected = "expected a size such as 640x360 (even numbers, from 120x68 to 4096x4096)"
        raise issues.misread(node.mark, f"{expected}, got {describe(node)}")

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "title": "a size such as 640x360", "pattern": "^[0-9]{2,4}x[0-9]{2,4}$"}


class _Bitrate:
    """Bits per second: `300k`, `1.5M`, or a plain number."""

    _UNITS: Mapping[str, int] = {"k": 1000, "M": 1_000_000}

    def read(self, node: Node, issues: Issues) -> float:
        text = node.text if isinstance(node, Scalar) else ""
        number, unit = (text[:-1], self._UNITS[text[-1]]) if text[-1:] in self._UNITS else (text, 1)
        if len(number) <= 10 and number.replace(".", "", 1).isdecimal():
            bits = float(number) * unit
            if 20_000 <= bits <= 20_000_000:
                return bits
        raise issues.misread(node.mark, f"expected a bitrate such as 300k, from 20k to 20M, got {describe(node)}")

    def json_schema(self) -> JsonSchema:
        text = {"type": "string", "title": "a bitrate such as 300k", "pattern": "^[0-9.]+[kM]?$"}
        return {"anyOf": [text, {"type": "number", "minimum": 20_000, "maximum": 20_000_000}]}


class Span:
    """A duration, or `uniform(1s, 3s)` for one that is drawn: the shortest and the longest, in seconds."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high

    def read(self, node: Node, issues: Issues) -> tuple[float, float]:
        text = node.text if isinstance(node, Scalar) else ""
        drawn = _UNIFORM.fullmatch(text)
        parts = drawn.groups() if drawn is not None else (text, text)
        found = [durations.seconds(part.strip()) for part in parts]
        if None in found:
            expected = 'expected a duration such as 2s, or "uniform(1s, 3s)"'
            raise issues.misread(node.mark, f"{expected}, got {describe(node)}")
        first, last = (seconds or 0.0 for seconds in found)
        if first > last:
            raise issues.misread(node.mark, "expected the shorter of the two durations first")
        if not self._low <= first <= last <= self._high:
            limits = f"{durations.written(self._low)} to {durations.written(self._high)}"
            raise issues.misread(node.mark, f"expected durations from {limits}, got {describe(node)}")
        return first, last

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "title": "a duration, or `uniform(1s, 3s)`"}


class _Plain:
    """A text, as the option wants it."""

    def __init__(self, what: str, longest: int) -> None:
        self._text = Text(what, longest=longest)

    def read(self, node: Node, issues: Issues) -> str:
        return self._text.read(node, issues).text

    def json_schema(self) -> JsonSchema:
        return self._text.json_schema()


class _Path:
    """A file beside the scenario or below it: who runs somebody else's scenario opens nothing else."""

    _text = Text("the path of a file", longest=500)

    def read(self, node: Node, issues: Issues) -> str:
        given = PurePath(self._text.read(node, issues).text)
        if given.is_absolute() or ".." in given.parts:
            raise issues.misread(node.mark, f"expected a file beside the scenario or below it, got {describe(node)}")
        path = Path(issues.name).parent / given
        if not path.is_file():
            raise issues.misread(node.mark, f"there is no file {path}")
        return str(path)

    def json_schema(self) -> JsonSchema:
        return self._text.json_schema()


def shape(option: options.Option) -> Shape[Any]:
    """How an option of a source or a behaviour is written in YAML."""
    match option:
        case options.Seconds(low=low):
            return Duration(positive=low > 0)
        case options.Bitrate():
            return _Bitrate()
        case options.Number(low=low, high=high):
            return Number(low, high)
        case options.Whole(low=low, high=high):
            return Integer(low, high)
        case options.Between(low=low, high=high):
            return Span(low, high)
        case options.Text(what=what, longest=longest):
            return _Plain(what, longest)
        case options.Size():
            return _Size()
        case options.Flag():
            return Flag()
        case options.Words(what=what, words=words):
            return Choice(what, words)
        case options.File():
            return _Path()
    raise TypeError(f"the grammar has no shape for options like {option!r}")
