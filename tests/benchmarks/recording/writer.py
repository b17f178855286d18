"""Encoded samples into a container, never decoded and never encoded again."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Protocol, cast

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from emulator.recording.chunks import Container
from emulator.recording.mp4 import Mp4Writer
from emulator.recording.ogg import OggWriter
from emulator.recording.studio import FLUSH_SECS
from emulator.recording.webm import WebmWriter
from tests.benchmarks.recording.media import SMALL, Sample, Track
from tests.benchmarks.recording.settings import Setting

_SILENCE = bytes.fromhex("f8fffe")
"""CELT, fullband, 20 ms, mono (the TOC of RFC 6716 section 3.1), and in it the shortest frame that is silent.

A TOC byte alone would do for lost packets, but makes the decoder go on with the last sound or with noise.
"""


Target = str | IO[bytes] | io.RawIOBase
"""A path (FFmpeg writes) or a binary file (we write)."""


class Recorder(Protocol):
    """Muxes the samples of one track."""

    def write(self, sample: Sample) -> None: ...

    def close(self) -> None: ...


def recorder(setting: Setting, track: Track, target: Target) -> Recorder:
    return _Product(track, target) if setting.sink == "ours" else _FFmpeg(setting, track, target)


class _Product:
    """What recordings are made with, flushed as often."""

    def __init__(self, track: Track, target: Target) -> None:
        assert not isinstance(target, str)
        make: dict[str, Callable[[], Container]] = {"vp8": WebmWriter, "h264": Mp4Writer, "opus": OggWriter}
        self._container = make[track.codec]()
        self._clock, self._target = track.clock, target
        self._end = self._flushed = 0.0

    def write(self, sample: Sample) -> None:
        time = sample.time / self._clock
        self._container.put(sample.data, time, keyframe=sample.keyframe)
        self._end = time + sample.duration / self._clock
        if time - self._flushed >= FLUSH_SECS:
            self._flushed = time
            self._flush()

    def _flush(self) -> None:
        for place, data in self._container.take():
            self._target.seek(place)
            self._target.write(data)

    def close(self) -> None:
        self._container.finish(self._end)
        self._flush()


class _FFmpeg:
    def __init__(self, setting: Setting, track: Track, target: Target) -> None:
        options = dict(setting.options)
        self._container: OutputContainer = av.open(cast(Any, target), "w", format=setting.container, options=options)
        self._stream = _add_stream(self._container, setting, track)
        self._stream.time_base = self._time_base = Fraction(1, track.clock)

    def write(self, sample: Sample) -> None:
        packet = Packet(sample.data)
        packet.pts = packet.dts = sample.time
        packet.time_base = self._time_base
        packet.duration = sample.duration
        packet.is_keyframe = sample.keyframe
        packet.stream = self._stream
        self._container.mux_one(packet)

    def close(self) -> None:
        self._container.close()


def _add_stream(container: OutputContainer, setting: Setting, track: Track) -> Stream:
    match track.codec:
        case "vp8":
            # A stream without any codec context; Matroska needs nothing but the size, which the keyframe's header has.
            return container.add_mux_stream("vp8", width=SMALL[0], height=SMALL[1])
        case "h264":
            # add_mux_stream would find the parameter sets in the first sample by itself, but has no way to set the tag.
            # A template of the first keyframe has both, and its encoder is never opened.
            template = av.open(io.BytesIO(track.samples[0].data), format="h264").streams.video[0]
            stream = container.add_stream_from_template(template)
            stream.codec_context.codec_tag = setting.tag or "avc1"
            return stream
        case "opus":
            # Only an encoder gives PyAV an OpusHead (pre-skip 312, as libopus in every browser); it never encodes.
            return container.add_stream("libopus", rate=track.clock, layout="mono")


def fill_gaps(track: Track) -> Track:
    """20 ms of digital silence wherever time jumps, so that the stream is continuous as RFC 7845 section 4 wants it."""
    samples: list[Sample] = []
    for sample in track.samples:
        while samples and samples[-1].time + samples[-1].duration < sample.time:
            last = samples[-1]
            samples.append(Sample(_SILENCE, last.time + last.duration, last.duration, True))
        samples.append(sample)
    return Track(track.codec, track.clock, tuple(samples))


def record(setting: Setting, track: Track, path: Path) -> None:
    with _open_sink(setting, path) as target, closing(recorder(setting, track, target)) as muxer:
        for sample in track.samples:
            muxer.write(sample)


def record_and_die(setting: Setting, track: Track, count: int, path: Path) -> None:
    """A child process writes `count` samples, says so, goes on waiting for the next one, and is killed with SIGKILL."""
    ready, said = os.pipe()
    child = os.fork()
    if not child:
        # Nothing may return into the parent's code or run its exit handlers.
        try:
            _write_and_wait(setting, track.samples[:count], track, path, said)
        finally:
            os._exit(1)
    os.close(said)
    with open(ready, "rb") as answers:
        answer = answers.read(1)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if answer != b"." or os.WTERMSIG(status) != signal.SIGKILL:
        raise RuntimeError(f"the child wrote {path.name} until it was killed: expected, got status {status}")


def _write_and_wait(setting: Setting, samples: Sequence[Sample], track: Track, path: Path, said: int) -> None:
    with _open_sink(setting, path) as target:
        muxer = recorder(setting, track, target)
        for sample in samples:
            muxer.write(sample)
        os.write(said, b".")
        signal.pause()


def _open_sink(setting: Setting, path: Path) -> Any:
    return open(path, "wb", buffering=0) if setting.sink != "path" else _Path(path)


class _Path:
    """A path as a context manager, for the same `with` as a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> str:
        return str(self._path)

    def __exit__(self, *_: object) -> None:
        return None
