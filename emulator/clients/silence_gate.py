"""Most of a silence is not sent, as with DTX in a browser: most microphones are silent most of the time."""

from __future__ import annotations

BARE = 3
"""Bytes of a packet that says no more than that it is silent. Behind a sound the encoder has more to say, for 0.1 to
1 s; who stops before that leaves a browser's decoder with a memory of the sound, and it goes on in a loud hiss."""
WHOLE = 10
"""Such packets sent before any is left out: a listener's decoder has come to rest by then (200 ms)."""
EVERY = 20
"""Of the silent ones after that, one in so many is sent: each 400 ms, as Opus does it (RFC 6716, section 2.1.9)."""
SILENT_LEVEL = 127
"""-dBov (RFC 6464): digital silence."""


class SilenceGate:
    """Asked once for each packet of 20 ms, in order. What is left out is a gap in timestamps, not in numbers."""

    __slots__ = ("_silent",)

    def __init__(self) -> None:
        self._silent = 0

    @property
    def at_rest(self) -> bool:
        """Whether most of what is silent is left out by now."""
        return self._silent > WHOLE

    def note(self, packet: bytes, level: int) -> None:
        """One packet, of this level in -dBov, has its turn, whether it is sent or not."""
        bare = level == SILENT_LEVEL and len(packet) <= BARE
        self._silent = self._silent + 1 if bare else 0

    def passes(self, packet: bytes, level: int) -> bool:
        """Whether a packet of this level is to be sent."""
        self.note(packet, level)
        return not self.at_rest or self._silent % EVERY == 0
