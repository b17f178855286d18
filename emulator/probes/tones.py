"""Sound that says whose it is: every participant has a chord of two tones, told apart in a mix of twenty.

The grid has 128 frequencies, 23 Hz apart on average, from 430 to 3350 Hz: inside the band of a telephone, and far
enough apart for windows of 200 ms. Index i owns one frequency of the lower half and one of the upper half, alone.
Consecutive indices lie far apart, so the first 16 have about 90 Hz around each tone.

Why two tones, and why off a regular grid (measured through Opus at 24 and 32 kbit/s, 20 at once, also
overdriven into a limiter): a limiter makes intermodulation products, and on a regular grid they fall onto other
people's frequencies. With one tone on a regular grid up to 40 % of the silent were "heard" then, with one
tone on a scattered grid 1 to 4 %, with two on a scattered grid none.

Something counts as heard in a window of 200 ms when, for both tones of its chord, the spectrum (Hann window) has a peak
there, at least `MIN_RISE` over the median of its surroundings, `MIN_RISE_SUM` both together, the two differ by less
than `MAX_DIFFERENCE`, and the chord has at least `HEARD_DBFS` and is not more than `MAX_BELOW_LOUDEST` weaker than
the loudest chord found. What this does not withstand: a few chords overdriven by 10 dB into hard clipping, whose
products count as one more voice now and then; a steady voice at -20 dBFS, in one window of fifty. Naming the
candidates makes both rarer.

Levels are in dBFS, where a sine of full scale has 0: a chord of amplitude 0.1 has -23 dBFS.
`probe.js` holds the same numbers and the same steps.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import floor, pi

import numpy as np
from numpy.typing import NDArray

from emulator.probes.errors import ToneError

TONES = 64
"""How many identities there are. About twenty of them may sound at once."""

RATE = 48000
MIN_RATE = 8000
"""Samples per second: the default, and the least that carries the highest tone."""

AMPLITUDE = 0.1
"""Peak of a chord as a share of full scale, unless asked otherwise: twenty of them add up to about full scale."""

WINDOW = 0.2
"""Seconds that are looked at at once."""

HEARD_DBFS = -50.0
MIN_RISE = 5.0
MIN_RISE_SUM = 22.0
MAX_DIFFERENCE = 10.0
MAX_BELOW_LOUDEST = 20.0
"""The rules above, in dB."""

_FLANK_HZ, _NEAR_HZ, _FAR_HZ = 9.0, 12.0, 120.0
"""A peak is higher than the spectrum this far to its sides; its surroundings lie between these distances."""

Samples = NDArray[np.int16]
_Floats = NDArray[np.float64]
_Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class ToneIdentity:
    """A participant's chord: its index and its two frequencies in Hz, whole numbers."""

    index: int
    frequencies: tuple[int, int]


@dataclass(frozen=True, slots=True)
class TalkPattern:
    """When a talker talks: pairs of seconds (on, off), repeated for ever; each on fades in and out within itself.

    `fade` is in seconds, shaped like a cosine.
    Raises ToneError when a time is negative, an on is shorter than two fades, or there is nothing to repeat.
    """

    spurts: tuple[tuple[float, float], ...] = ((0.3, 0.2),)
    fade: float = 0.005

    def __post_init__(self) -> None:
        if not self.spurts or self.fade < 0 or any(on < 2 * self.fade or off < 0 for on, off in self.spurts):
            raise ToneError(
                f"expected pairs (on, off) of seconds, on >= twice the fade of {self.fade}, off >= 0; got {self.spurts}"
            )
        if self.period <= 0:
            raise ToneError(f"a talk pattern must last some time, got {self.spurts}")

    @property
    def period(self) -> float:
        """Seconds until it repeats."""
        return sum(on + off for on, off in self.spurts)

    @classmethod
    def conversation(cls, talk: float, pause: float, on: float = 0.3, off: float = 0.2) -> "TalkPattern":
        """Syllables (`on`, `off`) for `talk` seconds, then silence for `pause` seconds."""
        if talk <= 0 or pause < 0 or on <= 0 or off < 0:
            raise ToneError(f"expected talk > 0, pause >= 0, on > 0, off >= 0; got {talk}, {pause}, {on}, {off}")
        count = max(1, round((talk + off) / (on + off)))
        syllable = talk / (count * on + (count - 1) * off)
        spurts = [(on * syllable, off * syllable)] * (count - 1) + [(on * syllable, pause)]
        return cls(tuple(spurts))


