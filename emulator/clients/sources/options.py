"""What the options of a source may be. Plain values here, for Python; `scenario.grammar.media` reads them from YAML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from emulator.clients.errors import SourceError

MIN_WIDTH, MIN_HEIGHT = 120, 68
MAX_SIDE = 4096
"""What a test card can be (`probes.card`)."""

_SIZE = re.compile(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})")


class Option(Protocol):
    """Reads the value of one option."""

    def read(self, name: str, value: object) -> Any:
        """What the source is built with. Raises SourceError, which names the option and what was expected."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    low: float
    high: float

    def read(self, name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            raise SourceError(f"{name}: expected a number from {self.low:g} to {self.high:g}, got {value!r:.60}")
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer."""

    low: int
    high: int

    def read(self, name: str, value: object) -> int:
        number = Number(self.low, self.high).read(name, value)
        if number != int(number):
            raise SourceError(f"{name}: expected a whole number, got {value!r:.60}")
        return int(number)


@dataclass(frozen=True, slots=True)
class Seconds(Number):
    """A duration; scenarios write `500ms` or `2s`."""


@dataclass(frozen=True, slots=True)
class Bitrate(Number):
    """Bits per second; scenarios may write `300k`."""


@dataclass(frozen=True, slots=True)
class Flag:
    def read(self, name: str, value: object) -> bool:
        if not isinstance(value, bool):
            raise SourceError(f"{name}: expected true or false, got {value!r:.60}")
        return value


@dataclass(frozen=True, slots=True)
class Words:
    """One of a few words."""

    what: str
    words: tuple[str, ...]

    def read(self, name: str, value: object) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise SourceError(f"{name}: expected {' or '.join(map(repr, self.words))}, got {value!r:.60}")
        return value


@dataclass(frozen=True, slots=True)
class Size:
    """`640x360`: even numbers of pixels, so large that a test card fits."""

    def read(self, name: str, value: object) -> tuple[int, int]:
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise SourceError(f"{name}: expected a text like '640x360', got {value!r:.60}")
        width, height = int(match[1]), int(match[2])
        if width % 2 or height % 2:
            raise SourceError(f"{name}: expected an even width and height, got {width}x{height}")
        if not MIN_WIDTH <= width <= MAX_SIDE or not MIN_HEIGHT <= height <= MAX_SIDE:
            bounds = f"{MIN_WIDTH}x{MIN_HEIGHT} to {MAX_SIDE}x{MAX_SIDE}"
            raise SourceError(f"{name}: expected a size from {bounds}, got {width}x{height}")
        return width, height


@dataclass(frozen=True, slots=True)
class File:
    """A file that is there."""

    def read(self, name: str, value: object) -> Path:
        if not isinstance(value, str | Path) or not str(value):
            raise SourceError(f"{name}: expected the path of a file, got {value!r:.60}")
        path = Path(value)
        if not path.is_file():
            raise SourceError(f"{name}: {path} is no file")
        return path
