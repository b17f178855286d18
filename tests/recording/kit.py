"""Encoded media that say what they are, and eyes and ears for the files made of them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from numpy.typing import NDArray

from emulator.media.audio.opus import FRAME, OpusEncoder
from emulator.probes.card import TestCard, to_av_frame
from emulator.probes.card_reader import CardReading, read_card
from emulator.probes.tones import tone_samples, tones_in
from emulator.recording.chunks import Container
from tests.probes.codecs import ENCODERS

WHO = "8018a708-c715-4e23-9b28-44cb3a422c00"
FPS = 15
KEYS = ("self", "presentation", "screen")


@dataclass(frozen=True, slots=True)
class Sample:
    data: bytes
    time: float
    keyframe: bool


@cache
def video(
    codec: str, secs: float = 2.0, *, size: tuple[int, int] = (320, 180), began: float = 0.0
) -> tuple[Sample, ...]:
    """A test card, whose frame number tells the time: number / FPS. One keyframe, at the beginning."""
    name, options = ENCODERS[codec]
    encoder = cast(av.VideoCodecContext, av.CodecContext.create(name, "w"))
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.bit_rate, encoder.gop_size = "yuv420p", 400_000, 3_000
    encoder.framerate, encoder.time_base = Fraction(FPS), Fraction(1, FPS)
    encoder.options = options
    card = TestCard(WHO, "Alice", "self", *size)
    samples = []
    first = round(began * FPS)
    for number in range(first, first + round(secs * FPS)):
        picture = to_av_frame(card.draw(number), number, Fraction(1, FPS))
        for packet in encoder.encode(picture):
            assert packet.pts is not None
            samples.append(Sample(bytes(packet), packet.pts / FPS, packet.is_keyframe))
    return tuple(samples)


@cache
def sound(index: int = 3, secs: float = 2.0) -> tuple[bytes, ...]:
    """A tone as Opus packets of 20 ms."""
    encoder = OpusEncoder()
    return tuple(
        encoder.encode(tone_samples(index, number * FRAME, FRAME).astype(np.float32) / 32768)
        for number in range(round(secs * 50))
    )


def fill(container: Container, samples: tuple[Sample, ...]) -> None:
    for sample in samples:
        container.put(sample.data, sample.time, keyframe=sample.keyframe)


def content(container: Container, into: bytearray | None = None) -> bytearray:
    """The bytes so far, written as a file would be."""
    made = bytearray() if into is None else into
    for offset, data in container.take():
        made[offset : offset + len(data)] = data
    return made


# -- eyes and ears ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    time: float
    size: tuple[int, int]
    reading: CardReading | None


def opened(path: Path) -> Any:
    return av.open(str(path))


def duration_of(path: Path) -> float:
    """What the container says."""
    with opened(path) as container:
        assert container.duration is not None, f"{path.name} does not say how long it is"
        return float(container.duration / av.time_base)


def codec_of(path: Path) -> str:
    with opened(path) as container:
        return str(container.streams[0].codec_context.name)


def pictures(path: Path) -> list[Seen]:
    """Every picture, decoded."""
    found = []
    with opened(path) as container:
        for frame in container.decode(video=0):
            luma = frame.to_ndarray(format="yuv420p")[: frame.height]
            found.append(Seen(frame.time, (frame.width, frame.height), read_card(luma, keys=KEYS)))
    return found


def samples(path: Path) -> NDArray[np.float32]:
    """All sound, 48 kHz mono, in its place: index / 48000 is the time."""
    blocks: list[NDArray[np.float32]] = []
    with opened(path) as container:
        for frame in container.decode(audio=0):
            blocks.append(frame.to_ndarray().astype(np.float32).reshape(frame.layout.nb_channels, -1).mean(axis=0))
    return np.concatenate(blocks)


def tones(heard: Path | NDArray[np.float32], begin: float, end: float) -> set[int]:
    """Who is heard between these seconds of a file, or of what `samples` has made of it."""
    sound = samples(heard) if isinstance(heard, Path) else heard
    return set(tones_in(sound[round(begin * 48_000) : round(end * 48_000)]))