def tone_for(index: int) -> ToneIdentity:
    """The chord of an index from 0 to 63; raises ToneError for any other."""
    if not 0 <= index < TONES:
        raise ToneError(f"a tone index is a number from 0 to {TONES - 1}, got {index}")
    return _IDENTITIES[index]


def tone_samples(index: int, start_sample: int, count: int, rate: int = RATE, amplitude: float = AMPLITUDE) -> Samples:
    """`count` samples of a chord, from `start_sample` on: calls that follow on each other join without a seam.

    `amplitude` is the peak as a share of full scale. Raises ToneError for an unknown index, rate or amplitude.
    """
    return _to_int16(_tone(index, start_sample, count, rate), amplitude)


def speech(
    index: int,
    start_sample: int,
    count: int,
    pattern: TalkPattern | None = None,
    rate: int = RATE,
    amplitude: float = AMPLITUDE,
) -> Samples:
    """The same chord in talk spurts (0.3 s on, 0.2 s off unless `pattern` says otherwise), the first at sample 0."""
    pattern = pattern or TalkPattern()
    wave = _tone(index, start_sample, count, rate)
    return _to_int16(wave * _envelope(pattern, start_sample, count, rate), amplitude)


def silence(count: int) -> Samples:
    """`count` samples of digital silence."""
    return np.zeros(count, np.int16)


def noise(seed: int, start_sample: int, count: int, rate: int = RATE, amplitude: float = AMPLITUDE) -> Samples:
    """White noise that stays below `amplitude` (RMS 12 dB lower); it repeats after four seconds."""
    wave = _noise(seed, rate)
    return _to_int16(np.take(wave, np.arange(start_sample, start_sample + count), mode="wrap"), amplitude)


