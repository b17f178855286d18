"""Opus at 48 kHz mono through libopus, one packet in, one block of samples out (RFC 6716, RFC 7587).

Choices, measured on the machine of media.md with tones, a chirp and speech-like signals:

- *Restricted low delay* (CELT only). The mixer moves a listener from one encoder to another in the middle of a
  stream. CELT forgets the difference within three 20 ms frames; SILK predicts from further back, and is twice as dear.
- *Complexity 2.* From 5 on libopus runs a pitch pre-filter whose memory has to agree between packets: a switch is then
  heard in chirps (peak error 0.046 against 0.017) even after ten common frames, below it not at all. Encoding takes
  0.10 ms, against 0.15 at 5.
- *48 kbit/s, mono.* 2 dB better than 32 kbit/s for 40 bytes a packet. The SDP says `opus/48000/2`, as RFC 7587,
  section 4.1, demands; every decoder takes mono packets under it.
- The decoder is libopus too, not FFmpeg's own: only libopus conceals. A packet that is nothing but its TOC byte stands
  for a frame that was not sent (DTX; RFC 6716, section 3.2.1) and makes it do so.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from emulator.media.audio.libopus import Decoder, Encoder, LibopusError

Samples: TypeAlias = NDArray[np.float32]

SAMPLE_RATE = 48_000  # of the codec and of its RTP clock (RFC 7587, section 4.1)
FRAME = 960  # samples of one 20 ms frame
BITRATE = 48_000
COMPLEXITY = 2

SILENCE = bytes.fromhex("f8fffe")
"""CELT, fullband, 20 ms, mono (the TOC of RFC 6716 section 3.1), and in it the shortest frame that is silent."""

_LONGEST = 5_760  # samples: a packet holds at most 120 ms (RFC 6716, section 3.2.5)
_LARGEST_FRAME = 1_275  # bytes of one frame (RFC 6716, section 3.4, R2)
_CELT = (120, 240, 480, 960)
# Samples of one frame by the TOC's config number (RFC 6716, table 2).
_FRAME_SIZES = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + _CELT * 4
_QUIET_RUN = 8  # silent frames after which the encoder's state no longer changes


class OpusError(ValueError):
    """A payload that is not an Opus packet (RFC 6716, section 3.4), or that libopus refuses."""


def packet_samples(payload: bytes) -> int:
    """How many samples at 48 kHz the packet stands for: 120 to 5,760. Raises OpusError for a malformed packet.

    Checks the rules R1 to R7 of RFC 6716, section 3.4, so that what passes here is rarely refused by the decoder.
    """
    if not payload:
        raise OpusError("Opus packet: expected at least one byte, got none")
    toc = payload[0]
    frame = _FRAME_SIZES[toc >> 3]
    code = toc & 3
    if code == 0:
        _check_length(len(payload) - 1)
        return frame
    if code == 1:
        if len(payload) % 2 == 0:
            raise OpusError(f"Opus packet of two equal frames: expected an even rest, got {len(payload) - 1} bytes")
        _check_length(len(payload) // 2)
        return 2 * frame
    if code == 2:
        length, at = _frame_length(payload, 1)
        if at + length > len(payload):
            raise OpusError(f"Opus packet: first frame of {length} bytes exceeds the {len(payload)} byte packet")
        _check_length(len(payload) - at - length)
        return 2 * frame
    return frame * _count(payload, frame)


def _check_length(length: int) -> None:
    if length > _LARGEST_FRAME:
        raise OpusError(f"Opus packet: expected frames of at most {_LARGEST_FRAME} bytes, got {length}")


def _frame_length(payload: bytes, at: int) -> tuple[int, int]:
    """A frame length of one or two bytes (RFC 6716, section 3.2.1): (length, position after it)."""
    if at >= len(payload):
        raise OpusError("Opus packet ends before a frame length")
    first = payload[at]
    if first < 252:
        return first, at + 1
    if at + 1 >= len(payload):
        raise OpusError("Opus packet ends within a frame length")
    return 4 * payload[at + 1] + first, at + 2


def _count(payload: bytes, frame: int) -> int:
    """The number of frames in a code 3 packet (RFC 6716, section 3.2.5)."""
    if len(payload) < 2:
        raise OpusError("Opus packet of code 3: expected a frame count byte, got none")
    count, at, end = payload[1] & 0x3F, 2, len(payload)
    if count == 0 or count * frame > _LONGEST:
        raise OpusError(
            f"Opus packet: expected 1 or more frames of at most 120 ms in all, got {count} of {frame} samples"
        )
    if payload[1] & 0x40:
        while True:
            if at >= end:
                raise OpusError("Opus packet ends within its padding length")
            more = payload[at]
            at += 1
            end -= 254 if more == 255 else more
            if more != 255:
                break
    if payload[1] & 0x80:
        for _ in range(count - 1):
            length, at = _frame_length(payload, at)
            end -= length
        if end < at:
            raise OpusError("Opus packet: frames and padding exceed the packet")
        _check_length(end - at)
    else:
        if end < at or (end - at) % count:
            raise OpusError(f"Opus packet: {end - at} bytes do not divide into {count} equal frames")
        _check_length((end - at) // count)
    return count


class OpusDecoder:
    """One stream's decoder: any Opus packet, mono or stereo, of any duration, to mono float samples around -1..1."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._toc = 0xF8  # until a packet came: CELT, fullband, 20 ms, mono

    def decode(self, payload: bytes) -> Samples:
        """The packet's samples, float32. Raises OpusError; the decoder stays usable."""
        samples = self._decode(payload)
        self._toc = payload[0]
        return samples

    def conceal(self, samples: int) -> Samples:
        """What libopus invents for `samples` missing samples (1 or more) after the last packet; fades by itself."""
        blocks: list[Samples] = []
        missing = samples
        while missing > 0:
            block = self._decode(bytes([_lost_toc(self._toc, ten_ms=missing <= 480)]))
            blocks.append(block)
            missing -= block.size
        return blocks[0][:samples] if len(blocks) == 1 else np.concatenate(blocks)[:samples]

    def _decode(self, payload: bytes) -> Samples:
        if not payload:
            raise OpusError("Opus packet: expected at least one byte, got none")  # libopus would conceal
        try:
            return self._decoder.decode(payload)
        except LibopusError as refused:
            raise OpusError(str(refused)) from refused


