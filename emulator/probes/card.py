"""Draws test cards: video that says whose it is, which stream it is and which frame."""

import random
from math import pi
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from emulator.probes import card_art
from emulator.probes.card_format import (
    BLACK,
    CELLS,
    COLUMNS,
    FLASH_UNITS,
    FRAME_NUMBERS,
    GRID_LEFT,
    GRID_TOP,
    ROWS,
    UNITS_HIGH,
    UNITS_WIDE,
    WHITE,
    encode_card,
    participant_uuid,
)
from emulator.probes.errors import CardError
from emulator.probes.yuv import YuvFrame, to_av_frame

__all__ = ["MIN_HEIGHT", "MIN_WIDTH", "TestCard", "to_av_frame"]

MIN_WIDTH, MIN_HEIGHT = 120, 68
"""Below this a cell has fewer than 3 x 3 pixels."""

MAX_SIDE = 4096


class TestCard:
    """The test card of one stream.

    `participant_id` is a UUID, `name` and `key` (the stream key) any text, `width` and `height` even numbers of pixels.
    Raises CardError for anything else.
    """

    __test__ = False  # pytest: this is not a test class

    def __init__(self, participant_id: str | UUID, name: str, key: str, width: int = 640, height: int = 360) -> None:
        self.participant_id = participant_uuid(participant_id)
        if width % 2 or height % 2 or not (MIN_WIDTH <= width <= MAX_SIDE and MIN_HEIGHT <= height <= MAX_SIDE):
            raise CardError(
                f"a card has an even width and height from {MIN_WIDTH}x{MIN_HEIGHT} to {MAX_SIDE}x{MAX_SIDE},"
                f" got {width}x{height}"
            )
        self.name, self.key, self.width, self.height = name, key, width, height
        self._sprites = card_art.sprites(width, height)
        self._cells = _cell_slices(width, height)
        self._canvas = np.empty((height * 3 // 2, width), np.uint8)
        frame = YuvFrame(self._canvas, width, height)
        planes = card_art.static_planes(name, key, hue_of(self.participant_id), width, height)
        frame.y[:], frame.u[:], frame.v[:] = planes
        self._luma = frame.y
        self._shown_bits = 0  # what the canvas shows now; all cells start black
        self._shown_digits = [""] * card_art.DIGITS
        self._luma[_grid_slice(width, height)] = BLACK
        for row, column, patches in self._sprites.dots:
            _put(self._luma, row, column, patches[card_art.FAINT_INK])
        self._shown_head = 0

    def draw(self, frame_number: int, *, flash: bool = False) -> YuvFrame:
        """The card of this frame, a copy of its own. Numbers count modulo 2**24 and may come in any order.

        With a `flash` there is a white bar at its top (`card_format.FLASH_UNITS`), which `flashes` reads.
        """
        frame_number %= FRAME_NUMBERS
        self._draw_cells(int.from_bytes(encode_card(self.participant_id, self.key, frame_number)))
        self._draw_digits(f"{frame_number:{card_art.DIGITS}d}")
        self._draw_dots(frame_number % card_art.DOTS)
        drawn = YuvFrame(self._canvas.copy(), self.width, self.height)
        if flash:
            drawn.y[: round(FLASH_UNITS * self.height / UNITS_HIGH)] = WHITE
        return drawn

    def _draw_cells(self, bits: int) -> None:
        changed = bits ^ self._shown_bits
        while changed:
            place = changed.bit_length() - 1
            changed ^= 1 << place
            self._luma[self._cells[CELLS - 1 - place]] = WHITE if bits >> place & 1 else BLACK
        self._shown_bits = bits

    def _draw_digits(self, text: str) -> None:
        row, column, step = self._sprites.digit_place
        for index, digit in enumerate(text):
            if self._shown_digits[index] != digit:
                self._shown_digits[index] = digit
                bright, faint = self._sprites.digits[int(digit.strip() or "0")]
                _put(self._luma, row, column + index * step, faint if digit == " " else bright)

    def _draw_dots(self, head: int) -> None:
        trail = card_art.TRAIL
        for back in range(len(trail)):
            self._draw_dot(self._shown_head - back, card_art.FAINT_INK)
        for back, level in enumerate(trail):
            self._draw_dot(head - back, level)
        self._shown_head = head

    def _draw_dot(self, index: int, level: int) -> None:
        row, column, patches = self._sprites.dots[index % card_art.DOTS]
        _put(self._luma, row, column, patches[level])


def hue_of(participant: UUID) -> float:
    """The background hue of a participant, an angle in radians in the U, V plane."""
    # A generator seeded with the id, so that ids that differ in one digit differ in hue.
    return random.Random(participant.int).random() * 2 * pi


def _cell_slices(width: int, height: int) -> list[tuple[slice, slice]]:
    """Where each cell is, in the order of the bits."""
    xs = [round((GRID_LEFT + column) * width / UNITS_WIDE) for column in range(COLUMNS + 1)]
    ys = [round((GRID_TOP + row) * height / UNITS_HIGH) for row in range(ROWS + 1)]
    return [
        (slice(ys[row], ys[row + 1]), slice(xs[column], xs[column + 1]))
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]


def _grid_slice(width: int, height: int) -> tuple[slice, slice]:
    cells = _cell_slices(width, height)
    return slice(cells[0][0].start, cells[-1][0].stop), slice(cells[0][1].start, cells[-1][1].stop)


def _put(plane: NDArray[np.uint8], row: int, column: int, patch: NDArray[np.uint8]) -> None:
    plane[row : row + patch.shape[0], column : column + patch.shape[1]] = patch
