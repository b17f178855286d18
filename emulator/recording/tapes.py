"""What is recorded of one participant: a tape for their sound, and one for each stream's video.

A tape is there as soon as something shall be recorded; its recording begins with the first packet or keyframe.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from emulator.media.audio.opus import SAMPLE_RATE
from emulator.media.rtp.feed import Feed
from emulator.media.rtp.layer_choice import LayerChoice
from emulator.recording.audio_track import AudioTrack
from emulator.recording.chunks import Container
from emulator.recording.ogg import OggWriter
from emulator.recording.placing import Placing
from emulator.recording.recording import Recording
from emulator.recording.video_tap import VideoTap
from emulator.recording.webm import WebmWriter

Open = Callable[[str, Container], Recording | None]
"""(codec, container) -> a recording that begins now; None when there can be none, which has been said."""

_STEREO = 0b100
"""In an Opus packet's first byte (RFC 6716 section 3.1)."""


class AudioTape:
    """One participant's own sound, from their mixer legs, into one file."""

    def __init__(self, open_recording: Open, *, muted: bool, clock: Callable[[], float]) -> None:
        self._open = open_recording
        self._clock = clock
        self._began = 0.0
        self._written = 0
        self.recording: Recording | None = None
        self.track = AudioTrack(begin=self._begin, write=self._write, clock=clock)
        self.track.set_muted(muted)

    def _begin(self, packet: bytes) -> bool:
        channels = 2 if packet[0] & _STEREO else 1
        self._began = self._clock()
        self.recording = self._open("opus", OggWriter(channels=channels))
        return self.recording is not None

    def _write(self, packet: bytes) -> bool:
        assert self.recording is not None
        return self.recording.put(packet, self.track.samples / SAMPLE_RATE, keyframe=True)

    def finish(self, now: float, at: datetime) -> None:
        """It goes up to now; `at` is the account's time of it."""
        self.track.finish(now)
        if self.recording is not None:
            self.recording.ended_at = at
            self.recording.finish(now - self._began)


class VideoTape:
    """One stream's video, while its state says so, into one file; pauses are gaps in its time.

    It watches the feed as a subscriber does (`VideoSubscriber`), of a simulcast the best layer there is.
    """

    def __init__(self, open_recording: Open, *, clock: Callable[[], float]) -> None:
        self.video_track = VideoTap(self._on_frame, clock)
        self.layer_choice = LayerChoice()
        self._open = open_recording
        self._clock = clock
        self._feed: Feed | None = None
        self._codec = ""
        self._placing: Placing | None = None
        self._earliest = 0.0
        self._paused = 0.0
        self.recording: Recording | None = None

    def layer_changed(self, index: int) -> None:
        """Another size goes on in the same file."""

    def run(self, feed: Feed) -> None:
        """Record what comes in this feed from now on."""
        if self._feed is not None:
            return
        self._feed = feed
        if self.recording is not None:
            self.recording.ended_at = None
        if self._placing is not None:
            self._earliest = max(self._earliest, self._clock() - self._placing.began)
        feed.video.add(self, self._clock())

    def pause(self, at: datetime) -> None:
        """What comes is not wanted until it runs again."""
        if self._feed is None:
            return
        self._feed.video.remove(self)
        self._feed, self._paused = None, self._clock()
        if self.recording is not None:
            self.recording.ended_at = at

    def _on_frame(self, frame: bytes, timestamp: int, keyframe: bool, codec: str) -> None:
        feed, now = self._feed, self._clock()
        layer = None if feed is None else feed.video.current(self)
        assert feed is not None
        assert layer is not None
        if self._placing is None:
            self._codec = codec
            self.recording = self._open(codec, _container(codec))
            self._placing = Placing(now)
        if self.recording is None or codec != self._codec:
            self.video_track.interrupt()
            return
        time = self._placing.at(timestamp, layer.track.timeline, feed.video.clock_rate, now)
        # A group from before we began is decoded, not watched: its pictures follow each other as fast as may be.
        time = max(time, self._earliest)
        if self.recording.put(frame, time, keyframe=keyframe):
            self._earliest = time + 0.001
        else:
            self.video_track.interrupt()

    def finish(self, at: datetime) -> None:
        """It goes up to now, or to where it was paused."""
        self.pause(at)
        if self.recording is not None and self._placing is not None:
            self.recording.finish(max(self._paused - self._placing.began, self._earliest))


def _container(codec: str) -> Container:
    if codec == "vp8":
        return WebmWriter()
    from emulator.recording.mp4 import Mp4Writer  # FFmpeg: only who records H.264 waits for it to load

    return Mp4Writer()
