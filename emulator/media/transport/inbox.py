"""Datagrams that have come, read many at a time.

A system call for each, and its sender's address as text, are dear, above all when the processor has slept in between.
Linux hands over all that wait in one call; elsewhere they are read one by one.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

from . import many
from .parameters import Address

DATAGRAM_LIMIT = 2048
"""Bytes read of one datagram; longer ones cannot be valid here and come out truncated."""


class Inbox(Protocol):
    """Places for `slots` datagrams. What lies in them is good until the next `read`."""

    @property
    def slots(self) -> int: ...

    @property
    def views(self) -> Sequence[memoryview]:
        """The datagrams, from the beginning of each view."""
        ...

    @property
    def sizes(self) -> Sequence[int]:
        """Their lengths in bytes."""
        ...

    @property
    def keys(self) -> Sequence[Hashable]:
        """Who has sent them: equal for equal addresses, and cheaper to have."""
        ...

    def source(self, slot: int) -> Address:
        """The address of who has sent one."""
        ...

    def read(self) -> int:
        """How many datagrams were waiting; they lie in the first slots. Raises OSError, but not for none."""
        ...


def open_inbox(sock: socket.socket, slots: int) -> Inbox:
    """The best that this system has for a non-blocking UDP socket."""
    call = many.system_call("recvmmsg")
    return PlainInbox(sock, slots) if call is None else ManyInbox(sock, slots, call)


class PlainInbox:
    """One system call each."""

    def __init__(self, sock: socket.socket, slots: int) -> None:
        self.slots = slots
        self.views = tuple(memoryview(bytearray(DATAGRAM_LIMIT)) for _ in range(slots))
        self.sizes = [0] * slots
        self.keys: list[Address] = [("", 0)] * slots
        self._receive = sock.recvfrom_into

    def source(self, slot: int) -> Address:
        return self.keys[slot]

    def read(self) -> int:
        for slot, view in enumerate(self.views):
            try:
                self.sizes[slot], self.keys[slot] = self._receive(view)
            except OSError as error:
                if slot or many.is_none(error):  # an error of an earlier send takes nothing away of what has come
                    return slot
                raise
        return self.slots


_NAME_BYTES = 32
# struct sockaddr_in and sockaddr_in6
_IPV4 = struct.Struct("!2xH4s8x")
_IPV6 = struct.Struct("!2xHI16sI")


class ManyInbox:
    """One system call for all of them: `call` is recvmmsg."""

    def __init__(self, sock: socket.socket, slots: int, call: Callable[..., int]) -> None:
        self.slots = slots
        self._fd = sock.fileno()
        self._call = call
        # The kernel knows them by where they lie: they stay as long as this does.
        room, names = self._kept = bytearray(slots * DATAGRAM_LIMIT), bytearray(slots * _NAME_BYTES)
        first, first_name = many.address_of(room), many.address_of(names)
        self._messages = many.Messages(
            names=[first_name + slot * _NAME_BYTES for slot in range(slots)],
            name_bytes=_NAME_BYTES,
            places=[first + slot * DATAGRAM_LIMIT for slot in range(slots)],
            place_bytes=DATAGRAM_LIMIT,
        )
        view = memoryview(room)
        self.views = tuple(view[at : at + DATAGRAM_LIMIT] for at in range(0, len(room), DATAGRAM_LIMIT))
        self.sizes: Sequence[int] = self._messages.counted
        self._names = memoryview(names)
        self._is_ipv6 = sock.family == socket.AF_INET6
        self._long_keys = [b""] * slots
        # Family, port and address of IPv4 have eight bytes.
        self.keys: Sequence[Hashable] = self._long_keys if self._is_ipv6 else self._names.cast("Q")[:: _NAME_BYTES // 8]

    def source(self, slot: int) -> Address:
        at = slot * _NAME_BYTES
        if self._is_ipv6:
            port, flow, host, scope = _IPV6.unpack_from(self._names, at)
            return (socket.inet_ntop(socket.AF_INET6, host), port, flow, socket.ntohl(scope))
        port, host = _IPV4.unpack_from(self._names, at)
        return (socket.inet_ntop(socket.AF_INET, host), port)

    def read(self) -> int:
        try:
            count = many.checked(self._call(self._fd, self._messages.at(0), self.slots, socket.MSG_DONTWAIT, None))
        except OSError as error:
            if many.is_none(error):
                return 0
            raise
        if self._is_ipv6:
            names, keys = self._names, self._long_keys
            for slot in range(count):
                keys[slot] = bytes(names[slot * _NAME_BYTES : slot * _NAME_BYTES + _IPV6.size])
        return count