def _lost_toc(toc: int, *, ten_ms: bool) -> int:
    """The TOC byte of an absent 20 (or 10) ms frame in the mode and bandwidth of `toc` (RFC 6716, table 2)."""
    config = toc >> 3
    if config < 12:
        config = config // 4 * 4 + (0 if ten_ms else 1)
    elif config < 16:
        config = config // 2 * 2 + (0 if ten_ms else 1)
    else:
        config = config // 4 * 4 + (2 if ten_ms else 3)
    return config << 3 | toc & 0b100


class OpusEncoder:
    """One stream's encoder: 960 mono float samples in, one 20 ms packet out."""

    def __init__(self, *, bitrate: int = BITRATE, complexity: int = COMPLEXITY) -> None:
        self._encoder = Encoder(bitrate=bitrate, complexity=complexity)
        self._silent = 0
        self._last = b""

    def encode(self, samples: Samples) -> bytes:
        """One packet for 960 float32 samples; beyond -1..1 libopus clips softly. ValueError for another size.

        Lasting silence repeats the encoder's own silent packet without encoding: by then nothing in its state changes.
        """
        if samples.shape != (FRAME,):
            raise ValueError(f"encode: expected {FRAME} samples, got an array of shape {samples.shape}")
        if samples.any():
            self._silent = 0
        else:
            self._silent += 1
            if self._silent > _QUIET_RUN and len(self._last) <= 3:
                return self._last
        self._last = self._encoder.encode(samples)
        return self._last
