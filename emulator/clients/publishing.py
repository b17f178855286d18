"""Publishing: the PUB handles of one session (R11 to R14, R18, R19)."""

from __future__ import annotations

from typing import Any

from emulator.clients.answers import PluginAnswer
from emulator.clients.errors import ClientStateError, ProtocolViolation
from emulator.clients.joined import Joined
from emulator.clients.peer import PublisherConnection
from emulator.clients.published_stream import PublishedStream
from emulator.clients.signaling import VIDEOROOM
from emulator.clients.sources.base import AudioSource, VideoSource
from emulator.clients.sources.formats import LAYERS, SIMULCAST_BITRATE
from emulator.wire import display as displays
from emulator.wire.janus import Jsep

BITRATE = 500_000
"""What the SDK asks for without simulcast (R13); with it, `formats.SIMULCAST_BITRATE`."""
RIDS = tuple(rid for rid, _, _ in LAYERS)


class Publishing:
    """The streams of one participant, by key."""

    def __init__(self, joined: Joined) -> None:
        self.streams: dict[str, PublishedStream] = {}
        self._joined = joined
        self._pending: set[str] = set()

    def stream(self, key: str) -> PublishedStream:
        """Raises ClientStateError for a key that is not published."""
        stream = self.streams.get(key)
        if stream is None:
            published = ", ".join(map(repr, self.streams)) or "none"
            raise ClientStateError(f"no stream {key!r} is published; published: {published}")
        return stream

    async def publish(self, key: str, *, video: VideoSource | None, audio: AudioSource | None) -> PublishedStream:
        """As `addStream`: done when the server has answered, before media is up. Raises ClientError."""
        if key in self.streams or key in self._pending:
            raise ClientStateError(f"a stream {key!r} is published already")
        self._pending.add(key)
        try:
            return await self._publish(key, video, audio)
        finally:
            self._pending.discard(key)

    async def _publish(self, key: str, video: VideoSource | None, audio: AudioSource | None) -> PublishedStream:
        joined, janus, name = self._joined, self._joined.janus, f"PUB({key})"
        joined.swap_mix_tracks()
        handle_id = await janus.attach(VIDEOROOM, name=name)
        stream_id = joined.new_stream_id()
        codec = "VP8" if video is None else video.format.codec
        rids = RIDS if video is not None and video.format.simulcast else ()
        connection = None
        if joined.media:
            connection = PublisherConnection(name, joined.settings, codec=codec, stream_id=stream_id, rids=rids)
        stream = PublishedStream(
            key, stream_id, handle_id, connection, video=video, audio=audio, codec=codec, workers=joined.workers
        )
        try:
            await self._negotiate(stream, name, SIMULCAST_BITRATE if rids else BITRATE)
        except BaseException:
            await stream.close()
            raise
        self.streams[key] = stream
        joined.roster.published_ourselves(stream.pub_id, stream.info)
        if joined.media:
            await janus.trickle_completed(handle_id, name=name)
        return stream

    async def _negotiate(self, stream: PublishedStream, name: str, bitrate: int) -> None:
        joined = self._joined
        answer = await joined.janus.message(
            stream.handle_id,
            {"request": "join", "room": joined.room_id, "ptype": "publisher", "display": self._display(stream)},
            name=f"{name} join",
            expect={"videoroom": "joined"},
        )
        pub_id = answer.data.get("id")
        if not isinstance(pub_id, int) or isinstance(pub_id, bool):
            raise ProtocolViolation(f"{name} join", f"expected an integer id (S-70), got {pub_id!r:.60}")
        stream.pub_id = pub_id
        connection = stream.connection
        if connection is None:  # announced at once, with these flags: nothing is left for R14 to tell
            await self._configure(stream, f"{name} configure", bitrate=bitrate)
            return
        connection.on_connected = lambda: joined.background.spawn(self._begin(stream), f"{name} begins")
        connection.on_failed = lambda reason: joined.background.fault(f"{name}: {reason}")
        offer = Jsep("offer", connection.offer())
        answer = await self._configure(stream, f"{name} configure with offer", offer, bitrate=bitrate)
        if answer.jsep is None:
            raise ProtocolViolation(f"{name} configure with offer", "expected the answer in the same frame (S-71)")
        connection.accept(answer.jsep.sdp)
        joined.background.spawn(self._announce(stream), f"{name} configure")

    async def _configure(
        self, stream: PublishedStream, name: str, jsep: Jsep | None = None, **more: Any
    ) -> PluginAnswer:
        body = {"request": "configure", "audio": True, "video": True, "display": self._display(stream)} | more
        expect = {"videoroom": "event", "configured": "ok"}
        return await self._joined.janus.message(stream.handle_id, body, name=name, expect=expect, jsep=jsep)

    async def _announce(self, stream: PublishedStream) -> None:
        """R14: the display with the present flags."""
        await self._configure(stream, f"PUB({stream.key}) configure")

    def _display(self, stream: PublishedStream) -> str:
        return displays.encode(displays.published(self._joined.participant_id, stream.info))

    async def _begin(self, stream: PublishedStream) -> None:
        await stream.play()
        self.refresh_mix(stream)

    async def update(self, key: str, *, video: bool | None, audio: bool | None) -> None:
        """As `updateStream`: tracks are swapped at the sender, the display tells it. Raises ClientError."""
        stream = self.stream(key)
        for kind, wanted, source in (("video", video, stream.video), ("audio", audio, stream.audio)):
            if wanted and source is None:
                raise ClientStateError(f"the stream {key!r} was published without {kind}, it cannot be switched on")
        if video is not None:
            stream.video_enabled = video
        if audio is not None:
            stream.audio_enabled = audio
        await self._changed(stream)

    async def replace(self, key: str, *, video: VideoSource | None, audio: AudioSource | None) -> None:
        """As `updateStream` with other tracks: from now on these sources are sent, and are enabled. None leaves one.

        Raises ClientError.
        """
        stream = self.stream(key)
        if video is not None:
            stream.replace_video(video)
            stream.video_enabled = True
        if audio is not None:
            stream.audio, stream.audio_enabled = audio, True
        await self._changed(stream)

    async def freeze(self) -> None:
        """All streams stop where they are; nobody is told."""
        for stream in tuple(self.streams.values()):
            self._joined.mix_input.remove(stream.key)
            await stream.freeze()

    async def thaw(self) -> None:
        for stream in tuple(self.streams.values()):
            await stream.thaw()
            self.refresh_mix(stream)

    async def _changed(self, stream: PublishedStream) -> None:
        if stream.audio_track is not None:  # else it is not connected yet, and begins with the new flags
            self.refresh_mix(stream)
            await stream.play()
            self.refresh_mix(stream)
        self._joined.swap_mix_tracks()
        await self._announce(stream)
        self._joined.roster.updated_ourselves(stream.info)

    async def unpublish(self, key: str) -> None:
        """As `removeStream`. Raises ClientError."""
        stream = self.stream(key)
        del self.streams[key]
        self._joined.swap_mix_tracks()
        self._joined.mix_input.remove(key)
        await stream.close()
        await self._joined.janus.detach(stream.handle_id, name=f"PUB({key})")
        known = self._joined.roster.streams.get((self._joined.participant_id, key))
        if known is not None:
            self._joined.roster.remove_stream(known)

    def censored(self, key: str) -> None:
        """A host has muted (or unmuted) us: the SDK takes the track out of its mix and says R11 (E11)."""
        stream = self.streams.get(key)
        if stream is not None:
            self.refresh_mix(stream)
            self._joined.swap_mix_tracks()

    def refresh_mix(self, stream: PublishedStream) -> None:
        """Into the mix goes what is enabled and not censored."""
        mix, known = self._joined.mix_input, self._joined.roster.streams.get((self._joined.participant_id, stream.key))
        censored = known is not None and known.audio_censored
        published = self.streams.get(stream.key) is stream
        if published and stream.audio_enabled and stream.audio_track is not None and not censored:
            mix.put(stream.key, stream.audio_track)
        else:
            mix.remove(stream.key)

    async def close(self) -> None:
        """Stop all tracks and connections, without a word to the server."""
        for stream in tuple(self.streams.values()):
            await stream.close()

    def cut(self) -> None:
        for stream in self.streams.values():
            if stream.connection is not None:
                stream.connection.cut()
