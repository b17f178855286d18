"""Shorten or lengthen a block of audio by about a pitch period, without a click (the idea of WSOLA).

Two stretches of the block that look alike are laid over each other and cross-faded: tones and voices keep their pitch.
"""

from __future__ import annotations

import numpy as np

from emulator.media.audio.opus import Samples

FADE = 240  # samples cross-faded
LEAST_LAG = 240  # samples: 5 ms, 200 Hz; longer periods are met by a later maximum, shorter ones by a multiple
_RISE = (0.5 - 0.5 * np.cos(np.pi * (np.arange(FADE) + 0.5) / FADE)).astype(np.float32)


def shorten(block: Samples, at_most: int) -> Samples:
    """The block less 240 to `at_most` samples; the block itself if it is too short or `at_most` too small for that."""
    lag = _best_lag(block, at_most)
    if lag is None:
        return block
    joint = block[:FADE] * (1 - _RISE) + block[lag : lag + FADE] * _RISE
    return np.concatenate([joint, block[lag + FADE :]])


def lengthen(block: Samples, at_most: int) -> Samples:
    """The block with 240 to `at_most` samples more; the block itself if it is too short or `at_most` too small."""
    lag = _best_lag(block, at_most)
    if lag is None:
        return block
    joint = block[lag : lag + FADE] * (1 - _RISE) + block[:FADE] * _RISE
    return np.concatenate([block[:lag], joint, block[FADE:]])


def _best_lag(block: Samples, at_most: int) -> int | None:
    """By how much to shift the block so that it resembles its own beginning best; None if there is no room."""
    most = min(at_most, block.size - FADE)
    if most < LEAST_LAG:
        return None
    head = block[:FADE]
    window = block[LEAST_LAG : most + FADE]
    products = np.correlate(window, head, mode="valid")
    powers = np.concatenate([[0.0], np.cumsum(window.astype(np.float64) ** 2)])
    energy = powers[FADE:] - powers[:-FADE]
    return LEAST_LAG + int(np.argmax(products / np.sqrt(energy + 1e-9)))
