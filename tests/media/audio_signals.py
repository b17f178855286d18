"""Signals, measurements and a conference in miniature for the audio tests."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from emulator.media.audio.leg import Leg, rise
from emulator.media.audio.mixer import Mixer
from emulator.media.audio.opus import FRAME, SAMPLE_RATE, OpusDecoder, OpusEncoder, Samples

LOOKAHEAD = 120  # samples by which the low-delay encoder is late


def tone(hertz: float, frames: int, amplitude: float = 0.25) -> Samples:
    """A sine that rises within 10 ms: a sudden one would be a click of its own."""
    times = np.arange(frames * FRAME) / SAMPLE_RATE
    samples = amplitude * np.sin(2 * np.pi * hertz * times)
    samples[:480] *= rise(480)
    return samples.astype(np.float32)


def noise(dbfs: float, frames: int, seed: int = 1) -> Samples:
    deviation = 10 ** (dbfs / 20)
    return (np.random.default_rng(seed).standard_normal(frames * FRAME) * deviation).astype(np.float32)


def speech(frames: int, seed: int = 1, amplitude: float = 0.1) -> Samples:
    """Harmonics with a moving pitch, 0.3 s on and 0.2 s off, over faint noise."""
    times = np.arange(frames * FRAME) / SAMPLE_RATE
    pitch = (110 + 20 * seed) * (1 + 0.2 * np.sin(2 * np.pi * 0.9 * times))
    phase = np.cumsum(2 * np.pi * pitch / SAMPLE_RATE)
    voice = np.sum([np.sin(k * phase) / k for k in range(1, 20)], axis=0) * amplitude
    envelope = np.convolve((times % 0.5) < 0.3, np.ones(480) / 480, "same")
    return (voice * envelope).astype(np.float32) + noise(-75, frames, seed)


def encoded(samples: Samples) -> list[bytes]:
    encoder = OpusEncoder()
    return [encoder.encode(frame) for frame in samples.reshape(-1, FRAME)]


def strength(samples: Samples, hertz: float) -> float:
    """The amplitude of one tone in the samples."""
    times = np.arange(samples.size) / SAMPLE_RATE
    window = np.hanning(samples.size)
    return float(2 * np.abs(np.sum(samples * window * np.exp(-2j * np.pi * hertz * times))) / window.sum())


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


_TAPS = 257
_CUT_OFF = 5_000  # Hz: the tests' tones lie well below, a click reaches far above


def _high_pass() -> NDArray[np.float64]:
    at = np.arange(_TAPS) - _TAPS // 2
    low = np.sinc(2 * _CUT_OFF / SAMPLE_RATE * at) * np.blackman(_TAPS)
    high = -low / low.sum()
    high[_TAPS // 2] += 1
    return high


_FILTER = _high_pass()


def clicks(samples: Samples) -> NDArray[np.float64]:
    """Per 20 ms frame, the peak of what lies above 5 kHz: next to nothing for low tones, large for a step or a gap."""
    residual = np.abs(np.convolve(samples, _FILTER, "same"))
    return residual[: residual.size // FRAME * FRAME].reshape(-1, FRAME).max(axis=1)


class Person:
    """One leg with what it says and what its listener's decoder makes of what it gets."""

    def __init__(self, leg: Leg[str], says: Samples | None) -> None:
        self.leg = leg
        self.packets = encoded(says) if says is not None else []
        self.sent = 0
        self.sequence = 40
        self.timestamp = 0xFFFF_FFFF - 20_000  # wraps early in every test
        self._decoder = OpusDecoder()
        self._heard: list[Samples] = []
        self.payloads: list[bytes] = []

    def send(self, *, dropped: bool = False) -> None:
        if self.sent < len(self.packets):
            if not dropped:
                self.leg.receive(self.packets[self.sent], self.sequence, self.timestamp)
            self.sent += 1
            self.sequence += 1
            self.timestamp = (self.timestamp + FRAME) % 2**32

    def hear(self, payload: bytes) -> None:
        self.payloads.append(payload)
        self._heard.append(self._decoder.decode(payload))

    @property
    def heard(self) -> Samples:
        return np.concatenate(self._heard)


class Conference:
    """A mixer, and people who send a packet per tick and listen all the time."""

    def __init__(self, mixer: Mixer[str] | None = None) -> None:
        self.mixer: Mixer[str] = mixer or Mixer()
        self.people: dict[str, Person] = {}

    def join(self, name: str, says: Samples | None = None, *, receiving: bool = True) -> Person:
        leg = self.mixer.add_leg(name)
        leg.receiving = receiving
        person = self.people[name] = Person(leg, says)
        return person

    def leave(self, name: str) -> Person:
        self.mixer.remove_leg(name)
        return self.people.pop(name)

    def run(self, ticks: int, *, sending: Iterable[str] | None = None) -> None:
        for _ in range(ticks):
            for name, person in self.people.items():
                if sending is None or name in sending:
                    person.send()
            self.tick()

    def tick(self) -> None:
        for frame in self.mixer.tick():
            for name in frame.leg_ids:
                self.people[name].hear(frame.payload)


def residual(samples: Samples, *hertz: float) -> NDArray[np.float64]:
    """Per 20 ms frame, the peak of what remains after taking out steady tones: codec noise, and any glitch."""
    times = np.arange(samples.size) / SAMPLE_RATE
    waves = [wave(2 * np.pi * frequency * times) for frequency in hertz for wave in (np.sin, np.cos)]
    basis = np.stack(waves, axis=1)
    fit, *_ = np.linalg.lstsq(basis, samples.astype(np.float64), rcond=None)
    rest = np.abs(samples - basis @ fit)
    return rest[: rest.size // FRAME * FRAME].reshape(-1, FRAME).max(axis=1)
