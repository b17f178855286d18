from __future__ import annotations

import numpy as np
import pytest

from emulator.media.audio.opus import FRAME, SAMPLE_RATE
from emulator.media.audio.stretch import FADE, LEAST_LAG, lengthen, shorten
from tests.media.audio_signals import clicks, speech, tone


@pytest.mark.parametrize("change", [shorten, lengthen])
@pytest.mark.parametrize("hertz", [120, 220, 440, 1000, 2345])
def test_a_tone_goes_on_without_a_click_or_a_dip(change, hertz):
    signal = tone(hertz, 9)
    block = signal[4 * FRAME : 5 * FRAME]
    changed = change(block, FRAME)
    joined = np.concatenate([signal[: 4 * FRAME], changed, signal[5 * FRAME :]])
    assert clicks(joined)[2:-2].max() < 0.003
    power = np.convolve(joined[FRAME:] ** 2, np.ones(480) / 480, "valid")
    assert power.min() > 0.6 * np.median(power)


@pytest.mark.parametrize("at_most", [240, 300, 500, 5000])
def test_changes_by_no_more_than_asked(at_most):
    block = speech(10)[:FRAME]
    assert LEAST_LAG <= block.size - shorten(block, at_most).size <= at_most
    assert LEAST_LAG <= lengthen(block, at_most).size - block.size <= at_most


def test_too_short_a_block_or_too_small_a_change_is_left_alone():
    block = tone(440, 1)
    for change in (shorten, lengthen):
        assert change(block, LEAST_LAG - 1) is block
        assert change(block[: FADE + LEAST_LAG - 1], FRAME).size == FADE + LEAST_LAG - 1


def test_ends_are_kept_so_that_neighbours_fit():
    signal = tone(333, 1)
    for change in (shorten, lengthen):
        changed = change(signal, FRAME)
        step = 2 * np.pi * 333 / SAMPLE_RATE * 0.25 * 1.1
        assert abs(changed[0] - signal[0]) < step
        assert changed[-1] == signal[-1]


def test_silence_is_no_trouble():
    assert not shorten(np.zeros(FRAME, dtype=np.float32), FRAME).any()
