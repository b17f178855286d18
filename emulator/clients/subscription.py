"""One subscription: a subscriber connection and what has been received through it."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.clients.audio_reception import AudioReception
from emulator.clients.errors import MediaError
from emulator.clients.peer import MediaSettings, SubscriberConnection
from emulator.clients.video_reception import DecodedFrame, Sighting, VideoReception
from emulator.clients.workers import Workers
from emulator.media.rtp.assembler import Frame


@dataclass(frozen=True, slots=True)
class ReceptionStatistics:
    """What came so far. Times are the loop's; rates of loss are the client's own counting.

    Pictures are decoded while somebody looks; `frames_decoded` and `last_sighting` are as far as anybody did.
    """

    video_packets: int
    video_lost: int
    video_bytes: int
    frames_received: int
    frames_decoded: int
    frames_dropped: int
    keyframes_received: int
    keyframe_requests: int
    last_video_at: float | None
    last_sighting: Sighting | None
    audio_packets: int
    audio_lost: int
    last_audio_at: float | None


class Subscription:
    """One subscribed stream. `audio` and `video` are what is asked to be relayed at present.

    Without `media` there is no connection, and nothing ever comes.
    """

    def __init__(
        self,
        participant_id: str,
        key: str,
        handle_id: int,
        settings: MediaSettings,
        *,
        audio: bool,
        video: bool,
        decode: bool,
        workers: Workers,
        media: bool = True,
    ) -> None:
        self.participant_id = participant_id
        self.key = key
        self.handle_id = handle_id
        self.audio = audio
        self.video = video
        self.heard = AudioReception()
        self.seen: VideoReception | None = None
        """What was seen; None until the offer said which codec to expect."""
        self.connection: SubscriberConnection | None = None
        if media:
            name = f"SUB({participant_id}/{key})"
            self.connection = SubscriberConnection(
                name, settings, on_audio=self.heard.receive, on_video=self._receive_video
            )
        self._decode = decode
        self._workers = workers
        self._clock = settings.clock

    def answer(self, offer: str) -> str:
        """Raises MediaError."""
        if self.connection is None:
            raise MediaError(f"SUB({self.participant_id}/{self.key}): without media there is nothing to answer with")
        text = self.connection.answer(offer)
        codec = self.connection.video_codec
        if codec is not None:
            self.seen = VideoReception(
                codec, self.key, workers=self._workers, want_keyframe=self._want_keyframe, decode=self._decode
            )
        return text

    async def wait_connected(self, timeout: float = 10.0) -> None:
        """Until media can flow. Raises MediaError."""
        if self.connection is not None:
            await self.connection.wait_connected(timeout)

    @property
    def frames(self) -> tuple[DecodedFrame, ...]:
        """The last pictures that were looked at, oldest first; 8 at most. The newest is that of this moment."""
        return () if self.seen is None else self.seen.pictures

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """What was seen in the last 1200 such pictures, oldest first."""
        return () if self.seen is None else self.seen.sightings

    @property
    def statistics(self) -> ReceptionStatistics:
        seen = self.seen
        audio = None if self.connection is None else self.connection.audio
        video = None if self.connection is None else self.connection.video
        return ReceptionStatistics(
            video_packets=0 if video is None else video.packets,
            video_lost=0 if video is None else video.lost,
            video_bytes=0 if video is None else video.bytes,
            frames_received=0 if seen is None else seen.frames_received,
            frames_decoded=0 if seen is None else seen.frames_decoded,
            frames_dropped=0 if seen is None else seen.frames_dropped,
            keyframes_received=0 if seen is None else seen.keyframes_received,
            keyframe_requests=0 if video is None else video.keyframe_requests,
            last_video_at=None if seen is None else seen.last_received_at,
            last_sighting=None if seen is None else seen.last_sighting,
            audio_packets=0 if audio is None else audio.packets,
            audio_lost=0 if audio is None else audio.lost,
            last_audio_at=self.heard.last_received_at,
        )

    async def close(self) -> None:
        """Ends the connection; what was received stays to be asked for. Safe to call again."""
        if self.connection is not None:
            self.connection.close()
        if self.seen is not None:
            await self.seen.close()

    def _receive_video(self, frame: Frame, now: float) -> None:
        if self.seen is not None:
            self.seen.receive(frame, now)

    def _want_keyframe(self) -> None:
        if self.connection is not None and self.connection.video is not None:
            self.connection.video.request_keyframe(self._clock())
