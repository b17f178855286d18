"""Media through real encoders and decoders, as tests need it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from emulator.probes.card import TestCard, to_av_frame

Luma = NDArray[np.uint8]

ENCODERS = {
    "vp8": (
        "libvpx",
        {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0", "qmin": "2", "qmax": "56"},
    ),
    "h264": ("libx264", {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline", "g": "3000"}),
}


@dataclass(frozen=True)
class Coded:
    """What came out: (frame number, luma) of every frame, and the bit rate that was really used."""

    frames: list[tuple[int, Luma]]
    bit_rate: float


def through_video_codec(
    codec: str, card: TestCard, size: tuple[int, int], bit_rate: int, count: int, fps: int = 15, first: int = 0
) -> Coded:
    """Draw frames `first` to `first + count - 1`, scale them to `size`, encode at `bit_rate`, decode."""
    name, options = ENCODERS[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.bit_rate = bit_rate
    encoder.framerate = Fraction(fps)
    encoder.time_base = Fraction(1, fps)
    encoder.options = {**options, "maxrate": str(bit_rate), "bufsize": str(bit_rate)}
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)

    frames: list[tuple[int, Luma]] = []
    octets = 0

    def packets() -> Iterator[av.Packet[av.VideoStream]]:
        for number in range(count):
            picture = to_av_frame(card.draw(first + number))
            if (picture.width, picture.height) != size:
                picture = picture.reformat(*size)
            picture.pts, picture.time_base = number, Fraction(1, fps)
            yield from encoder.encode(picture)
        yield from encoder.encode(None)

    for packet in packets():
        octets += packet.size
        for decoded in decoder.decode(packet):
            assert decoded.pts is not None
            frames.append((first + decoded.pts, luma_of(decoded)))
    return Coded(frames, octets * 8 * fps / count)


def luma_of(frame: av.VideoFrame) -> Luma:
    """The luma plane without its padding, a copy."""
    plane = frame.planes[0]
    padded = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    luma: Luma = padded[:, : plane.width].copy()
    return luma


def scaled(luma: Luma, width: int, height: int) -> Luma:
    """The plane resized, bilinear."""
    return luma_of(av.VideoFrame.from_ndarray(luma, format="gray").reformat(width, height, interpolation="BILINEAR"))


def through_opus(samples: NDArray[np.floating], bit_rate: int, application: str = "voip") -> NDArray[np.float64]:
    """Mono at 48 kHz, -1 to 1, in frames of 20 ms; what exceeds full scale is clipped."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 48000, "mono", "s16"
    encoder.bit_rate = bit_rate
    encoder.options = {"application": application}
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    pcm = np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16)
    out = []
    for start in range(0, len(pcm) - 959, 960):
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis, start : start + 960], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        for packet in encoder.encode(frame):
            for decoded in decoder.decode(packet):
                channels = decoded.layout.nb_channels
                out.append(decoded.to_ndarray().reshape(-1, channels)[:, 0] / 32768)
    return np.concatenate(out)
