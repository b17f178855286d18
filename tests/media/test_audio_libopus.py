from __future__ import annotations

import gc

import numpy as np
import pytest

from emulator.media.audio import libopus


def test_the_library_is_the_one_that_pyav_brings_along() -> None:
    """The decoders of tests and product then agree to the last bit, and nothing has to be installed."""
    assert "av" in next(libopus._paths())


def test_without_a_library_the_error_says_what_was_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libopus, "_paths", lambda: iter(["/nowhere/libopus.so"]))
    libopus._library.cache_clear()
    with pytest.raises(libopus.LibopusError, match=r"no libopus: expected it beside PyAV \(av.libs\)"):
        libopus.Encoder(bitrate=48_000, complexity=2)
    libopus._library.cache_clear()


def test_what_libopus_refuses_is_told_in_its_own_words() -> None:
    with pytest.raises(libopus.LibopusError, match="libopus refused a packet of 3 bytes: corrupted stream"):
        libopus.Decoder().decode(b"\xff\xff\xff")
    with pytest.raises(libopus.LibopusError, match="libopus refused an encoder option: invalid argument"):
        libopus.Encoder(bitrate=48_000, complexity=99)
    encoder = libopus.Encoder(bitrate=48_000, complexity=2)
    with pytest.raises(libopus.LibopusError, match="libopus refused a frame to encode: invalid argument"):
        encoder.encode(np.zeros(961, np.float32))


def test_many_coders_come_and_go() -> None:
    """Their memory is Python's own."""
    for _ in range(300):
        packet = libopus.Encoder(bitrate=48_000, complexity=2).encode(np.zeros(960, np.float32))
        assert libopus.Decoder().decode(packet).shape == (960,)
    gc.collect()
