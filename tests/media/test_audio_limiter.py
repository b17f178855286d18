from __future__ import annotations

import numpy as np
import pytest

from emulator.media.audio.limiter import THRESHOLD, limit
from emulator.media.audio.opus import FRAME
from tests.media.audio_signals import clicks, noise, residual, rms, strength, tone


def run(*signals):
    """Each signal through the limiter as one of several mixes, frame by frame."""
    peaks, gains = np.zeros(len(signals)), np.ones(len(signals))
    frames = np.stack(signals).reshape(len(signals), -1, FRAME)
    limited = []
    for index in range(frames.shape[1]):
        frame, peaks, gains = limit(frames[:, index].copy(), peaks, gains)
        limited.append(frame)
    return list(np.concatenate(limited, axis=1))


def test_what_fits_passes_unchanged():
    quiet, full = tone(440, 20), tone(440, 20, THRESHOLD * 0.99)
    limited = run(quiet, full)
    assert np.array_equal(limited[0], quiet)
    assert np.array_equal(limited[1], full)


def test_each_mix_is_limited_for_itself():
    quiet, loud = run(tone(440, 20), tone(440, 20, 3.0))
    assert np.array_equal(quiet, tone(440, 20))
    assert np.abs(loud).max() <= 1.0


@pytest.mark.parametrize("amplitude", [0.9, 2.0, 20.0])
def test_nothing_exceeds_full_scale_and_a_steady_tone_stays_one(amplitude):
    (limited,) = run(tone(440, 60, amplitude))
    assert np.abs(limited).max() <= 1.0
    steady = limited[10 * FRAME :]
    assert strength(steady, 440) == pytest.approx(THRESHOLD, rel=0.02)
    assert residual(steady, 440).max() < 0.01  # no distortion, no pumping
    assert clicks(limited)[2:-2].max() < 0.001


def test_random_loud_signals_never_leave_full_scale():
    for seed in range(5):
        (limited,) = run(noise(0, 50, seed) * np.float32(4))
        assert np.abs(limited).max() <= 1.0


def test_gain_of_a_beating_mix_does_not_pump():
    mix = np.sum([tone(frequency, 200, 0.25) for frequency in (220, 331, 457, 563, 687, 811, 929, 1050)], axis=0)
    (limited,) = run(mix)
    gains = [
        20 * np.log10(rms(after) / rms(before))
        for before, after in zip(mix.reshape(-1, FRAME)[50:], limited.reshape(-1, FRAME)[50:], strict=True)
    ]
    assert max(gains) - min(gains) < 4  # the beats themselves are far deeper
    assert np.diff(gains).max() < 0.2  # dB per 20 ms upwards: nothing one hears as breathing


def test_gain_recovers_after_a_shout_within_two_seconds():
    (limited,) = run(np.concatenate([tone(440, 10, 2.0), tone(440, 120, 0.25)]))
    assert rms(limited[12 * FRAME : 14 * FRAME]) < 0.15
    assert rms(limited[110 * FRAME :]) == pytest.approx(0.25 / np.sqrt(2), rel=0.01)


def test_arguments_are_left_alone():
    mixes = tone(440, 1, 3.0).reshape(1, FRAME)
    peaks, gains = np.zeros(1), np.ones(1)
    limit(mixes.copy(), peaks, gains)
    assert peaks[0] == 0
    assert gains[0] == 1
    before = mixes.copy()
    limit(mixes, peaks, gains)
    assert np.array_equal(mixes, before)
