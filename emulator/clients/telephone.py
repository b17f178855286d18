"""What a telephone says: sound into the mix, and nothing else (signaling.md 5.6, "phone participant").

It publishes no streams, so the others see none of it; its keys only tell apart what it says.
"""

from __future__ import annotations

from emulator.clients.errors import ClientStateError
from emulator.clients.published_stream import PublishedStream
from emulator.clients.publishing import Publishing
from emulator.clients.sources.base import AudioSource, VideoSource

AUDIO_ONLY = "a telephone sends audio only: expected video=None and an audio source"


class Voice(PublishedStream):
    """A source of sound; its packets go out on the connection of the mix."""

    async def play(self) -> None:
        async with self._switching:
            if self._plays:
                await self._play_audio()


class Telephone(Publishing):
    """Keeps the promises of `Publishing` as far as a telephone can."""

    async def _publish(self, key: str, video: VideoSource | None, audio: AudioSource | None) -> PublishedStream:
        joined = self._joined
        if video is not None or audio is None:
            raise ClientStateError(AUDIO_ONLY)
        voice = Voice(
            key,
            joined.new_stream_id(),
            joined.mix_handle,
            None,
            video=None,
            audio=audio,
            codec="VP8",
            workers=joined.workers,
        )
        self.streams[key] = voice
        if joined.media:
            await self._begin(voice)
        return voice

    async def update(self, key: str, *, video: bool | None, audio: bool | None) -> None:
        """Silent or not. Raises ClientStateError."""
        voice = self.stream(key)
        if video:
            raise ClientStateError(AUDIO_ONLY)
        if audio is None or audio == voice.audio_enabled:
            return
        voice.audio_enabled = audio
        if self._joined.media:
            self.refresh_mix(voice)
            await voice.play()
            self.refresh_mix(voice)

    async def replace(self, key: str, *, video: VideoSource | None, audio: AudioSource | None) -> None:
        """Raises ClientStateError."""
        voice = self.stream(key)
        if video is not None:
            raise ClientStateError(AUDIO_ONLY)
        if audio is not None:
            voice.audio, voice.audio_enabled = audio, True
        if self._joined.media:
            self.refresh_mix(voice)
            await voice.play()
            self.refresh_mix(voice)

    async def unpublish(self, key: str) -> None:
        """Raises ClientStateError."""
        voice = self.stream(key)
        del self.streams[key]
        self._joined.mix_input.remove(key)
        await voice.close()
