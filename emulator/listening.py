"""The addresses an emulator is reached at: TCP for REST, signaling and admin, UDP for media."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket

from emulator.config import Config
from emulator.media.transport.dtls import Certificate
from emulator.media.transport.errors import BindError
from emulator.media.transport.udp import MediaSocket

log = logging.getLogger("emulator.server")

PORT_ATTEMPTS = 20


class StartError(Exception):
    """The emulator could not start; the text says why and what to do."""


def bind(config: Config, loop: asyncio.AbstractEventLoop) -> tuple[list[socket.socket], MediaSocket]:
    """TCP and UDP under the same number, when the number is ours to choose; also `::1` beside 127.0.0.1.

    Raises StartError when an address is taken or cannot be bound.
    """
    certificate = Certificate.generate()
    attempts = PORT_ATTEMPTS if config.port == 0 and config.udp_port is None else 1
    for attempt in range(attempts):
        tcp = _listen(config.host, config.port)
        number = tcp.getsockname()[1]
        udp_port = number if config.udp_port is None else config.udp_port
        try:
            media = MediaSocket.open(
                config.host, udp_port, loop=loop, certificate=certificate, advertise=config.advertise
            )
        except BindError as error:
            tcp.close()
            if attempt + 1 < attempts:
                continue
            raise StartError(f"{error}. Choose another port with --udp-port (0 takes a free one).") from error
        return [tcp, *_beside(config.host, number)], media
    raise StartError("no port was free for both TCP and UDP")


def bind_tls(config: Config) -> list[socket.socket]:
    """For HTTPS and WSS; also `::1` beside 127.0.0.1. Raises StartError."""
    first = _listen(config.host, config.tls_port, option="--tls-port")
    return [first, *_beside(config.host, first.getsockname()[1])]


def _beside(host: str, number: int) -> list[socket.socket]:
    """`::1` beside 127.0.0.1, if this machine has it: `localhost` may mean either."""
    if host != "127.0.0.1":
        return []
    try:
        return [_listen("::1", number)]
    except (StartError, OSError) as error:
        log.info("not listening on ::1 as well: %s", error)
        return []


def _listen(host: str, port: int, *, option: str = "--port") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"Port {port} on {host} is taken. Stop what uses it, or choose another with {option} (0 = any free "
                "one)."
            ) from error
        raise StartError(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
    sock.setblocking(False)
    return sock