def tones_in(
    samples: NDArray[np.int16] | NDArray[np.floating],
    rate: int = RATE,
    candidates: Iterable[int] | None = None,
) -> dict[int, float]:
    """Who is heard: index -> level in dBFS, loudest first.

    `samples` is one channel, int16 or floats from -1 to 1, at least 200 ms long. More is looked at in windows of 200 ms
    every 100 ms; who is heard in any of them counts, with the highest level. `candidates` are the indices to
    look for (all 64 unless given).
    Raises ToneError for fewer samples, another shape, an unknown candidate or a rate below 8000.
    """
    plan = _plan(rate, tuple(range(TONES)) if candidates is None else tuple(sorted(set(candidates))))
    if samples.ndim != 1 or len(samples) < plan.window.size:
        raise ToneError(
            f"expected one channel of at least {plan.window.size} samples ({WINDOW} s), got shape {samples.shape}"
        )
    scale = 1 / 32768 if samples.dtype == np.int16 else 1.0
    heard: dict[int, float] = {}
    last = len(samples) - plan.window.size
    for start in {*range(0, last + 1, plan.window.size // 2), last}:
        window = samples[start : start + plan.window.size].astype(np.float64) * scale
        for index, level in _heard_in_window(window, plan):
            heard[index] = max(level, heard.get(index, level))
    return dict(sorted(heard.items(), key=lambda item: -item[1]))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What reading needs to know about a rate and a list of candidates. Bins have shape (candidates, 2)."""

    candidates: tuple[int, ...]
    window: _Floats
    fft_size: int
    bins: _Index
    surroundings: _Index
    flank: int


@lru_cache(maxsize=64)
def _plan(rate: int, candidates: tuple[int, ...]) -> _Plan:
    _check_rate(rate)
    size = round(rate * WINDOW)
    fft_size = 1
    while fft_size < 1.5 * size:
        fft_size *= 2

    def to_bins(hertz: float) -> int:
        return floor(hertz * fft_size / rate + 0.5)

    frequencies = [tone_for(index).frequencies for index in candidates]
    bins = np.array([[to_bins(low), to_bins(high)] for low, high in frequencies], dtype=np.intp).reshape(-1, 2)
    distances = np.arange(to_bins(_NEAR_HZ), to_bins(_FAR_HZ) + 1)
    around = np.concatenate([-distances, distances])
    window = 0.5 - 0.5 * np.cos(2 * pi * np.arange(size) / size)
    return _Plan(candidates, window, fft_size, bins, bins[:, :, np.newaxis] + around, to_bins(_FLANK_HZ))


def _heard_in_window(samples: _Floats, plan: _Plan) -> list[tuple[int, float]]:
    spectrum = np.fft.rfft(samples * plan.window, plan.fft_size)
    # A sine of amplitude 1 has power 1; the floor keeps the logarithms of silence finite.
    power = (spectrum.real**2 + spectrum.imag**2) / (plan.window.sum() / 2) ** 2 + 1e-14
    bins = plan.bins
    top = np.maximum(np.maximum(power[bins - 1], power[bins]), power[bins + 1])
    is_peak = ((top > power[bins - plan.flank]) & (top > power[bins + plan.flank])).all(axis=1)
    rise = _decibels(top / np.median(power[plan.surroundings], axis=2))
    difference = np.abs(_decibels(top[:, 0] / top[:, 1]))
    level = _decibels(top.sum(axis=1))
    found = (
        is_peak
        & (rise.min(axis=1) >= MIN_RISE)
        & (rise.sum(axis=1) >= MIN_RISE_SUM)
        & (difference <= MAX_DIFFERENCE)
        & (level >= HEARD_DBFS)
    )
    if not found.any():
        return []
    found &= level >= level[found].max() - MAX_BELOW_LOUDEST
    return [(plan.candidates[place], float(level[place])) for place in np.flatnonzero(found)]


def _decibels(power: _Floats) -> _Floats:
    result: _Floats = 10 * np.log10(power)
    return result


def _chords() -> tuple[ToneIdentity, ...]:
    grid = []
    scatter = 1
    for place in range(2 * TONES):
        grid.append(430 + 23 * place + scatter % 9 - 4)
        scatter = scatter * 3 % 257  # 3 is a primitive root of 257: no short pattern
    identities = []
    for index in range(TONES):
        lower = int(f"{index:06b}"[::-1], 2)
        upper = TONES + (lower * 37 + 11) % TONES
        identities.append(ToneIdentity(index, (grid[lower], grid[upper])))
    return tuple(identities)


_IDENTITIES = _chords()


@lru_cache(maxsize=TONES)
def _second(index: int, rate: int) -> NDArray[np.float32]:
    """One second of a chord with peak 1: whole frequencies repeat after it."""
    _check_rate(rate)
    low, high = tone_for(index).frequencies
    time = np.arange(rate) / rate
    # Spread phases: chords that start together must not peak together.
    wave = np.sin(2 * pi * (low * time + index * 0.382)) + np.sin(2 * pi * (high * time + index * index * 0.171))
    return (wave / 2).astype(np.float32)


def _tone(index: int, start_sample: int, count: int, rate: int) -> NDArray[np.float32]:
    second = _second(index, rate)
    return np.take(second, np.arange(start_sample, start_sample + count), mode="wrap")


@lru_cache(maxsize=16)
def _noise(seed: int, rate: int) -> NDArray[np.float32]:
    _check_rate(rate)
    wave = np.random.default_rng(seed).standard_normal(4 * rate, dtype=np.float32) / 4
    return np.clip(wave, -1, 1)


def _envelope(pattern: TalkPattern, start_sample: int, count: int, rate: int) -> NDArray[np.float32]:
    period = max(1, round(pattern.period * rate))
    now = (start_sample + np.arange(count)) % period
    fade = max(1.0, pattern.fade * rate)
    envelope = np.zeros(count, np.float32)
    start = 0.0
    for on, off in pattern.spurts:
        inside = np.minimum(now - start * rate, (start + on) * rate - now) / fade
        np.maximum(envelope, 0.5 - 0.5 * np.cos(pi * np.clip(inside, 0, 1)), out=envelope, casting="same_kind")
        start += on + off
    return envelope


def _to_int16(wave: NDArray[np.float32], amplitude: float) -> Samples:
    if not 0 <= amplitude <= 1:
        raise ToneError(f"an amplitude is a share of full scale from 0 to 1, got {amplitude}")
    samples: Samples = np.rint(wave * np.float32(amplitude * 32767)).astype(np.int16)
    return samples


def _check_rate(rate: int) -> None:
    if rate < MIN_RATE:
        raise ToneError(f"expected at least {MIN_RATE} samples per second, got {rate}")
