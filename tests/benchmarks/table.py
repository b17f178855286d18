"""What a benchmark found, and the table of it all."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """Values of interleaved runs, oldest first. `reference` is in the same unit, `of` says whose it is.

    A `live` reference was measured in the same run and has as many values; others are a figure, or the ends of a range.
    """

    name: str
    values: tuple[float, ...]
    unit: str
    reference: tuple[float, ...] = ()
    of: str = ""
    live: bool = False

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def ratio(self) -> float | None:
        """Of the medians."""
        return self.value / median(self.reference) if self.reference else None


def show(rows: Sequence[Row]) -> str:
    head = ("measurement", "here", "from .. to", "unit", "reference", "ratio", "of")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    right = {1, 2, 4, 5}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    reference = "" if not row.reference else _number(median(row.reference))
    if row.reference and not row.live and len(row.reference) > 1:
        reference = f"{_number(min(row.reference))}-{_number(max(row.reference))}"
    return (
        row.name,
        _number(row.value),
        f"{_number(min(row.values))} .. {_number(max(row.values))}" if len(row.values) > 1 else "",
        row.unit,
        reference,
        "" if row.ratio is None else f"{row.ratio:.2f}",
        row.of + (" (this run)" if row.live else ""),
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> str:
    """How fast and how quiet it is at this moment: figures taken at different speeds cannot be compared."""
    spins = sorted(_spin() for _ in range(15))
    quiet = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load {quiet:.1f}, speed {spins[0] * 1000:.1f} to {spins[-1] * 1000:.1f} ms a spin"


def _spin() -> float:
    began, total = time.perf_counter(), 0
    for number in range(200_000):
        total += number * number
    return time.perf_counter() - began
