"""The few functions of libopus that are used, bound with ctypes (https://opus-codec.org/docs/opus_api-1.5/).

It is the library PyAV brings along and codes Opus with. PyAV itself takes twice as long per packet (a resampler,
frames, queues), and lets go of the interpreter's lock six times on the way. Whoever lets go of it has to win it back
from the threads that want it, which on a busy machine takes longer than the coding: with 20 talkers, whose mix needs 41
of these calls every 20 ms, most mixes came too late. So these calls, of 0.03 to 0.1 ms, keep the lock.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_RATE = 48_000
_CHANNELS = 1
_LONGEST = 5_760  # samples: a packet holds at most 120 ms (RFC 6716, section 3.2.5)
_LARGEST = 1_500  # bytes offered for a packet: one of a single frame has 1,276 at most

# opus_defines.h
_OK = 0
_APPLICATION_RESTRICTED_LOWDELAY = 2051
_SET_BITRATE, _SET_VBR_CONSTRAINT, _SET_COMPLEXITY = 4002, 4020, 4010


class LibopusError(Exception):
    """libopus refused something; the text has its own words. Also: there is no libopus to be found."""


class Encoder:
    """One stream's encoder: 48 kHz mono, CELT only (restricted low delay), variable bit rate around `bitrate`."""

    def __init__(self, *, bitrate: int, complexity: int) -> None:
        library = _library()
        self._encode = library.opus_encode_float
        # Memory of Python's own instead of opus_encoder_create: there is nothing to be freed.
        self._state = ctypes.create_string_buffer(library.opus_encoder_get_size(_CHANNELS))
        self._packet = ctypes.create_string_buffer(_LARGEST)
        _check("encoder", library.opus_encoder_init(self._state, _RATE, _CHANNELS, _APPLICATION_RESTRICTED_LOWDELAY))
        for request, value in ((_SET_BITRATE, bitrate), (_SET_VBR_CONSTRAINT, 0), (_SET_COMPLEXITY, complexity)):
            _check("encoder option", library.opus_encoder_ctl(self._state, request, ctypes.c_int32(value)))

    def encode(self, samples: Samples) -> bytes:
        """One packet for 120 to 2,880 samples, as many as make an Opus frame. Raises LibopusError."""
        pcm = samples.astype(np.float32, copy=False).tobytes()
        length = self._encode(self._state, pcm, samples.size, self._packet, _LARGEST)
        _check("frame to encode", length)
        return ctypes.string_at(self._packet, length)


class Decoder:
    """One stream's decoder: any Opus packet to 48 kHz mono."""

    def __init__(self) -> None:
        library = _library()
        self._decode = library.opus_decode_float
        self._state = ctypes.create_string_buffer(library.opus_decoder_get_size(_CHANNELS))
        _check("decoder", library.opus_decoder_init(self._state, _RATE, _CHANNELS))
        self._pcm = np.zeros(_LONGEST, dtype=np.float32)
        self._address = self._pcm.ctypes.data

    def decode(self, payload: bytes) -> Samples:
        """The packet's samples. Raises LibopusError; the decoder stays usable."""
        length = self._decode(self._state, payload, len(payload), self._address, _LONGEST, 0)
        _check(f"packet of {len(payload)} bytes", length)
        return self._pcm[:length].copy()


def _check(what: str, result: int) -> None:
    if result < _OK:
        raise LibopusError(f"libopus refused a{'n' if what[0] == 'e' else ''} {what}: {_reason(result)}")


def _reason(code: int) -> str:
    text: bytes = _library().opus_strerror(code)
    return text.decode()


def _paths() -> Iterator[str]:
    """PyAV's own first: where its wheels for Linux and Windows, and for macOS, put the libraries."""
    av = find_spec("av")  # looks for it without loading FFmpeg
    if av is not None and av.origin is not None:
        package = Path(av.origin).parent
        for folder in (package.with_name("av.libs"), package / ".dylibs"):
            yield from map(str, sorted(folder.glob("*opus*")))
    system = ctypes.util.find_library("opus")
    if system is not None:
        yield system


@functools.cache
def _library() -> ctypes.PyDLL:
    for path in _paths():
        try:
            library = ctypes.PyDLL(path)  # PyDLL keeps the interpreter's lock; see the module
            _declare(library)
        except (OSError, AttributeError):
            continue  # of another machine, or another library of a similar name: the next one may do
        return library
    raise LibopusError("there is no libopus: expected it beside PyAV (av.libs) or among the system's libraries")


def _declare(library: ctypes.PyDLL) -> None:
    pointer, integer, long = ctypes.c_void_p, ctypes.c_int, ctypes.c_int32
    for name, result, arguments in (
        ("opus_strerror", ctypes.c_char_p, [integer]),
        ("opus_encoder_get_size", integer, [integer]),
        ("opus_encoder_init", integer, [pointer, long, integer, integer]),
        ("opus_encoder_ctl", integer, [pointer, integer]),  # and one more, by request
        ("opus_encode_float", long, [pointer, ctypes.c_char_p, integer, pointer, long]),
        ("opus_decoder_get_size", integer, [integer]),
        ("opus_decoder_init", integer, [pointer, long, integer]),
        ("opus_decode_float", integer, [pointer, ctypes.c_char_p, long, pointer, integer, integer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
