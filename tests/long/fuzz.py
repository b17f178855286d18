"""Nonsense for parsers: at random, and made of valid samples by small damage. Only their own errors may come back."""

from __future__ import annotations

import gc
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T", bytes, str)

CPU_LIMIT_SECS = 0.05
"""No input of this size may hold the event loop for longer, in time of the processor."""
TIMES_AGAIN = 3
"""How often what was slow is read once more: on a machine under load a turn's processor time holds waiting for memory
and caches, six times the parser's own and more; what is slow by itself is slow each time."""
COLLECT_EVERY = 5_000
_NUMBERS = (0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 65, 127, 128, 191, 192, 200, 205, 206, 223, 224, 254, 255)
_STRANGE: tuple[str, ...] = (
    *("\0", "\r", "\n", "\r\n", " ", "\t", "=", ":", ";", "/", "{", "}", "[", "]", '"', "'", "\\", "~"),
    *("-1", "0", "65536", "4294967296", "9" * 40, "٣", "²", "é", "\U0001f600", "\ud800", "\u2028"),
    *("null", "true", "&a", "*a", "!!x"),
)
_TOKENS = re.compile(r"\w+|[^\w]", re.ASCII)


@dataclass
class Figures:
    """`slowest` in seconds of processor time."""

    inputs: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    seconds: float = 0.0

    def __str__(self) -> str:
        errors = ", ".join(f"{count} {name}" for name, count in self.refused.most_common())
        return (
            f"{self.inputs} inputs in {self.seconds:.1f} s, {self.accepted} accepted, refused: {errors or 'none'}; "
            f"slowest {self.slowest * 1000:.2f} ms"
        )


class Fuzzed(AssertionError):
    """Says the seed, the number and the whole text of the input, and what happened."""


def fuzz(
    parse: Callable[[T], object],
    make: Callable[[], T],
    allowed: tuple[type[Exception], ...],
    *,
    count: int,
    seed: int,
) -> Figures:
    """Give `parse` what `make` makes, `count` times. Raises Fuzzed for any other error, and for anything slow."""
    figures = Figures()
    cpu, started = time.thread_time, time.monotonic()
    gc.collect()
    gc.disable()  # a collection of the whole suite's objects is not the parser's time
    try:
        for number in range(count):
            if number % COLLECT_EVERY == 0:
                gc.collect()
            given = make()
            before = cpu()
            try:
                parse(given)
            except allowed as error:
                took = cpu() - before
                figures.refused[type(error).__name__] += 1
            except Exception as error:
                raise Fuzzed(f"seed {seed}, input {number}: {error!r} for {given!r}") from error
            else:
                took = cpu() - before
                figures.accepted += 1
            if took > CPU_LIMIT_SECS:
                took = min(took, *(_measured(parse, given, allowed) for _ in range(TIMES_AGAIN)))
            if took > CPU_LIMIT_SECS:
                raise Fuzzed(f"seed {seed}, input {number}: took {took * 1000:.0f} ms: {given!r}")
            figures.slowest = max(figures.slowest, took)
    finally:
        gc.enable()
    figures.inputs, figures.seconds = count, time.monotonic() - started
    return figures


def _measured(parse: Callable[[T], object], given: T, allowed: tuple[type[Exception], ...]) -> float:
    before = time.thread_time()
    with suppress(*allowed):
        parse(given)
    return time.thread_time() - before


class ByteMaker:
    """One in eight is random all through; the others are samples with up to a few damages."""

    def __init__(self, seed: int, samples: Sequence[bytes], *, longest: int = 1500) -> None:
        self._rng = random.Random(seed)
        self._samples = list(samples)
        self._longest = longest

    def __call__(self) -> bytes:
        rng = self._rng
        if rng.random() < 0.125:
            return rng.randbytes(int(self._longest * rng.random() ** 3))
        data = bytearray(rng.choice(self._samples))
        for _ in range(1 + int(rng.expovariate(0.8))):
            self._damage(data)
        return bytes(data[: self._longest])

    def _damage(self, data: bytearray) -> None:
        rng = self._rng
        at = rng.randrange(len(data) + 1)
        # Heads decide most: half of all damage is done there.
        if rng.random() < 0.5:
            at = min(at, rng.randrange(24))
        match rng.randrange(8):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(data):
                data[at] = rng.choice(_NUMBERS)
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 5))
            case 3:
                del data[at : at + rng.randrange(1, 9)]
            case 4:
                del data[at:]
            case 5:
                end = at + rng.randrange(1, 40)
                data[at:at] = data[at:end] * rng.randrange(1, 4)
            case 6 if at + 2 <= len(data):
                data[at : at + 2] = rng.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, len(data))).to_bytes(2, "big")
            case _:
                other = rng.choice(self._samples)
                data[at:] = other[rng.randrange(len(other) + 1) :]


class TextMaker:
    """The same for texts: characters, words, numbers and whole lines are damaged."""

    def __init__(self, seed: int, samples: Sequence[str], *, longest: int = 8000) -> None:
        self._rng = random.Random(seed)
        self._samples = list(samples)
        self._words: list[str] = sorted({word for sample in samples for word in _TOKENS.findall(sample)}) + list(
            _STRANGE
        )
        self._longest = longest

    def __call__(self) -> str:
        rng = self._rng
        if rng.random() < 0.125:
            return "".join(rng.choices(self._words, k=int(200 * rng.random() ** 2)))
        text: str = rng.choice(self._samples)
        for _ in range(1 + int(rng.expovariate(0.8))):
            text = self._damaged(text)
        return text[: self._longest]

    def _damaged(self, text: str) -> str:
        rng = self._rng
        at = rng.randrange(len(text) + 1)
        match rng.randrange(9):
            case 0:
                return text[:at] + rng.choice(self._words) + text[at:]
            case 1:
                return text[:at] + rng.choice(_STRANGE) + text[at + 1 :]
            case 2:
                return text[:at] + text[at + rng.randrange(1, 12) :]
            case 3:
                return text[:at]
            case 4:
                return text[:at] + text[at : at + rng.randrange(1, 60)] * rng.randrange(2, 5) + text[at:]
            case 5:
                return self._with_another_word(text, at)
            case 6 | 7:
                return self._with_other_lines(text)
        other: str = rng.choice(self._samples)
        return text[:at] + other[rng.randrange(len(other) + 1) :]

    def _with_another_word(self, text: str, at: int) -> str:
        start = end = at
        while start > 0 and text[start - 1].isalnum():
            start -= 1
        while end < len(text) and text[end].isalnum():
            end += 1
        return text[:start] + self._rng.choice(self._words) + text[end:]

    def _with_other_lines(self, text: str) -> str:
        rng = self._rng
        lines = text.splitlines(keepends=True)
        if len(lines) < 2:
            return text + text
        one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(3):
            case 0:
                lines[one], lines[other] = lines[other], lines[one]
            case 1:
                lines.insert(one, lines[other])
            case _:
                del lines[one]
        return "".join(lines)
