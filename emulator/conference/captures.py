"""Decrypted captures: what participants' connections carry, kept in memory as a pcapng file until it is fetched."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import partial
from weakref import WeakKeyDictionary

from emulator.media.rtp.pcap import PcapWriter, Protocol
from emulator.media.transport.errors import MediaError
from emulator.media.transport.parameters import Scheduler, TimerHandle
from emulator.media.transport.peer import Peer
from emulator.media.transport.srtp import Tap
from emulator.values import value_class

MAX_BYTES = 64 * 1024 * 1024
DEFAULT_BYTES = 16 * 1024 * 1024
MAX_SECS = 3600.0
DEFAULT_SECS = 60.0
MAX_CAPTURES = 4
"""Of one emulator: each may hold MAX_BYTES."""


class TooManyCaptures(MediaError):
    """There are as many as there may be."""


@value_class(frozen=True, slots=True)
class Connection:
    """A participant's connection, as far as a capture needs to know it. `about` such as `publisher self`."""

    account_id: str
    room_id: str
    participant_id: str
    about: str
    peer: Peer


@value_class(frozen=True, slots=True)
class Wanted:
    """What to capture; None: all. At most so many bytes, for at most so many seconds."""

    room_id: str | None = None
    participant_id: str | None = None
    max_bytes: int = DEFAULT_BYTES
    for_secs: float = DEFAULT_SECS

    def takes(self, connection: Connection) -> bool:
        return self.room_id in (None, connection.room_id) and self.participant_id in (None, connection.participant_id)


class Capture:
    """One capture of one account. `ended` says why it takes no more packets; None while it does."""

    def __init__(
        self,
        number: int,
        account_id: str,
        wanted: Wanted,
        *,
        wall_ns: Callable[[], int],
        local: tuple[str, int],
        on_ended: Callable[[Capture], None],
    ) -> None:
        self.number = number
        self.account_id = account_id
        self.wanted = wanted
        self.packets = 0
        self.ended: str | None = None
        self._wall_ns = wall_ns
        self._local = local
        self._on_ended = on_ended
        self._file = bytearray()
        self._interfaces: WeakKeyDictionary[Peer, int] = WeakKeyDictionary()
        self._writer = PcapWriter(self._file.extend, application="Rooms emulator")

    @property
    def size(self) -> int:
        return len(self._file)

    def file(self) -> bytes:
        """The pcapng file as far as it has come."""
        return bytes(self._file)

    def tap_of(self, connection: Connection) -> Tap:
        """What takes this connection's packets; asked again, the same interface of the file."""
        interface = self._interfaces.get(connection.peer)
        if interface is None:
            interface = self._interfaces[connection.peer] = self._writer.add_interface(
                f"{connection.participant_id} {connection.about}", f"room {connection.room_id}"
            )
        return partial(self._note, interface, connection.peer)

    def _note(self, interface: int, peer: Peer, sent: bool, protocol: Protocol, packet: bytes) -> None:
        address = peer.selected_address
        if self.ended is not None or address is None:
            return
        if len(self._file) + len(packet) + 200 > self.wanted.max_bytes:
            self.end(f"{self.wanted.max_bytes} bytes are full")
            return
        remote = (address[0], address[1])
        source, destination = (self._local, remote) if sent else (remote, self._local)
        self._writer.add_packet(
            interface, self._wall_ns(), protocol, packet, source=source, destination=destination, sent=sent
        )
        self.packets += 1

    def end(self, reason: str) -> None:
        """Nothing is taken from now on; what was taken stays. Safe to call again."""
        if self.ended is None:
            self.ended = reason
            self._on_ended(self)


class Captures:
    """All of one emulator, and which connections they tap.

    `connections(account_id)` gives those there are; `opened` is to be called for each new one.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        wall_ns: Callable[[], int],
        local: Callable[[], tuple[str, int]],
        connections: Callable[[str], Iterable[Connection]],
    ) -> None:
        self._scheduler = scheduler
        self._wall_ns = wall_ns
        self._local = local
        self._connections = connections
        self._captures: dict[int, Capture] = {}
        self._timers: dict[int, TimerHandle] = {}
        self._numbers = itertools.count(1)

    def start(self, account_id: str, wanted: Wanted) -> Capture:
        """Raises TooManyCaptures."""
        if len(self._captures) >= MAX_CAPTURES:
            raise TooManyCaptures(f"There are {MAX_CAPTURES} captures already; delete one first.")
        number = next(self._numbers)
        capture = self._captures[number] = Capture(
            number, account_id, wanted, wall_ns=self._wall_ns, local=self._local(), on_ended=self._ended
        )
        self._timers[number] = self._scheduler.call_later(
            wanted.for_secs, lambda: capture.end(f"{wanted.for_secs:g} seconds are over")
        )
        for connection in self._connections(account_id):
            self._tap(connection)
        return capture

    def of(self, account_id: str) -> list[Capture]:
        return [capture for capture in self._captures.values() if capture.account_id == account_id]

    def get(self, account_id: str, number: int) -> Capture | None:
        capture = self._captures.get(number)
        return capture if capture is not None and capture.account_id == account_id else None

    def delete(self, capture: Capture) -> None:
        """It ends, and its packets are gone."""
        capture.end("deleted")
        self._captures.pop(capture.number, None)

    def opened(self, connection: Connection) -> None:
        """A new connection."""
        if self._captures:
            self._tap(connection)

    def forget(self, account_id: str) -> None:
        """The account is reset, or gone."""
        for capture in self.of(account_id):
            self.delete(capture)

    def close(self) -> None:
        """The emulator stops."""
        for capture in tuple(self._captures.values()):
            self.delete(capture)

    def _ended(self, capture: Capture) -> None:
        self._timers.pop(capture.number).cancel()
        for connection in self._connections(capture.account_id):
            self._tap(connection)

    def _tap(self, connection: Connection) -> None:
        """Let its packets go to all captures that want them."""
        takers = [
            capture.tap_of(connection)
            for capture in self._captures.values()
            if capture.ended is None
            and capture.account_id == connection.account_id
            and capture.wanted.takes(connection)
        ]
        match takers:
            case []:
                connection.peer.tap(None)
            case [taker]:
                connection.peer.tap(taker)
            case _:
                connection.peer.tap(partial(_to_all, takers))


def _to_all(takers: list[Tap], sent: bool, protocol: Protocol, packet: bytes) -> None:
    for take in takers:
        take(sent, protocol, packet)
