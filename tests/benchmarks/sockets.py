"""Datagrams that the kernel could not keep because nobody read them in time: the `drops` of /proc/net/udp (Linux)."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path


def _sockets() -> Iterator[tuple[int, int, int]]:
    """Port, inode and drops of every UDP socket there is."""
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            yield int(fields[1].rpartition(":")[2], 16), int(fields[9]), int(fields[12])


def dropped_at(ports: Collection[int]) -> int:
    """Since the sockets at these ports were opened."""
    return sum(drops for port, _, drops in _sockets() if port in ports)


def dropped_here() -> int:
    """Of all sockets that this process has open."""
    own = set()
    for descriptor in os.scandir("/proc/self/fd"):
        with suppress(OSError):  # the one that lists them is gone
            own.add(os.readlink(descriptor.path))
    return sum(drops for _, inode, drops in _sockets() if f"socket:[{inode}]" in own)
