"""The part of a test card that is for people: hue, initials, name, stream key, and sprites for what moves.

Pillow draws masks ("how much ink is here") once per card; colours are applied straight in Y, U and V. All cards
have the same luma under everything that moves, so moving parts are luma only and never touch the chroma planes.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from emulator.probes.card_format import GRID_TOP, UNITS_HIGH

Plane = NDArray[np.uint8]
_Ink = NDArray[np.float32]

INK, SOFT_INK, FAINT_INK = 235, 196, 122
"""Luma of the name, of the lines below it, and of leading zeros and resting dots."""

GROUND, DISC, BAND = 82, 56, 16
"""Luma of the background, of the disc behind the initials, and of the band the cells lie in."""

CHROMA = 34
"""How colourful the background is: the radius of the circle of hues in the U, V plane."""

DOTS = 30
"""Dots around the disc; the bright one moves on by one with every frame."""

TRAIL = (235, 196, 168, 145)
"""Luma of the bright dot and of those it has just left."""

DIGITS = 8
"""Digits of a frame number (24 bits)."""

_SMOOTH = 8  # dots are drawn so many times larger and reduced, for round edges at any size

_ASCII_LETTERS = {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are, in pixels."""

    width: int
    height: int
    ground_height: int
    disc_center: tuple[float, float]
    disc_radius: float
    ring_radius: float
    dot_radius: float
    text_left: int
    text_width: int
    name_size: int
    line_size: int
    name_middle: int
    key_middle: int
    digits_middle: int


@dataclass(frozen=True, slots=True)
class Sprites:
    """What is put on a card frame by frame. Shared by all cards of a size.

    dots        per dot: row, column, {luma: patch}
    digits      per digit: its patch in bright ink, and in faint ink for leading zeros
    digit_place row and column of the first digit, and the step to the next one
    """

    dots: tuple[tuple[int, int, dict[int, Plane]], ...]
    digits: tuple[tuple[Plane, Plane], ...]
    digit_place: tuple[int, int, int]


@lru_cache(maxsize=32)
def layout(width: int, height: int) -> Layout:
    """The places for a picture of this size, given for 320x180 and scaled; text gets what width is left."""
    scale = min(width / 320, height / 180)
    # The ground ends one black unit above the grid.
    ground = round(height * (GRID_TOP - 1) / UNITS_HIGH)
    middle = ground / 2
    text_left = round(width * 116 / 320)
    return Layout(
        width=width,
        height=height,
        ground_height=ground,
        disc_center=(width * 64 / 320, middle),
        disc_radius=31 * scale,
        ring_radius=41 * scale,
        dot_radius=2.6 * scale,
        text_left=text_left,
        text_width=width - text_left - round(width * 16 / 320),
        name_size=max(6, round(31 * scale)),
        line_size=max(5, round(15.5 * scale)),
        name_middle=round(middle - 20 * scale),
        key_middle=round(middle + 10 * scale),
        digits_middle=round(middle + 32 * scale),
    )


def static_planes(name: str, key: str, hue: float, width: int, height: int) -> tuple[Plane, Plane, Plane]:
    """Y, U and V of a card without cells and without anything that moves. `hue` is an angle in radians."""
    place = layout(width, height)
    luma = np.full((height, width), BAND, np.float32)
    luma[: place.ground_height] = GROUND
    disc = _disc(place)
    luma += (DISC - luma) * disc

    bright = _canvas(place)
    _draw_fitting(bright, printable(name), place.text_left, place.name_middle, place.text_width, place.name_size)
    x, y = place.disc_center
    bright.text((x, y), initials(name), fill=255, anchor="mm", font=_font(max(6, round(place.disc_radius * 0.9))))
    soft = _canvas(place)
    _draw_fitting(soft, printable(key), place.text_left, place.key_middle, place.text_width, place.line_size)
    text = np.zeros_like(luma)
    for drawing, level in ((bright, INK), (soft, SOFT_INK)):
        ink = _ink(drawing._image)
        luma += (level - luma) * ink
        text = np.maximum(text, ink)

    # Letters are white, not tinted: their share of each chroma pixel is colourless.
    colour = np.zeros_like(luma)
    colour[: place.ground_height] = 1
    colour *= 1 - text
    quarter = colour.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    u = 128 + CHROMA * cos(hue) * quarter
    v = 128 + CHROMA * sin(hue) * quarter
    return _plane(luma), _plane(u), _plane(v)


