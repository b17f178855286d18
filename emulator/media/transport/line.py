"""What may stand between a peer and its socket: a network that is worse than loopback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Line(Protocol):
    """Decides when and how often a datagram arrives: `deliver` may be called at once, later, several times or never.

    `size` is in bytes of UDP payload; `is_media` tells SRTP and SRTCP from STUN and DTLS.
    """

    def up(self, size: int, is_media: bool, deliver: Callable[[], object]) -> None:
        """From the other end to the peer."""

    def down(self, size: int, is_media: bool, deliver: Callable[[], object]) -> None:
        """From the peer to the other end."""


def is_media(datagram: bytes) -> bool:
    """By the first byte (RFC 7983 section 7)."""
    return bool(datagram) and 128 <= datagram[0] <= 191
