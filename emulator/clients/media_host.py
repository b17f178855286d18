"""From which address a synthetic participant sends its media."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
_ANY_PORT = 9  # nothing is sent there: the kernel is only asked for the way


def media_host_for(ws_url: str) -> str:
    """The address of this machine by which the emulator is reached, whose own is taken from the URL.

    A name is taken for this machine's: which of its addresses the media is bound to, only the emulator knows.
    """
    try:
        address = ipaddress.ip_address(urlsplit(ws_url).hostname or "")
    except ValueError:
        return LOOPBACK
    if address.is_loopback:
        return str(address) if address.version == 6 else LOOPBACK
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), _ANY_PORT))
        except OSError:
            return LOOPBACK  # no way there: connecting the WebSocket will say so
        return str(probe.getsockname()[0])
