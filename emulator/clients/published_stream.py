"""One published stream: a publisher connection and the two tracks that feed it, fallbacks included.

As in the SDK, both kinds are always sent: what the application does not give, or has switched off, is a black picture
of 180 x 180 once a second, or silence (signaling.md 4.3). Switching is done at the sender; the SDP never changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from emulator.clients.audio_track import AudioTrack, TimedBlock
from emulator.clients.errors import ClientStateError
from emulator.clients.peer import PublisherConnection
from emulator.clients.sources.base import AudioSource, StreamTimed, VideoCodec, VideoFormat, VideoSource
from emulator.clients.sources.black import BlackSource
from emulator.clients.sources.formats import layer_formats
from emulator.clients.sources.silence import SilenceSource
from emulator.clients.video_track import TimedFrame, VideoTrack
from emulator.clients.workers import Workers
from emulator.media.rtp import vp8
from emulator.media.rtp.sender import RtpSender
from emulator.wire.display import StreamInfo

AUDIO_RATE, VIDEO_RATE = 48_000, 90_000


class PublishedStream:
    """`video` and `audio` are the application's sources, None for kinds it does not have.

    Without a `connection`, in a session without media, nothing is sent: the flags are all there is.
    """

    def __init__(
        self,
        key: str,
        stream_id: str,
        handle_id: int,
        connection: PublisherConnection | None,
        *,
        video: VideoSource | None,
        audio: AudioSource | None,
        codec: VideoCodec,
        workers: Workers,
    ) -> None:
        self.key = key
        self.stream_id = stream_id
        self.handle_id = handle_id
        self.pub_id = 0
        self.connection = connection
        self.video = video
        self.audio = audio
        self.video_enabled = video is not None
        self.audio_enabled = audio is not None
        self.audio_track: AudioTrack | None = None
        self.video_tracks: tuple[VideoTrack, ...] = ()
        """One for each layer that is sent, best first."""
        self._codec = codec
        self._workers = workers
        self._switching = asyncio.Lock()
        self._closed = False
        self._frozen = False
        self._origin = asyncio.get_running_loop().time()
        self._layers: tuple[_Layer, ...] = ()

    @property
    def info(self) -> StreamInfo:
        """The stream with its present flags, as D4 carries it."""
        return StreamInfo(self.stream_id, self.key, self.audio_enabled, self.video_enabled)

    async def wait_connected(self, timeout: float = 10.0) -> None:
        """Until media flows. Raises MediaError."""
        if self.connection is not None:
            await self.connection.wait_connected(timeout)

    async def play(self) -> None:
        """Let the tracks be what the flags say. Called whenever flags have changed, and once to begin."""
        async with self._switching:
            if self._plays and self.connection is not None:
                await self._play_audio()
                await self._play_video(self.connection)

    def replace_video(self, source: VideoSource) -> None:
        """From the next `play` on; what was negotiated stays. Raises ClientStateError for what that does not fit."""
        form = source.format
        if form.codec != self._codec:
            raise ClientStateError(f"the stream {self.key!r} is sent as {self._codec}, expected a source for that")
        if form.simulcast and not (self.video is None or self.video.format.simulcast):
            raise ClientStateError(f"the stream {self.key!r} was published without simulcast, as its sources must be")
        self.video = source

    async def freeze(self) -> None:
        """Send nothing any more, as a process that hangs; the connection stays, and answers, until `thaw`."""
        self._frozen = True
        await self._stop()

    async def thaw(self) -> None:
        """Go on as the flags say by now."""
        self._frozen = False
        await self.play()

    async def close(self) -> None:
        """Stop the tracks, end the connection. Safe to call again."""
        self._closed = True
        await self._stop()
        if self.connection is not None:
            self.connection.close()

    @property
    def _plays(self) -> bool:
        return not self._closed and not self._frozen

    async def _stop(self) -> None:
        # Without waiting for a switch under way: it will find that nothing is to be played.
        if self.audio_track is not None:
            self.audio_track.stop()
            self.audio_track = None
        tracks, self.video_tracks = self.video_tracks, ()
        for track in tracks:
            await track.stop()

    async def _play_audio(self) -> None:
        source: AudioSource = SilenceSource()
        if self.audio is not None and self.audio_enabled:
            source = self.audio
        if self.audio_track is not None and self.audio_track.source == source:
            return
        if self.audio_track is not None:
            self.audio_track.stop()
        track = self.audio_track = AudioTrack(source, workers=self._workers)
        track.sinks.append(self._send_audio)
        await track.start(self._origin if isinstance(source, StreamTimed) else None)

    async def _play_video(self, connection: PublisherConnection) -> None:
        if not self._layers:
            self._layers = tuple(_Layer(sender, self._codec) for sender in connection.videos)
        sources: tuple[VideoSource, ...] = (BlackSource.of(self._codec),) * len(self._layers)
        if self.video is not None and self.video_enabled:
            sources = _sent(self.video, len(self._layers))
        if tuple(track.source for track in self.video_tracks) == sources:
            return
        tracks, self.video_tracks = self.video_tracks, ()
        for track in tracks:
            await track.stop()
        if not self._plays:
            return
        now = asyncio.get_running_loop().time()
        for layer, source in zip(self._layers, sources, strict=False):
            track = VideoTrack(source, workers=self._workers, sink=partial(layer.send, self._origin))
            layer.sender.on_keyframe_request = track.request_keyframe
            self.video_tracks += (track,)
        number, at = 0, now
        if isinstance(sources[0], StreamTimed):
            fps = sources[0].format.fps
            number = int((now - self._origin) * fps)
            at = self._origin + number / fps
        for track in self.video_tracks:
            track.start(at, number)  # pictures of all layers have the same times

    def _send_audio(self, block: TimedBlock) -> None:
        sender = None if self.connection is None else self.connection.audio
        if sender is not None:
            send_block(sender, block, self._origin)


class _Layer:
    """A video sender and the number of its next picture."""

    def __init__(self, sender: RtpSender, codec: VideoCodec) -> None:
        self.sender = sender
        self._codec = codec
        self._picture_id = 0

    def send(self, origin: float, frame: TimedFrame) -> None:
        payloads: Sequence[bytes] = frame.encoded.parts
        if self._codec == "VP8":
            payloads = vp8.described(payloads, self._picture_id)
            self._picture_id += 1
        self.sender.send_frame(payloads, round((frame.at - origin) * VIDEO_RATE), at=frame.at)


def _sent(source: VideoSource, layers: int) -> tuple[VideoSource, ...]:
    """What goes out on each layer; a source without simulcast goes out on the best one."""
    if not source.format.simulcast or layers == 1:
        return (source,)
    return tuple(_resized(source, form) for _, form in layer_formats(source.format)[:layers])


def _resized(source: Any, form: VideoFormat) -> VideoSource:
    """A source for simulcast is a dataclass (`sources.base.VideoSource`), which its protocol cannot say."""
    resized: VideoSource = replace(source, format=form)
    return resized


def send_block(sender: RtpSender, block: TimedBlock, origin: float) -> None:
    """One Opus packet with its level. `origin` is the loop time of RTP timestamp 0."""
    timestamp = round((block.at - origin) * AUDIO_RATE)
    level = block.encoded.level
    sender.send_frame([block.encoded.packet], timestamp, marker=False, audio_level=level, at=block.at)
