"""Where the cells of a region are, and where a picture lies in its cell."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels; may lie partly or wholly outside of the frame."""

    x: int
    y: int
    width: int
    height: int

    def fitted(self, width: int, height: int) -> Box:
        """The largest box in this one's middle that has the shape of a picture of that size (letterboxing).

        Its sides and place are even, as 4:2:0 pictures want them.
        """
        scale = min(self.width / width, self.height / height)
        wide, high = (max(2, _even(round(side * scale))) for side in (width, height))
        return Box(_even(self.x + (self.width - wide) // 2), _even(self.y + (self.height - high) // 2), wide, high)


def _even(number: int) -> int:
    return number - number % 2


@dataclass(frozen=True, slots=True)
class Grid:
    columns: int
    rows: int

    @classmethod
    def of(cls, count: int, *, max_columns: int | None = None, max_rows: int | None = None) -> Grid:
        """Nearly square and large enough for `count` cells, as far as the bounds allow."""
        count = max(1, count)
        columns = ceil(sqrt(count))
        if max_rows is not None:
            columns = max(columns, ceil(count / max_rows))
        if max_columns is not None:
            columns = min(columns, max_columns)
        rows = ceil(count / columns)
        return cls(columns, rows if max_rows is None else min(rows, max_rows))

    @property
    def cells(self) -> int:
        return self.columns * self.rows

    def box(self, cell: int, region: Box) -> Box:
        """Of cell number `cell` in reading order; all pixels of the region belong to one."""
        column, row = cell % self.columns, cell // self.columns
        left, right = (region.width * edge // self.columns for edge in (column, column + 1))
        top, bottom = (region.height * edge // self.rows for edge in (row, row + 1))
        return Box(region.x + left, region.y + top, right - left, bottom - top)
