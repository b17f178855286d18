"""The UDP socket of one client peer connection."""

from __future__ import annotations

import asyncio

from emulator.media.transport.dtls import Certificate
from emulator.media.transport.parameters import Address
from emulator.media.transport.peer import Peer
from emulator.media.transport.udp import MediaSocket


class ClientSocket(MediaSocket):
    """Lives exactly as long as its one peer, and can fall silent as if the network were gone (`cut`)."""

    SLOTS = 8  # there may be hundreds of these sockets

    @classmethod
    def open_for_one(cls, host: str, *, loop: asyncio.AbstractEventLoop, certificate: Certificate) -> ClientSocket:
        """Raises BindError."""
        opened = cls.open(host, loop=loop, certificate=certificate)
        assert isinstance(opened, cls)
        return opened

    def cut(self) -> None:
        """Nothing leaves from now on."""
        self.outbox.cut = True

    def send(self, datagram: bytes, address: Address) -> bool:
        return True if self.outbox.cut else super().send(datagram, address)

    def rest(self) -> None:
        """From now on nothing is read but by `drain`: to be woken for each packet costs more than to read it."""
        if not self.closed:
            self._loop.remove_reader(self._fd)

    def wake(self) -> None:
        """Read what comes as it comes."""
        if not self.closed:
            self._loop.add_reader(self._fd, self._readable)

    def drain(self) -> None:
        """Read what has come."""
        if not self.closed:
            self._readable()

    def forget_peer(self, peer: Peer) -> None:
        super().forget_peer(peer)
        self.close()
