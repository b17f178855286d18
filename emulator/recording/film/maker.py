"""Makes the film: every picture of it drawn, every sound mixed, into H.264 and AAC in MP4."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from emulator.recording.film.hearing import RATE, Hearing
from emulator.recording.film.script import Script
from emulator.recording.film.sight import BLACK, Picture, Sight, draw, planes

KEYFRAME_EVERY_SECS = 2
AUDIO_BIT_RATE = 96_000
VIDEO_OPTIONS = {"preset": "veryfast", "crf": "23", "threads": "2"}
MP4_OPTIONS = {"movflags": "faststart"}  # a browser plays it before it has all of it


def make(script: Script, path: str, progress: Callable[[float], object]) -> float:
    """Write the film to `path`. `progress` hears the share that is done, 0 to 1. Returns its length in seconds."""
    with av.open(path, "w", format="mp4", options=MP4_OPTIONS) as target:
        film = _Film(script, target)
        try:
            count = max(1, round(script.duration * script.fps))
            for number in range(count):
                film.add(number)
                if number % script.fps == 0:
                    progress(number / count)
            film.finish()
        finally:
            film.close()
    return count / script.fps


class _Film:
    def __init__(self, script: Script, target: OutputContainer) -> None:
        self._script = script
        self._target = target
        self._sights = [Sight(each) for each in script.videos]
        self._hearings = [Hearing(each) for each in script.voices]
        self._drawn: list[Picture | None] | None = None
        self._canvas = VideoFrame(script.width, script.height, "yuv420p")
        self._video = self._add_video()
        self._audio = self._add_audio() if script.sound else None
        self._heard = 0

    def _add_video(self) -> VideoStream:
        script = self._script
        stream = self._target.add_stream("libx264", rate=script.fps, options=dict(VIDEO_OPTIONS))
        stream.width, stream.height, stream.pix_fmt = script.width, script.height, "yuv420p"
        stream.codec_context.gop_size = KEYFRAME_EVERY_SECS * script.fps
        stream.codec_context.time_base = Fraction(1, script.fps)
        return stream

    def _add_audio(self) -> AudioStream:
        stream = self._target.add_stream("aac", rate=RATE, layout="mono")
        stream.bit_rate = AUDIO_BIT_RATE
        return stream

    def add(self, number: int) -> None:
        """The picture with this number, and the sound up to its end."""
        time = number / self._script.fps
        pictures = [sight.at(time) for sight in self._sights]
        if self._drawn is None or any(now is not before for now, before in zip(pictures, self._drawn, strict=True)):
            # The encoder may still hold the frame before: each that differs is a new one.
            self._canvas = VideoFrame(self._script.width, self._script.height, "yuv420p")
            canvas = planes(self._canvas)
            for plane, black in zip(canvas, BLACK, strict=True):
                plane[:] = black
            for picture in pictures:
                if picture is not None:
                    draw(picture, canvas)
            self._drawn = list(pictures)
        self._canvas.pts, self._canvas.time_base = number, Fraction(1, self._script.fps)
        self._target.mux(self._video.encode(self._canvas))
        if self._audio is not None:
            self._add_sound(self._audio, round((number + 1) * RATE / self._script.fps))

    def _add_sound(self, stream: AudioStream, end: int) -> None:
        mix = np.zeros(end - self._heard, np.float32)
        for hearing in self._hearings:
            hearing.add_to(mix, self._heard)
        frame = AudioFrame.from_ndarray(np.clip(mix, -1, 1)[np.newaxis], "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._heard, Fraction(1, RATE)
        self._heard = end
        self._target.mux(stream.encode(frame))

    def finish(self) -> None:
        for stream in (self._video, self._audio):
            if stream is not None:
                self._target.mux(cast(Any, stream).encode(None))

    def close(self) -> None:
        for sight in self._sights:
            sight.close()
        for hearing in self._hearings:
            hearing.close()
