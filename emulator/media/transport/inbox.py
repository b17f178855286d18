"""Datagrams that have come, read many at a time.

A system call and its wrapping for each datagram is dear, above all when the processor has slept between two of them.
Linux hands over all that wait in one call (recvmmsg(2)); elsewhere they are read one by one.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import socket
import struct
import sys
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

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
    """The best that this system has for a non-blocking UDP socket of ours."""
    call = _recvmmsg()
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
            except (BlockingIOError, InterruptedError):
                return slot
            except OSError:
                if slot:  # an ICMP error of an earlier send; what has come is not lost with it
                    return slot
                raise
        return self.slots


# struct mmsghdr, iovec and sockaddr_storage where pointers and size_t have 8 bytes (recvmmsg(2), recvmsg(2)): name and
# its length, iovec and how many, control data and its length, flags; then the length of what came.
_HEADER = struct.Struct("=QI4xQQQQI4xI4x")
_LENGTH_AT = 56
_PIECE = struct.Struct("=QQ")
_NAME_BYTES = 32
_IPV4 = struct.Struct("!HH4s")
_IPV6 = struct.Struct("!HHI16sI")


class ManyInbox:
    """One system call for all of them: `call` is recvmmsg."""

    def __init__(self, sock: socket.socket, slots: int, call: Callable[..., int]) -> None:
        self.slots = slots
        self._fd = sock.fileno()
        self._call = call
        room, names = bytearray(slots * DATAGRAM_LIMIT), bytearray(slots * _NAME_BYTES)
        pieces, headers = bytearray(slots * _PIECE.size), bytearray(slots * _HEADER.size)
        for slot in range(slots):
            _PIECE.pack_into(pieces, slot * _PIECE.size, _address(room) + slot * DATAGRAM_LIMIT, DATAGRAM_LIMIT)
            name, piece = _address(names) + slot * _NAME_BYTES, _address(pieces) + slot * _PIECE.size
            _HEADER.pack_into(headers, slot * _HEADER.size, name, _NAME_BYTES, piece, 1, 0, 0, 0, 0)
        # The kernel knows them by their addresses: they stay as long as this does.
        self._kept = (room, names, pieces, headers)
        self._headers = _address(headers)
        view = memoryview(room)
        self.views = tuple(view[at : at + DATAGRAM_LIMIT] for at in range(0, len(room), DATAGRAM_LIMIT))
        self.sizes: Sequence[int] = memoryview(headers).cast("I")[_LENGTH_AT // 4 :: _HEADER.size // 4]
        self._names = memoryview(names)
        self._is_ipv6 = sock.family == socket.AF_INET6
        self._keys = [b""] * slots
        # Family, port and address of IPv4 have eight bytes.
        self.keys: Sequence[Hashable] = self._keys if self._is_ipv6 else self._names.cast("Q")[:: _NAME_BYTES // 8]

    def source(self, slot: int) -> Address:
        if self._is_ipv6:
            _, port, flow, host, scope = _IPV6.unpack_from(self._names, slot * _NAME_BYTES)
            return (socket.inet_ntop(socket.AF_INET6, host), port, flow, socket.ntohl(scope))
        _, port, host = _IPV4.unpack_from(self._names, slot * _NAME_BYTES)
        return (socket.inet_ntop(socket.AF_INET, host), port)

    def read(self) -> int:
        count = self._call(self._fd, self._headers, self.slots, socket.MSG_DONTWAIT, None)
        if count < 0:
            code = ctypes.get_errno()
            if code in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR):
                return 0
            raise OSError(code, os.strerror(code))
        if self._is_ipv6:
            names = self._names
            for slot in range(count):
                self._keys[slot] = bytes(names[slot * _NAME_BYTES : slot * _NAME_BYTES + _IPV6.size])
        return count


@functools.cache
def _recvmmsg() -> Callable[..., int] | None:
    """The C library's, which holds the interpreter while it is under way, since it never waits; None: there is none,
    or nobody has looked whether its structures are as above.
    """
    if sys.platform != "linux" or struct.calcsize("P") != 8:
        return None
    call = getattr(ctypes.PyDLL(None, use_errno=True), "recvmmsg", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
        call.restype = ctypes.c_int
    return call


def _address(buffer: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
