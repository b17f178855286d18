"""Packets on their way out: protected where they lie, and sent together.

What is sent in the wake of what was read together, or in one beat of the mix, leaves in one system call, where Linux
has one (sendmmsg(2)).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

from pylibsrtp._binding import ffi

from . import many
from .packet_buffer import PacketBuffer
from .parameters import Address
from .socket_stats import SocketStats

MAX_NAMES = 4096
"""Addresses that are kept in the kernel's form."""


def open_outbox(sock: socket.socket, slots: int, stats: SocketStats) -> Outbox:
    """The best that this system has for a non-blocking UDP socket."""
    call = many.system_call("sendmmsg")
    return Outbox(sock.sendto, slots, stats) if call is None else ManyOutbox(sock, slots, stats, call)


class Outbox:
    """Places for `slots` packets. One call of `send` for each.

    Who posts a packet (`SrtpSession`) puts it in `places[waiting]`, and beside it its size in `lengths` and
    `known.get(address) or name_of(address)` in `names`; counts `waiting` up; and calls `flush`, unless the packet is to
    be `held` and there are places left. A method for that would cost a twentieth of all forwarding.

    The `length` of a place is its entry in `lengths`, for libsrtp, which changes it.

    `with outbox:` holds what is posted meanwhile, and sends it in the end.
    """

    def __init__(self, send: Callable[[memoryview, Address], object], slots: int, stats: SocketStats) -> None:
        self.held = False
        self.cut = False
        """Whatever is sent gets lost from now on, as if the network were gone."""
        self.slots = slots
        self.waiting = 0
        """How many packets are held."""
        self.places = tuple(PacketBuffer() for _ in range(slots))
        # Of our own here, memory of the kernel's structures there.
        self._sizes = ffi.new("int[]", slots)
        self.lengths = memoryview(ffi.buffer(self._sizes)).cast("i")
        self._lengths_at([self._sizes + slot for slot in range(slots)])
        self.names: Any = [None] * slots
        self.known: dict[Address, Any] = {}
        self._send_one = send
        self._stats = stats

    def __enter__(self) -> None:
        self.held = True

    def __exit__(self, *_: object) -> None:
        self.held = False
        self.flush()

    def flush(self) -> bool:
        """Send what waits. False (and counted) if the kernel does not take all of it now."""
        count, stats = self.waiting, self._stats
        if not count:
            return True
        self.waiting = 0
        if self.cut:
            return True
        first = failed = 0
        while first < count:
            try:
                sent = self._send(first, count - first)
            except OSError as error:
                if many.is_none(error):
                    stats.send_blocked += count - first
                    failed += count - first
                    break
                stats.send_errors += 1
                failed += 1
                first += 1
            else:
                stats.sent += sent
                stats.bytes_sent += sum(self.lengths[first : first + sent])
                first += sent
        return not failed

    def name_of(self, address: Address) -> Any:
        """What `names` holds for an address; in `known`, if to make it is dear."""
        return address

    def _lengths_at(self, pointers: Sequence[Any]) -> None:
        for place, pointer in zip(self.places, pointers, strict=True):
            place.length = pointer

    def _send(self, first: int, count: int) -> int:
        """Send some of these; how many. Raises OSError if the first one can not be sent."""
        self._send_one(self.places[first].view[: self.lengths[first]], self.names[first])
        return 1


_FAMILY = struct.Struct("=H")
# What follows it in struct sockaddr_in and sockaddr_in6.
_IPV4, _IPV6 = struct.Struct("!H4s8x"), struct.Struct("!HI16s")


class ManyOutbox(Outbox):
    """One system call for all of them: `call` is sendmmsg."""

    def __init__(self, sock: socket.socket, slots: int, stats: SocketStats, call: Callable[..., int]) -> None:
        super().__init__(sock.sendto, slots, stats)
        self._fd = sock.fileno()
        self._call = call
        self._is_ipv6 = sock.family == socket.AF_INET6
        self._messages = many.Messages(
            names=[0] * slots,
            name_bytes=28 if self._is_ipv6 else 16,
            places=[many.address_of(place.data) for place in self.places],
            place_bytes=0,
        )
        self.lengths, self.names = self._messages.lengths, self._messages.names
        self._lengths_at([ffi.cast("int *", self._messages.length_at(slot)) for slot in range(slots)])
        self._kept: dict[Address, bytearray] = {}
        """What the known names point to."""

    def flush(self) -> bool:
        sent = super().flush()
        if len(self.known) > MAX_NAMES:  # not before: what waits is named by some of them
            self.known.clear()
            self._kept.clear()
        return sent

    def name_of(self, address: Address) -> Any:
        name = bytearray(_FAMILY.pack(socket.AF_INET6 if self._is_ipv6 else socket.AF_INET))
        host, port, *more = address
        if self._is_ipv6:
            flow, scope = more or (0, 0)
            name += _IPV6.pack(port, int(flow), socket.inet_pton(socket.AF_INET6, host)) + struct.pack("=I", scope)
        else:
            name += _IPV4.pack(port, socket.inet_pton(socket.AF_INET, host))
        self._kept[address] = name
        known = self.known[address] = many.address_of(name)
        return known

    def _send(self, first: int, count: int) -> int:
        return many.checked(self._call(self._fd, self._messages.at(first), count, 0))
