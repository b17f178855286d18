"""Reads a test card back from a picture, whatever its size and whatever a codec did to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import floor

import numpy as np
from numpy.typing import NDArray

from emulator.probes.card_format import (
    COLUMNS,
    FLASH_LUMA,
    FLASH_UNITS,
    GRID_LEFT,
    GRID_TOP,
    KNOWN_KEYS,
    ROWS,
    UNITS_HIGH,
    UNITS_WIDE,
    decode_card,
    resolve_key,
)
from emulator.probes.errors import CardError

Crop = tuple[float, float, float, float]
"""Left, top, width, height of the picture inside a larger one, in pixels."""

TAPS = (5 / 16, 7 / 16, 9 / 16, 11 / 16)
"""Where a cell is sampled, per axis: its middle, so that neither ringing nor a pixel of misplacement matters."""

MIN_CONTRAST = 48
"""Luma steps between the means of white and black cells. A card is drawn with 219."""

MIN_MARGIN = 0.15
"""How far each cell must be from the threshold, as a share of that contrast; nearer is doubt: no reading."""

_TAPS2 = len(TAPS) ** 2
_Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class CardReading:
    """What a card said. `key` is one of the keys the reader knew, else `#` and four hexadecimal digits."""

    participant_id: str
    key: str
    frame_number: int


def read_card(
    luma: NDArray[np.uint8], keys: Iterable[str] = KNOWN_KEYS, crop: Crop | None = None
) -> CardReading | None:
    """Read the card in a luma plane.

    `luma` has shape (height, width), any size, video or full range. `crop` is where the card's picture lies in it when
    that is not all of it (letterboxing, a cell of a composition).
    Returns None when there is no card or any of it is in doubt.
    Raises CardError when `luma` is not a plane or `crop` does not lie in it.
    """
    if luma.ndim != 2 or luma.size == 0 or luma.dtype != np.uint8:
        raise CardError(f"expected a luma plane of uint8 (height, width), got {luma.dtype} {luma.shape}")
    height, width = luma.shape
    rows, columns = _sample_places(width, height, crop or (0, 0, width, height))
    cells = _cell_sums(luma, rows, columns)
    white = _white_cells(cells)
    if white is None:
        return None
    decoded = decode_card(np.packbits(white).tobytes())
    if decoded is None:
        return None
    participant, hashed, frame_number = decoded
    return CardReading(str(participant), resolve_key(hashed, keys), frame_number)


def flashes(luma: NDArray[np.uint8], crop: Crop | None = None) -> bool:
    """Whether a card shows its flash; `luma` and `crop` as for `read_card`. Of what is no card it says nothing."""
    left, top, wide, high = crop or (0, 0, luma.shape[1], luma.shape[0])
    unit_x, unit_y = wide / UNITS_WIDE, high / UNITS_HIGH
    ys = slice(floor(top + 0.25 * FLASH_UNITS * unit_y), floor(top + 0.75 * FLASH_UNITS * unit_y) + 1)
    xs = slice(floor(left + 0.25 * UNITS_WIDE * unit_x), floor(left + 0.75 * UNITS_WIDE * unit_x))
    return float(luma[ys, xs].mean()) > FLASH_LUMA


@lru_cache(maxsize=256)
def _sample_places(width: int, height: int, crop: Crop) -> tuple[_Index, _Index]:
    """The pixel rows and columns to sample, for the grid and the black unit around it."""
    left, top, wide, high = crop
    if not (left >= 0 and top >= 0 and wide > 0 and high > 0 and left + wide <= width and top + high <= height):
        raise CardError(f"crop {crop} does not lie in a picture of {width}x{height}")
    unit_x, unit_y = wide / UNITS_WIDE, high / UNITS_HIGH
    xs = [floor(left + (GRID_LEFT + i + tap) * unit_x) for i in range(-1, COLUMNS + 1) for tap in TAPS]
    ys = [floor(top + (GRID_TOP + i + tap) * unit_y) for i in range(-1, ROWS + 1) for tap in TAPS]
    return np.array(ys, dtype=np.intp)[:, np.newaxis], np.array(xs, dtype=np.intp)


def _cell_sums(luma: NDArray[np.uint8], rows: _Index, columns: _Index) -> NDArray[np.int64]:
    samples = luma[rows, columns].reshape(ROWS + 2, len(TAPS), COLUMNS + 2, len(TAPS))
    sums: NDArray[np.int64] = samples.sum(axis=(1, 3), dtype=np.int64)
    return sums


def _white_cells(sums: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    """Which cells of the grid are white, row by row; None when they do not fall into two clear groups.

    The threshold lies midway between the means of both groups, found by repetition from midway between the extremes.
    """
    grid = sums[1:-1, 1:-1]
    threshold = (int(grid.min()) + int(grid.max())) / 2
    contrast = 0.0
    for _ in range(8):
        white = grid > threshold
        count = int(white.sum())
        if count in (0, grid.size):
            return None
        total = int(grid[white].sum())
        light, dark = total / count, (int(grid.sum()) - total) / (grid.size - count)
        contrast = light - dark
        if (light + dark) / 2 == threshold:
            break
        threshold = (light + dark) / 2
    if contrast < MIN_CONTRAST * _TAPS2:
        return None
    margin = MIN_MARGIN * contrast
    if np.abs(grid - threshold).min() < margin:
        return None
    around = np.concatenate([sums[0], sums[-1], sums[1:-1, 0], sums[1:-1, -1]])
    if around.max() > threshold - margin:
        return None
    return (grid > threshold).reshape(-1)
