"""Where the packets of a subscriber leave: a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Post = Callable[[int, int, int, int, int, bytes, bytes], object]
"""Sends one packet from its parts: the fields of its header as `header.HEADER` has them (flags; marker and payload
type; sequence number; timestamp; SSRC), what follows them, and the payload. Nobody has to put it together before: each
copy of it would be memory that nobody has touched yet."""


class Outlet(Protocol):
    """A connection, or what stands for one. Nothing here raises."""

    @property
    def post_rtp(self) -> Post:
        """Look it up for every packet: it is another one when the connection changes."""
        ...

    def send_rtp(self, packet: bytes) -> object:
        """Sends one whole packet."""
        ...
