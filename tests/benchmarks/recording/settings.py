"""The container settings under study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.benchmarks.recording.media import Codec

Sink = Literal["path", "file", "ours"]
"""Who writes to the disk: FFmpeg, given a path; our own unbuffered file object; the same, from `emulator.recording`."""

FRAGMENTS = "frag_keyframe+empty_moov+default_base_moof"
HYBRID = FRAGMENTS + "+hybrid_fragmented"


@dataclass(frozen=True, slots=True)
class Setting:
    codec: Codec
    sink: Sink
    options: Mapping[str, str] = field(default_factory=dict)
    tag: str | None = None
    """H.264 only: the sample entry, avc1 (parameter sets in the header) or avc3 (in the samples too)."""
    filled: bool = False
    """Opus only: the gap is filled with frames of silence instead of being a jump in time."""

    @property
    def recommended(self) -> bool:
        """What recordings are made with."""
        return self.sink == "ours"

    @property
    def container(self) -> str:
        return {"vp8": "webm", "h264": "mp4", "opus": "ogg"}[self.codec]

    def describe(self) -> str:
        texts = [f"{key}={value}" for key, value in self.options.items()]
        text = " ".join(texts).replace(HYBRID, "HYBRID").replace(FRAGMENTS, "FRAGMENTS") or "defaults"
        return " ".join(filter(None, (text, self.tag, "gap filled" if self.filled else None)))


def _vp8(sink: Sink, **options: str) -> Setting:
    return Setting("vp8", sink, options)


def _h264(sink: Sink, tag: str = "avc1", **options: str) -> Setting:
    return Setting("h264", sink, options, tag=tag)


SETTINGS = (
    _vp8("path"),
    _vp8("file"),
    _vp8("path", cluster_time_limit="1000"),
    _vp8("path", cluster_time_limit="1000", flush_packets="1"),
    _vp8("path", cluster_time_limit="250", flush_packets="1"),
    _vp8("file", cluster_size_limit="16384"),
    _vp8("file", dash="1", cluster_time_limit="1000"),
    _vp8("file", live="1", cluster_time_limit="1000"),
    _vp8("file", cluster_time_limit="250"),
    _vp8("file", cluster_time_limit="1000"),
    _vp8("ours"),
    _h264("path"),
    _h264("path", movflags=FRAGMENTS),
    _h264("file", movflags=FRAGMENTS),
    _h264("path", movflags=FRAGMENTS, frag_duration="1000000"),
    _h264("path", movflags=FRAGMENTS, frag_duration="1000000", flush_packets="1"),
    _h264("file", movflags=FRAGMENTS, frag_duration="1000000"),
    _h264("file", "avc3", movflags=FRAGMENTS, frag_duration="1000000"),
    _h264("file", movflags=FRAGMENTS + "+frag_every_frame"),
    _h264("path", "avc3", movflags=HYBRID, frag_duration="1000000", flush_packets="1"),
    _h264("file", movflags=HYBRID, frag_duration="1000000"),
    _h264("file", "avc3", movflags=HYBRID, frag_duration="1000000"),
    _h264("ours", "avc3"),
    Setting("opus", "path"),
    Setting("opus", "file"),
    Setting("opus", "path", {"page_duration": "200000", "flush_packets": "1"}),
    Setting("opus", "file", {"page_duration": "20000"}),
    Setting("opus", "file", {"page_duration": "200000"}),
    Setting("opus", "file", {"page_duration": "200000"}, filled=True),
    Setting("opus", "ours", filled=True),
)
