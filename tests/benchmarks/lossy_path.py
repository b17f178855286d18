"""A bad network over loopback: a UDP path that loses and delays datagrams, the same ones for the same seed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

Address = tuple[str, int]

DATAGRAM_LIMIT = 2048
BATCH = 64
MAX_CLIENTS = 8
"""Addresses one client may come from; Chromium uses up to one per network interface."""
MAX_DELAYED = 1000
MAX_NOTES = 200

_HANDSHAKE_TYPES = {1: "ClientHello", 2: "ServerHello", 11: "Certificate", 16: "ClientKeyExchange", 20: "Finished"}


@dataclass(frozen=True, slots=True)
class Impairment:
    """What a path does to each datagram, in each direction: `loss` from 0 to 1, `delay` in seconds."""

    name: str
    loss: float = 0.0
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Note:
    """One datagram that was no media: when it came (seconds of the loop's clock), and whether it was lost."""

    at: float
    to_server: bool
    what: str
    lost: bool


class LossyPath:
    """Forwards between the address clients send to (`address`) and the server, until `close`.

    Each client address gets a socket of its own towards the server, so that the server sees them as different.
    The n-th datagram of a direction meets the same fate in every run with the same seed.
    """

    def __init__(self, server: Address, impairment: Impairment, *, seed: str, loop: asyncio.AbstractEventLoop) -> None:
        self.lost = 0
        self.refused = 0
        """Datagrams that did not fit into the bounds above, or that the kernel did not take."""
        self.notes: list[Note] = []
        self._server = server
        self._impairment = impairment
        self._draws = {True: Random(f"{seed}/up"), False: Random(f"{seed}/down")}
        self._loop = loop
        self._delayed = 0
        self._closed = False
        self._upstream: dict[Address, socket.socket] = {}
        self._front = self._open(self._client_says)
        self.address: Address = self._front.getsockname()

    def close(self) -> None:
        self._closed = True
        for each in (self._front, *self._upstream.values()):
            self._loop.remove_reader(each)
            each.close()
        self._upstream.clear()

    def _open(self, deliver: Callable[[bytes, Address], None]) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.bind(("127.0.0.1", 0))
        self._loop.add_reader(opened, self._readable, opened, deliver)
        return opened

    def _readable(self, opened: socket.socket, deliver: Callable[[bytes, Address], None]) -> None:
        for _ in range(BATCH):
            try:
                datagram, source = opened.recvfrom(DATAGRAM_LIMIT)
            except BlockingIOError:
                return
            except ConnectionRefusedError:  # an earlier datagram found nobody: the other end has gone
                continue
            deliver(datagram, source)

    def _client_says(self, datagram: bytes, source: Address) -> None:
        upstream = self._upstream.get(source)
        if upstream is None:
            if len(self._upstream) >= MAX_CLIENTS:
                self.refused += 1
                return
            upstream = self._upstream[source] = self._open(partial(self._server_says, source))
        self._forward(datagram, upstream, self._server, to_server=True)

    def _server_says(self, client: Address, datagram: bytes, source: Address) -> None:
        if source == self._server:
            self._forward(datagram, self._front, client, to_server=False)

    def _forward(self, datagram: bytes, through: socket.socket, target: Address, *, to_server: bool) -> None:
        lost = self._draws[to_server].random() < self._impairment.loss
        if not _is_media(datagram) and len(self.notes) < MAX_NOTES:
            self.notes.append(Note(self._loop.time(), to_server, describe(datagram), lost))
        if lost:
            self.lost += 1
        elif self._impairment.delay == 0:
            self._send(datagram, through, target)
        elif self._delayed < MAX_DELAYED:
            self._delayed += 1
            self._loop.call_later(self._impairment.delay, self._send_late, datagram, through, target)
        else:
            self.refused += 1

    def _send_late(self, datagram: bytes, through: socket.socket, target: Address) -> None:
        self._delayed -= 1
        if not self._closed:
            self._send(datagram, through, target)

    def _send(self, datagram: bytes, through: socket.socket, target: Address) -> None:
        try:
            through.sendto(datagram, target)
        except (BlockingIOError, ConnectionRefusedError):
            self.refused += 1


def _is_media(datagram: bytes) -> bool:
    return bool(datagram) and 128 <= datagram[0] <= 191


def describe(datagram: bytes) -> str:
    """A datagram of STUN or DTLS in a few words, e.g. `DTLS ClientHello (213)`."""
    size = len(datagram)
    if size >= 20 and datagram[0] <= 3:
        return f"STUN {({0: 'request', 1: 'success'}).get(datagram[0], 'other')} ({size})"
    names: list[str] = []
    position = 0
    while position + 13 <= size and 20 <= datagram[position] <= 63:
        if datagram[position] == 22 and datagram[position + 3 : position + 5] != b"\x00\x00":
            names.append("encrypted")  # epoch 1: a Finished
        elif datagram[position] == 22 and position + 13 < size:
            names.append(_HANDSHAKE_TYPES.get(datagram[position + 13], f"type {datagram[position + 13]}"))
        else:
            names.append({20: "CCS", 21: "alert", 23: "data"}.get(datagram[position], "record"))
        position += 13 + int.from_bytes(datagram[position + 11 : position + 13], "big")
    return f"DTLS {' + '.join(names)} ({size})"
