"""What the options of a source or a behaviour may be.

Plain values here, for Python; `scenario.grammar.options` reads the same from YAML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from emulator.clients.errors import OptionError

MIN_WIDTH, MIN_HEIGHT = 120, 68
MAX_SIDE = 4096
"""What a test card can be (`probes.card`)."""

_SIZE = re.compile(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})")


class Option(Protocol):
    """Reads the value of one option."""

    def read(self, name: str, value: object) -> Any:
        """What the source is built with. Raises OptionError, which names the option and what was expected."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    low: float
    high: float

    def read(self, name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            raise OptionError(f"{name}: expected a number from {self.low:g} to {self.high:g}, got {value!r:.60}")
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer."""

    low: int
    high: int

    def read(self, name: str, value: object) -> int:
        number = Number(self.low, self.high).read(name, value)
        if number != int(number):
            raise OptionError(f"{name}: expected a whole number, got {value!r:.60}")
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
            raise OptionError(f"{name}: expected true or false, got {value!r:.60}")
        return value


@dataclass(frozen=True, slots=True)
class Words:
    """One of a few words."""

    what: str
    words: tuple[str, ...]

    def read(self, name: str, value: object) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise OptionError(f"{name}: expected {' or '.join(map(repr, self.words))}, got {value!r:.60}")
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """A text of 1 to `longest` characters."""

    what: str
    longest: int = 1000

    def read(self, name: str, value: object) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= self.longest:
            raise OptionError(f"{name}: expected {self.what}, 1 to {self.longest} characters, got {value!r:.60}")
        return value


@dataclass(frozen=True, slots=True)
class Between:
    """Seconds to draw from, evenly: `(low, high)`, or one number that is always drawn.

    Scenarios write `2s` or `"uniform(1s, 3s)"`.
    """

    low: float
    high: float

    def read(self, name: str, value: object) -> tuple[float, float]:
        pair = value if isinstance(value, tuple | list) else (value, value)
        numbers = [Number(self.low, self.high).read(name, each) for each in pair]
        if len(numbers) != 2 or numbers[0] > numbers[1]:
            raise OptionError(f"{name}: expected seconds, or a pair of them, the lower first, got {value!r:.60}")
        return numbers[0], numbers[1]


@dataclass(frozen=True, slots=True)
class Size:
    """`640x360`: even numbers of pixels, so large that a test card fits."""

    def read(self, name: str, value: object) -> tuple[int, int]:
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise OptionError(f"{name}: expected a text like '640x360', got {value!r:.60}")
        width, height = int(match[1]), int(match[2])
        if width % 2 or height % 2:
            raise OptionError(f"{name}: expected an even width and height, got {width}x{height}")
        if not MIN_WIDTH <= width <= MAX_SIDE or not MIN_HEIGHT <= height <= MAX_SIDE:
            bounds = f"{MIN_WIDTH}x{MIN_HEIGHT} to {MAX_SIDE}x{MAX_SIDE}"
            raise OptionError(f"{name}: expected a size from {bounds}, got {width}x{height}")
        return width, height


@dataclass(frozen=True, slots=True)
class File:
    """A file that is there."""

    def read(self, name: str, value: object) -> Path:
        if not isinstance(value, str | Path) or not str(value):
            raise OptionError(f"{name}: expected the path of a file, got {value!r:.60}")
        path = Path(value)
        if not path.is_file():
            raise OptionError(f"{name}: {path} is no file")
        return path
