"""Keeps sums of many talkers within full scale: a peak limiter over many mixes at once.

Gain follows the largest peak of the recent past and recovers over about a second, so a steady mix gets a steady gain
(no pumping). It is computed per 5 ms block and interpolated, lowered before a peak inside a frame; what an onset at a
frame's very first samples still has too much is bent by a soft curve that never leaves -1..1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from emulator.media.audio.opus import FRAME, SAMPLE_RATE

THRESHOLD = 0.8  # of full scale, -1.9 dBFS: what the limiter holds peaks to
_BLOCK = 240
_BLOCKS = FRAME // _BLOCK
_RELEASE = math.exp(-_BLOCK / SAMPLE_RATE / 1.0)  # the peak memory's time constant: 1 s
_RISE = (np.arange(1, _BLOCK + 1, dtype=np.float32) / np.float32(_BLOCK)).reshape(1, 1, _BLOCK)


def limit(
    mixes: NDArray[np.float32], peaks: NDArray[np.float64], gains: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Limit one 20 ms frame of n mixes: (n, 960) samples, with each mix's remembered peak and last gain, (n,) each.

    Returns the limited frame, all samples within -1..1, and the peaks and gains to pass with the next one.
    A new mix starts with peak 0 and gain 1. The arguments are not changed.
    """
    blocks = mixes.reshape(-1, _BLOCKS, _BLOCK)
    heights = np.maximum(blocks.max(axis=2), -blocks.min(axis=2))
    if heights.max() <= THRESHOLD and peaks.max() <= THRESHOLD and gains.min() >= 1.0:
        # Nothing to hold back, as nearly always. Peaks below the threshold have no effect and are not remembered.
        return mixes, np.zeros_like(peaks), gains
    memory = peaks
    targets = np.empty((len(blocks), _BLOCKS))
    for index in range(_BLOCKS):
        memory = np.maximum(heights[:, index], memory * _RELEASE)
        targets[:, index] = THRESHOLD / np.maximum(memory, THRESHOLD)
    edges = np.empty((len(blocks), _BLOCKS + 1))
    edges[:, 0] = gains
    edges[:, 1:-1] = np.minimum(targets[:, :-1], targets[:, 1:])
    edges[:, -1] = targets[:, -1]
    starts = edges[:, :-1, None].astype(np.float32)
    slopes = np.diff(edges, axis=1)[:, :, None].astype(np.float32)
    limited = (blocks * (starts + slopes * _RISE)).reshape(-1, FRAME)
    return _bend(limited), memory, edges[:, -1].copy()


def _bend(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Straight up to the threshold (and 1 % on: rounding is not an overshoot), then a curve that tends to 1."""
    size = np.abs(samples)
    knee = THRESHOLD * 1.01
    over = size > knee
    if over.any():
        room = 1.0 - knee
        samples[over] = np.sign(samples[over]) * (knee + room * np.tanh((size[over] - knee) / room))
    return samples
