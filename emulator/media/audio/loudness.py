"""How loud a stream is whose packets do not say it themselves (RFC 6464): decode it and look."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.media.audio.opus import OpusDecoder, OpusError

SILENCE_DBFS = -127.0


class Loudness:
    """Of one Opus stream, packet by packet in the order of their coming."""

    def __init__(self) -> None:
        self._decoder = OpusDecoder()

    def of(self, payload: bytes) -> float | None:
        """dBFS (RMS) of one packet; None for one that is no Opus."""
        try:
            samples = self._decoder.decode(payload)
        except OpusError:
            return None
        return dbfs(samples)


def dbfs(samples: NDArray[np.float32]) -> float:
    """RMS of samples from -1 to 1; 0 is the loudest there is."""
    power = float(np.mean(np.square(samples))) if samples.size else 0.0
    return max(10 * float(np.log10(power)), SILENCE_DBFS) if power > 0 else SILENCE_DBFS
