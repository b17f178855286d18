"""Audio level of a packet, from the `ssrc-audio-level` header extension (RFC 6464)."""

from __future__ import annotations

from typing import NamedTuple

from emulator.media.rtp.errors import RtpError

AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
SILENCE = 127


class AudioLevel(NamedTuple):
    """`level` in -dBov: 0 is the loudest, 127 silence. `voice`: the sender believes it is speech."""

    level: int
    voice: bool = False

    @classmethod
    def parse(cls, value: bytes) -> AudioLevel:
        """From the extension's value. Raises RtpError if it is empty (RFC 6464 3: one byte; two-byte form may pad)."""
        if not value:
            raise RtpError("an audio level has one byte, got none")
        return cls(value[0] & 0x7F, bool(value[0] & 0x80))

    @property
    def as_byte(self) -> int:
        return self.level | (0x80 if self.voice else 0)

    def serialise(self) -> bytes:
        """The extension's value. Raises RtpError if the level is not from 0 to 127."""
        if not 0 <= self.level <= SILENCE:
            raise RtpError(f"an audio level goes from 0 to 127, got {self.level}")
        return bytes((self.as_byte,))
