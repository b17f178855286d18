"""DTLS servers at three stages of a connection, and the datagrams of a whole one: for nonsense to be thrown at."""

from __future__ import annotations

from emulator.media.transport.dtls import DtlsConnection
from emulator.media.transport.parameters import DtlsRole

from .simulated_time import SimulatedTime
from .transport_kit import CERTIFICATE, OTHER_CERTIFICATE

STAGES = ("waiting", "amid", "connected")


class End:
    """One end of a connection, and what it has said."""

    def __init__(self, role: DtlsRole) -> None:
        own, other = (CERTIFICATE, OTHER_CERTIFICATE) if role is DtlsRole.SERVER else (OTHER_CERTIFICATE, CERTIFICATE)
        self.outbox: list[bytes] = []
        self.data: list[bytes] = []
        self.reasons: list[str] = []
        self.keys = 0
        self.connection = DtlsConnection(
            own,
            role,
            other.fingerprint,
            send=self.outbox.append,
            scheduler=SimulatedTime(),
            on_established=self._established,
            on_data=self.data.append,
            on_closed=self.reasons.append,
        )
        self.connection.start()

    def _established(self, _keys: object) -> None:
        self.keys += 1

    def said(self) -> list[bytes]:
        said, self.outbox[:] = self.outbox[:], []
        return said


def handshake() -> list[bytes]:
    """Every datagram of a connection, both ways, with a little data and its end."""
    client, server = End(DtlsRole.CLIENT), End(DtlsRole.SERVER)
    datagrams: list[bytes] = []

    def exchange() -> None:
        while client.outbox or server.outbox:
            for sender, receiver in ((client, server), (server, client)):
                for datagram in sender.said():
                    datagrams.append(datagram)
                    receiver.connection.receive(datagram)

    exchange()
    assert client.keys == server.keys == 1
    for end in (client, server):
        end.connection.send_data(b"\x13\x88" * 20)
    exchange()
    client.connection.close()
    exchange()
    return datagrams


class Sides:
    """A server at each stage; one that has ended is replaced by a new one before the next datagram."""

    def __init__(self) -> None:
        self._servers = {stage: _server(stage) for stage in STAGES}

    def receive(self, datagram: bytes) -> dict[str, str]:
        """Give it to all; what each made of it."""
        made = {}
        for stage, server in self._servers.items():
            malformed = server.connection.malformed
            server.connection.receive(datagram)
            if server.reasons:
                made[stage] = "ended"
                self._servers[stage] = _server(stage)
            elif server.connection.malformed > malformed:
                made[stage] = "malformed"
            elif server.said():
                made[stage] = "answered"
            else:
                made[stage] = "ignored"
            # Nonsense neither finishes a handshake nor counts as data.
            assert server.keys == (stage == "connected")
            assert server.data == []
        return made


def _server(stage: str) -> End:
    client, server = End(DtlsRole.CLIENT), End(DtlsRole.SERVER)
    rounds = {"waiting": 0, "amid": 1, "connected": 10}[stage]
    for _ in range(rounds):
        for datagram in client.said():
            server.connection.receive(datagram)
        for datagram in server.said():
            client.connection.receive(datagram)
    server.said()
    return server
