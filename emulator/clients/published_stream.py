"""One published stream: a publisher connection and the two tracks that feed it, fallbacks included.

As in the SDK, both kinds are always sent: what the application does not give, or has switched off, is a black picture
of 180 x 180 once a second, or silence (signaling.md 4.3). Switching is done at the sender; the SDP never changes.
"""

from __future__ import annotations

import asyncio

from emulator.clients.audio_track import AudioTrack, TimedBlock
from emulator.clients.peer import PublisherConnection
from emulator.clients.sources.base import AudioSource, VideoCodec, VideoSource
from emulator.clients.sources.black import BlackSource
from emulator.clients.sources.silence import SilenceSource
from emulator.clients.video_track import TimedFrame, VideoTrack
from emulator.clients.workers import Workers
from emulator.media.rtp import h264, vp8
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
        self.video_track: VideoTrack | None = None
        self._codec = codec
        self._workers = workers
        self._switching = asyncio.Lock()
        self._closed = False
        self._origin = asyncio.get_running_loop().time()
        self._picture_id = 0

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
            if not self._closed and self.connection is not None:
                await self._play_audio()
                await self._play_video(self.connection)

    async def close(self) -> None:
        """Stop the tracks, end the connection. Safe to call again."""
        self._closed = True
        # The tracks first, without waiting for a switch under way: it will find the stream closed.
        if self.audio_track is not None:
            self.audio_track.stop()
        if self.video_track is not None:
            await self.video_track.stop()
        if self.connection is not None:
            self.connection.close()

    async def _play_audio(self) -> None:
        source: AudioSource = SilenceSource()
        if self.audio is not None and self.audio_enabled:
            source = self.audio
        if self.audio_track is not None and self.audio_track.source == source:
            return
        if self.audio_track is not None:
            self.audio_track.stop()
        self.audio_track = AudioTrack(source, workers=self._workers)
        self.audio_track.sinks.append(self._send_audio)
        await self.audio_track.start()

    async def _play_video(self, connection: PublisherConnection) -> None:
        source: VideoSource = BlackSource.of(self._codec)
        if self.video is not None and self.video_enabled:
            source = self.video
        if self.video_track is not None and self.video_track.source == source:
            return
        if self.video_track is not None:
            await self.video_track.stop()
        if self._closed:
            return
        self.video_track = track = VideoTrack(source, workers=self._workers, sink=self._send_video)
        if connection.video is not None:
            connection.video.on_keyframe_request = track.request_keyframe
        track.start()

    def _send_audio(self, block: TimedBlock) -> None:
        sender = None if self.connection is None else self.connection.audio
        if sender is not None:
            send_block(sender, block, self._origin)

    def _send_video(self, frame: TimedFrame) -> None:
        sender = None if self.connection is None else self.connection.video
        if sender is None:
            return
        data = frame.encoded.data
        if self._codec == "VP8":
            payloads = vp8.packetise(data, self._picture_id)
            self._picture_id += 1
        else:
            payloads = h264.packetise(data)
        sender.send_frame(payloads, round((frame.at - self._origin) * VIDEO_RATE))


def send_block(sender: RtpSender, block: TimedBlock, origin: float) -> None:
    """One Opus packet with its level. `origin` is the loop time of RTP timestamp 0."""
    timestamp = round((block.at - origin) * AUDIO_RATE)
    sender.send_frame([block.encoded.packet], timestamp, marker=False, audio_level=block.encoded.level)
