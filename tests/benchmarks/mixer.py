"""What a mixer tick costs: `python -m tests.benchmarks.mixer [ticks]`.

Talkers send speech-like Opus; the second number counts the legs that receive. Figures are CPU time of the ticking
thread, so that a busy machine matters less; a tick has 20 ms. The last row has legs that send digital
silence, as the SDK's muted and fallback tracks do.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from emulator.media.audio.mixer import Mixer
from emulator.media.audio.opus import FRAME, SAMPLE_RATE, OpusEncoder

LOOP = 150  # frames: 3 s of speech per talker, repeated


def speech(seed: int) -> list[bytes]:
    """Three seconds of harmonics with a moving pitch, steady enough to keep the talker in the mix."""
    rng = np.random.default_rng(seed)
    times = np.arange(LOOP * FRAME) / SAMPLE_RATE
    pitch = rng.uniform(90, 220) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.3, 1.5) * times))
    phase = np.cumsum(2 * np.pi * pitch / SAMPLE_RATE)
    voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * 0.05 * (1.2 + np.sin(2 * np.pi * 4 * times))
    samples = (voice + 0.001 * rng.standard_normal(times.size)).astype(np.float32)
    encoder = OpusEncoder()
    return [encoder.encode(frame) for frame in samples.reshape(-1, FRAME)]


def measure(talkers: int, listeners: int, silent: int, ticks: int) -> tuple[float, float, float, int]:
    """Milliseconds per tick: mean, 99th percentile, worst; and encodes per tick."""
    mixer: Mixer[int] = Mixer()
    legs = [mixer.add_leg(index) for index in range(max(talkers, listeners, silent + talkers))]
    for leg in legs[:listeners]:
        leg.receiving = True
    voices = [speech(seed) for seed in range(talkers)]
    quiet = OpusEncoder().encode(np.zeros(FRAME, dtype=np.float32))
    spent = []
    for tick in range(ticks + 50):
        for leg, voice in zip(legs, voices, strict=False):
            leg.receive(voice[tick % LOOP], tick, tick * FRAME, 30)
        for leg in legs[talkers : talkers + silent]:
            leg.receive(quiet, tick, tick * FRAME, 127)
        began = time.thread_time()
        mixer.tick()
        spent.append(time.thread_time() - began)
        if tick == 49:
            spent.clear()
            mixer.encodes = 0
    times = np.array(spent) * 1000
    return float(times.mean()), float(np.quantile(times, 0.99)), float(times.max()), mixer.encodes // ticks


def main() -> None:
    ticks = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print("talkers  listeners  silent | ms per tick: mean    99 %   worst | encodes")
    for talkers, listeners, silent in (
        (0, 50, 0),
        (1, 2, 0),
        (3, 50, 0),
        (20, 20, 0),
        (20, 0, 0),
        (50, 50, 0),
        (3, 50, 47),
    ):
        mean, most, worst, encodes = measure(talkers, listeners, silent, ticks)
        print(f"{talkers:7}  {listeners:9}  {silent:6} | {mean:17.2f} {most:7.2f} {worst:7.2f} | {encodes:7}")


if __name__ == "__main__":
    main()
