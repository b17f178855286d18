import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emulator.probes.errors import ToneError
from emulator.probes.tones import (
    AMPLITUDE,
    RATE,
    TONES,
    TalkPattern,
    noise,
    silence,
    speech,
    tone_for,
    tone_samples,
    tones_in,
)
from tests.probes.codecs import through_opus
from tests.probes.node import Node

WINDOW = RATE // 5
Floats = NDArray[np.float64]
Sound = NDArray[np.int16] | NDArray[np.float64]


def mix(indices: list[int], seconds: float, amplitude: float = AMPLITUDE, spread: float = 0, seed: int = 0) -> Floats:
    """The sum of several chords at random phases, each up to `spread` dB weaker."""
    draw = random.Random(seed)
    total = np.zeros(int(RATE * seconds))
    for index in indices:
        own = amplitude * 10 ** (-draw.uniform(0, spread) / 20)
        total += tone_samples(index, draw.randrange(RATE * 100), len(total), amplitude=own) / 32768
    return total


def windows(samples: Sound, skip: float = 0.5) -> list[Sound]:
    """Windows of 200 ms every 100 ms; the first half second, in which Opus gets going, is left out."""
    return [samples[start : start + WINDOW] for start in range(int(RATE * skip), len(samples) - WINDOW, WINDOW // 2)]


def javascript(samples: list[Sound], **options: object) -> list[dict[int, float]]:
    node = Node()
    for window in samples:
        node.detect_tones(window, **options)  # type: ignore[arg-type]  # options are those of detect_tones
    return [{int(index): level for index, level in heard.items()} for heard in node.run()]


def assert_same(ours: list[dict[int, float]], theirs: list[dict[int, float]]) -> None:
    assert [set(heard) for heard in ours] == [set(heard) for heard in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, abs=0.01)


def test_chords_are_distinct_inside_the_telephone_band_and_resolvable() -> None:
    frequencies = sorted(hertz for index in range(TONES) for hertz in tone_for(index).frequencies)
    assert frequencies[0] > 400
    assert frequencies[-1] < 3400
    assert min(b - a for a, b in pairwise(frequencies)) >= 15
    first_sixteen = sorted(hertz for index in range(16) for hertz in tone_for(index).frequencies)
    assert min(b - a for a, b in pairwise(first_sixteen)) >= 80


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_every_chord_is_recognised_at_its_level_at_any_rate_by_both_readers(rate: int) -> None:
    sounds = [tone_samples(index, 12345, rate // 5, rate) for index in range(TONES)]
    heard = [tones_in(sound, rate) for sound in sounds]
    assert [list(found) for found in heard] == [[index] for index in range(TONES)]
    assert all(level == pytest.approx(-23, abs=0.6) for found in heard for level in found.values())
    assert_same(heard, javascript(list(sounds), rate=rate))


@settings(max_examples=50)
@given(index=st.integers(0, TONES - 1), start=st.integers(0, 10**9), cut=st.integers(1, 1999))
def test_samples_join_without_a_seam(index: int, start: int, cut: int) -> None:
    whole = tone_samples(index, start, 2000)
    parts = [tone_samples(index, start, cut), tone_samples(index, start + cut, 2000 - cut)]
    assert np.array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize("bit_rate", [24_000, 32_000])
@pytest.mark.parametrize("application", ["voip", "audio"])
def test_who_is_heard_is_told_through_opus_by_both_readers(bit_rate: int, application: str) -> None:
    for indices in ([5], [0, 1, 2]):
        heard_by_window = [tones_in(w) for w in windows(through_opus(mix(indices, 1.2), bit_rate, application))]
        assert [sorted(heard) for heard in heard_by_window] == [indices] * len(heard_by_window)


@pytest.mark.parametrize("bit_rate", [24_000, 32_000])
@pytest.mark.parametrize(("limit", "spread"), [(1.0, 0.0), (1.0, 12.0), (0.25, 0.0)])
def test_twenty_at_once_are_told_apart_by_both_readers(bit_rate: int, limit: float, spread: float) -> None:
    present = random.Random(4).sample(range(TONES), 20)
    sound = np.clip(mix(present, 2, spread=spread), -limit, limit)
    looked_at = windows(through_opus(sound, bit_rate))
    heard = [tones_in(window) for window in looked_at]
    detected = sum(len(found) for found in heard)
    assert all(set(found) <= set(present) for found in heard)
    assert detected >= 0.995 * 20 * len(heard)
    assert_same(heard, javascript(looked_at))


def test_the_first_twenty_indices_are_told_apart_in_one_window() -> None:
    window = through_opus(mix(list(range(20)), 1), 24_000)[RATE // 2 : RATE // 2 + WINDOW]
    assert sorted(tones_in(window)) == list(range(20))


def test_a_talker_is_heard_in_spurts_and_not_in_pauses() -> None:
    sound = through_opus(speech(3, 0, RATE * 3, TalkPattern(((0.5, 0.5),))) / 32768, 32_000)
    # 6.5 ms of look-ahead in the encoder move everything a little.
    assert list(tones_in(sound[int(1.2 * RATE) : int(1.4 * RATE)])) == [3]
    assert tones_in(sound[int(1.6 * RATE) : int(1.9 * RATE)]) == {}


def test_half_a_window_of_a_tone_is_heard() -> None:
    window = np.concatenate([silence(WINDOW // 2), tone_samples(9, 0, WINDOW // 2)])
    assert list(tones_in(window)) == [9]


def test_longer_sound_is_searched_throughout_by_both_readers() -> None:
    sound = np.concatenate(
        [silence(RATE), tone_samples(9, 0, WINDOW, amplitude=0.05), tone_samples(40, 0, WINDOW), silence(7777)]
    )
    heard = tones_in(sound)
    assert list(heard) == [40, 9]
    assert_same([heard], javascript([sound]))


def test_only_candidates_are_looked_for_by_both_readers() -> None:
    window = np.rint(mix([1, 2, 3], 0.2) * 32767).astype(np.int16)
    assert sorted(tones_in(window, candidates=[2, 3, 50])) == [2, 3]
    assert tones_in(window, candidates=[]) == {}
    assert [sorted(heard) for heard in javascript([window], candidates=[2, 3, 50])] == [[2, 3]]


def test_a_chord_below_the_threshold_is_not_heard() -> None:
    assert list(tones_in(tone_samples(3, 0, WINDOW, amplitude=0.006))) == [3]  # -47.4 dBFS
    assert tones_in(tone_samples(3, 0, WINDOW, amplitude=0.003)) == {}  # -53.5 dBFS


def test_silence_and_noise_are_nobody() -> None:
    sounds: list[Sound] = [silence(RATE)]
    sounds += [noise(seed, 0, RATE) for seed in range(5)]
    sounds += [speech_shaped_noise(seed, level) for seed in range(5) for level in (-50, -20)]
    sounds += [voice(seed, -50) for seed in range(5)]
    heard = [tones_in(sound) for sound in sounds]
    assert heard == [{}] * len(sounds)
    assert javascript(sounds) == heard


def test_a_pattern_repeats_with_soft_edges() -> None:
    pattern = TalkPattern(((0.3, 0.2), (0.1, 0.4)))
    sound = speech(0, 0, RATE * 2, pattern).astype(float)
    loud = [np.abs(sound[start : start + 480]).max() > 1000 for start in range(0, RATE * 2, 480)]
    assert loud == ([True] * 30 + [False] * 20 + [True] * 10 + [False] * 40) * 2
    # A hard edge would leave a click: energy above the band of the tones.
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    assert spectrum[6000 * 2 :].sum() / spectrum.sum() < 1e-5


def test_speech_does_not_depend_on_how_it_is_cut() -> None:
    pattern = TalkPattern.conversation(talk=2, pause=1)
    whole = speech(7, 0, 5000, pattern)
    parts = [speech(7, start, 500, pattern) for start in range(0, 5000, 500)]
    assert np.array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize(("talk", "pause"), [(2.0, 1.0), (0.2, 0.5), (1.0, 0.0)])
def test_a_conversation_talks_and_pauses_as_long_as_asked(talk: float, pause: float) -> None:
    pattern = TalkPattern.conversation(talk, pause)
    assert pattern.period == pytest.approx(talk + pause)
    assert pattern.spurts[-1][1] == pause


def test_noise_is_the_same_for_the_same_seed() -> None:
    assert np.array_equal(noise(1, 100, 50), noise(1, 0, 150)[100:])
    assert not np.array_equal(noise(1, 0, 50), noise(2, 0, 50))


@pytest.mark.parametrize("index", [-1, TONES])
def test_an_unknown_index_is_refused(index: int) -> None:
    with pytest.raises(ToneError, match="from 0 to 63"):
        tone_for(index)
    with pytest.raises(ToneError, match="from 0 to 63"):
        tones_in(silence(WINDOW), candidates=[index])


def test_the_javascript_reader_refuses_the_same() -> None:
    node = Node()
    node.detect_tones(silence(WINDOW - 1))
    node.detect_tones(silence(WINDOW), rate=4000)
    node.detect_tones(silence(WINDOW), candidates=[TONES])
    short, slow, unknown = (result["error"] for result in node.run())
    assert "at least 9600 samples" in short
    assert "at least 8000 samples per second" in slow
    assert "from 0 to 63" in unknown


def test_unusable_windows_rates_amplitudes_and_patterns_are_refused() -> None:
    with pytest.raises(ToneError, match="at least 9600 samples"):
        tones_in(silence(WINDOW - 1))
    with pytest.raises(ToneError, match="at least 8000 samples per second"):
        tones_in(silence(WINDOW), rate=4000)
    with pytest.raises(ToneError, match="share of full scale"):
        tone_samples(0, 0, 10, amplitude=1.5)
    with pytest.raises(ToneError, match="pairs"):
        TalkPattern(())
    with pytest.raises(ToneError, match="talk > 0"):
        TalkPattern.conversation(0, 1)


def speech_shaped_noise(seed: int, level: float, seconds: float = 1) -> Floats:
    count = int(RATE * seconds)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    shaped = np.fft.irfft(spectrum / (1 + (np.fft.rfftfreq(count, 1 / RATE) / 500) ** 2), count)
    scaled: Floats = shaped * 10 ** (level / 20) / np.sqrt(np.mean(shaped**2))
    return scaled


def voice(seed: int, level: float, seconds: float = 1) -> Floats:
    """Harmonics of a gliding pitch under three formants, four syllables a second."""
    draw = np.random.default_rng(seed)
    time = np.arange(int(RATE * seconds)) / RATE
    knots = np.arange(0, seconds + 0.3, 0.25)
    pitch = np.interp(time, knots, draw.uniform(90, 260, len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = draw.standard_normal(len(time)) * 0.02
    for harmonic in range(1, 35):
        hertz = harmonic * pitch
        weight = sum(np.exp(-(((hertz - formant) / 150) ** 2)) for formant in (500, 1500, 2700))
        sound += (weight + 0.02) * np.sin(harmonic * phase)
    sound *= np.clip(np.sin(2 * np.pi * 4 * time) + 0.6, 0, 1)
    scaled: Floats = sound * 10 ** (level / 20) / np.sqrt(np.mean(sound**2))
    return scaled
