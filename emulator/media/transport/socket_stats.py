"""What a media socket has counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class SocketStats:
    """Counters of one socket since it was opened."""

    received: int = 0
    bytes_received: int = 0
    sent: int = 0
    bytes_sent: int = 0
    unknown: int = 0  # from an address no peer has validated, or for a ufrag nobody has
    malformed: int = 0  # of no protocol that belongs here (RFC 7983), or not parseable
    send_blocked: int = 0  # the kernel's buffer was full
    send_errors: int = 0
    receive_errors: int = 0