@lru_cache(maxsize=16)
def sprites(width: int, height: int) -> Sprites:
    """The moving parts for a picture of this size."""
    place = layout(width, height)
    levels = {FAINT_INK, *TRAIL}
    dots = []
    for index in range(DOTS):
        angle = 2 * pi * index / DOTS - pi / 2
        x = place.disc_center[0] + place.ring_radius * cos(angle)
        y = place.disc_center[1] + place.ring_radius * sin(angle)
        row, column, ink = _dot(x, y, place.dot_radius)
        dots.append((row, column, {level: _plane(GROUND + (level - GROUND) * ink) for level in levels}))

    font = _font(place.line_size)
    step = max(round(font.getlength(digit)) for digit in "0123456789")
    cell_height = round(place.line_size * 0.9)
    digits = []
    for digit in "0123456789":
        image = Image.new("L", (step, cell_height))
        ImageDraw.Draw(image).text((step / 2, cell_height / 2), digit, fill=255, anchor="mm", font=font)
        ink = _ink(image)
        digits.append((_plane(GROUND + (SOFT_INK - GROUND) * ink), _plane(GROUND + (FAINT_INK - GROUND) * ink)))
    digit_place = (place.digits_middle - cell_height // 2, place.text_left, step)
    return Sprites(tuple(dots), tuple(digits), digit_place)


def printable(text: str) -> str:
    """The text in the letters the bundled font has: accents are dropped, other scripts become `?`."""
    plain = "".join(_ASCII_LETTERS.get(letter, letter) for letter in text)
    plain = unicodedata.normalize("NFKD", plain)
    kept = (letter for letter in plain if not unicodedata.combining(letter))
    return "".join(letter if " " <= letter <= "~" else "?" for letter in kept)


def initials(name: str) -> str:
    """One or two letters that stand for a name; a trailing number counts as a word (`crowd 12` gives `C12`)."""
    words = "".join(letter if letter.isalnum() else " " for letter in printable(name)).split()
    if not words:
        return "?"
    if len(words) == 1:
        return words[0][:1].upper()
    last = words[-1][:2] if words[-1].isdigit() else words[-1][:1]
    return (words[0][:1] + last).upper()


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _canvas(place: Layout) -> ImageDraw.ImageDraw:
    return ImageDraw.Draw(Image.new("L", (place.width, place.height)))


def _draw_fitting(drawing: ImageDraw.ImageDraw, text: str, left: int, middle: int, width: int, size: int) -> None:
    """One line of text, in letters down to 60 % of `size`, then cut, so that it is no wider than `width`."""
    smallest = max(5, round(size * 0.6))
    while size > smallest and _font(size).getlength(text) > width:
        size -= 1
    font = _font(size)
    shown = text
    while text and font.getlength(shown) > width:
        text = text[:-1]
        shown = text.rstrip() + "..."
    drawing.text((left, middle), shown, fill=255, anchor="lm", font=font)


def _disc(place: Layout) -> _Ink:
    x, y = place.disc_center
    across = np.arange(place.width, dtype=np.float32) + 0.5 - x
    down = np.arange(place.height, dtype=np.float32) + 0.5 - y
    distance = np.hypot(across, down[:, np.newaxis])
    ink: _Ink = np.clip(place.disc_radius + 0.5 - distance, 0, 1).astype(np.float32)
    return ink


def _dot(x: float, y: float, radius: float) -> tuple[int, int, _Ink]:
    """The smallest patch that holds a dot: its row, its column, its ink."""
    left, top = int(x - radius), int(y - radius)
    wide, high = int(x + radius) + 1 - left, int(y + radius) + 1 - top
    across = (np.arange(wide * _SMOOTH) + 0.5) / _SMOOTH + left - x
    down = (np.arange(high * _SMOOTH) + 0.5) / _SMOOTH + top - y
    inside = np.hypot(across, down[:, np.newaxis]) <= radius
    ink: _Ink = inside.reshape(high, _SMOOTH, wide, _SMOOTH).mean(axis=(1, 3)).astype(np.float32)
    return top, left, ink


def _ink(image: Image.Image) -> _Ink:
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _plane(values: NDArray[np.floating]) -> Plane:
    plane: Plane = np.clip(np.rint(values), 16, 240).astype(np.uint8)
    return plane
