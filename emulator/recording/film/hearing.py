"""A recording's sound, in its place in the film."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from numpy.typing import NDArray

from emulator.recording.film.script import Voice

RATE = 48_000
Samples = NDArray[np.float32]


class Hearing:
    """One channel at 48 kHz, read from the beginning of the film on."""

    def __init__(self, voice: Voice) -> None:
        self._container = av.open(voice.path)
        self._blocks = self._decoded(round(voice.offset * RATE))
        self._block: Samples = np.zeros(0, np.float32)
        self._start = 0  # sample of the film at which the block begins

    def _decoded(self, offset: int) -> Iterator[tuple[int, Samples]]:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        at = offset
        packets = self._container.demux(audio=0)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                for frame in packet.decode():
                    for block in resampler.resample(frame):
                        samples = block.to_ndarray().reshape(-1).astype(np.float32, copy=False)
                        yield at, samples
                        at += len(samples)
            except av.error.InvalidDataError:
                continue

    def add_to(self, mix: Samples, start: int) -> None:
        """Add what is heard from sample `start` on; calls follow each other."""
        end = start + len(mix)
        while True:
            if not self._block.size:
                following = next(self._blocks, None)
                if following is None:
                    return
                self._start, self._block = following
            if self._start >= end:
                return
            skip = max(0, start - self._start)
            part = self._block[skip : end - self._start]
            place = self._start + skip - start
            mix[place : place + len(part)] += part
            if self._start + len(self._block) > end:
                return
            self._block = self._block[:0]

    def close(self) -> None:
        self._container.close()
