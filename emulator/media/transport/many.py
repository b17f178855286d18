"""Many datagrams in one system call, as Linux has it (recvmmsg(2), sendmmsg(2)): the memory that such a call works on.

Bound with ctypes where the C library has them and a pointer has eight bytes, the lowest first, so that structures are
laid out as here.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
import sys
from collections.abc import Callable
from typing import Literal

# struct mmsghdr: name and its length, iovec and how many, control data and its length, flags; the length of what came.
_HEADER = struct.Struct("=QI4xQQQQI4xI4x")
_COUNTED_AT = 56
_PIECE = struct.Struct("=QQ")  # struct iovec: address and length
_LENGTH_AT = 8


class Messages:
    """So many struct mmsghdr, each with one piece of memory and room for one address of `name_bytes`.

    `names` and `places` are where these begin in memory, one for each; who gives them keeps what they point to.
    """

    def __init__(self, *, names: list[int], name_bytes: int, places: list[int], place_bytes: int) -> None:
        count = len(places)
        self._pieces, self._headers = bytearray(count * _PIECE.size), bytearray(count * _HEADER.size)
        pieces, self._start = address_of(self._pieces), address_of(self._headers)
        for slot, (name, place) in enumerate(zip(names, places, strict=True)):
            _PIECE.pack_into(self._pieces, slot * _PIECE.size, place, place_bytes)
            piece = pieces + slot * _PIECE.size
            _HEADER.pack_into(self._headers, slot * _HEADER.size, name, name_bytes, piece, 1, 0, 0, 0, 0)
        self.counted = memoryview(self._headers).cast("I")[_COUNTED_AT // 4 :: _HEADER.size // 4]
        """How long each was that came."""
        self.lengths = memoryview(self._pieces).cast("Q")[1::2]
        """How long each is that leaves."""
        self.names = memoryview(self._headers).cast("Q")[:: _HEADER.size // 8]
        """Where the address of each lies."""

    def length_at(self, slot: int) -> int:
        """Where `lengths[slot]` lies, its lowest byte first."""
        return address_of(self._pieces) + slot * _PIECE.size + _LENGTH_AT

    def at(self, slot: int) -> int:
        return self._start + slot * _HEADER.size


def checked(count: int) -> int:
    """What one of the calls has returned. Raises OSError."""
    if count < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return count


def is_none(error: OSError) -> bool:
    """Whether it only says that nothing can be done at present."""
    return error.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)


def address_of(buffer: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


@functools.cache
def system_call(name: Literal["recvmmsg", "sendmmsg"]) -> Callable[..., int] | None:
    """The C library's, which holds the interpreter while it is under way, since on our sockets it never waits.

    Its arguments: file descriptor, where the messages begin, how many, flags; for recvmmsg a timeout. None: this system
    has none, or structures that nobody has looked at.
    """
    if sys.platform != "linux" or struct.calcsize("P") != 8 or sys.byteorder != "little":
        return None
    call = getattr(ctypes.PyDLL(None, use_errno=True), name, None)
    if call is not None:
        call.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
        if name == "recvmmsg":
            call.argtypes = [*call.argtypes, ctypes.c_void_p]
        call.restype = ctypes.c_int
    return call
