"""The options that all video sources have in common, and the format they come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from emulator.clients.errors import SourceError
from emulator.clients.options import MIN_HEIGHT, MIN_WIDTH, Bitrate, Flag, Option, Seconds, Size, Whole, Words
from emulator.clients.sources.base import VideoCodec, VideoFormat

CODEC = Words("a video codec", ("VP8", "H264"))
LOOP = Seconds(0, 60)
"""Seconds after which pictures repeat, and cost nothing any more; 0: each is drawn and encoded anew."""
LOOP_SECS = 60.0
CROWD_LOOP_SECS = 2.0
"""For one of many, who shall cost little from the beginning."""

FORMAT: Mapping[str, Option] = {
    "size": Size(),
    "fps": Whole(1, 60),
    "bitrate": Bitrate(20_000, 20_000_000),
    "codec": CODEC,
    "simulcast": Flag(),
}

LAYERS = (("h", 1, 400_000), ("m", 2, 300_000), ("l", 4, 100_000))
"""Simulcast as the SDK sends it: rid, by what the size is divided, bit/s (signaling.md 4.3)."""
SIMULCAST_BITRATE = sum(bitrate for _, _, bitrate in LAYERS)
LAYER_MULTIPLE = 8
"""A quarter of the size is even, too."""

_BITS_PER_PIXEL = 0.1
_FAIR_BITRATE = 300_000
_MAX_BITRATE = 500_000
"""Unless asked for more: what the SDK lets a publisher send (R13)."""


def video_format(
    default: VideoFormat,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    bitrate: float | None = None,
    codec: VideoCodec = "VP8",
    simulcast: bool = False,
) -> VideoFormat:
    """The format that options come to. Raises SourceError for a size that simulcast cannot divide."""
    width, height = size or (default.width, default.height)
    fps = fps or default.fps
    if bitrate is None:
        fair = round(width * height * fps * _BITS_PER_PIXEL)
        bitrate = SIMULCAST_BITRATE if simulcast else min(_MAX_BITRATE, max(_FAIR_BITRATE, fair))
    form = replace(default, width=width, height=height, fps=fps, bitrate=round(bitrate), codec=codec)
    if not simulcast:
        return form
    least_width, least_height = (LAYERS[-1][1] * side for side in (MIN_WIDTH, MIN_HEIGHT))
    if width < least_width or height < least_height or width % LAYER_MULTIPLE or height % LAYER_MULTIPLE:
        raise SourceError(
            f"simulcast: expected a size from {least_width}x{least_height}, in multiples of {LAYER_MULTIPLE},"
            f" got {width}x{height}"
        )
    return replace(form, simulcast=True)


def layer_formats(form: VideoFormat) -> tuple[tuple[str, VideoFormat], ...]:
    """The rids of a simulcast publisher and the format of each, best first; the bitrate is shared out."""
    return tuple(
        (
            rid,
            replace(
                form,
                width=form.width // divisor,
                height=form.height // divisor,
                bitrate=max(20_000, round(form.bitrate * bitrate / SIMULCAST_BITRATE)),
                simulcast=False,
            ),
        )
        for rid, divisor, bitrate in LAYERS
    )
