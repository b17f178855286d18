"""Datagrams for one address that leave in one call (Linux's UDP generic segmentation offload).

The way through the kernel, and waking up who reads, cost more than what is done to a packet here. When packets have
come together, each subscriber gets as many: as a train they go that way once, and arrive as the datagrams they are.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from struct import Struct

UDP_SEGMENT = 103
"""Sets the size at which the kernel cuts (include/uapi/linux/udp.h, since 4.18); Python does not name it."""
SEGMENT_SIZE = Struct("=H")
CANNOT = (errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EIO)
"""What a system says that has no trains at all; EIO: a device of the route cannot compute their checksums."""
MOST_DATAGRAMS = 60  # the kernel takes 64
MOST_BYTES = 64_000  # the length of an IP packet has 16 bits


def trains(datagrams: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The same datagrams in the same order, cut into trains: all as long as the first, the last may be shorter."""
    train = [datagrams[0]]
    size = len(datagrams[0])
    last = size
    for datagram in datagrams[1:]:
        length = len(datagram)
        if length > size or last < size or len(train) == MOST_DATAGRAMS or size * len(train) > MOST_BYTES - size:
            yield train
            train = []
            size = length
        train.append(datagram)
        last = length
    yield train
