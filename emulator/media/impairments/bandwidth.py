"""`bandwidth`: no more than so much fits through, and the queue before it is short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Integer
from emulator.media.impairments.base import MEDIA, Impairment
from emulator.media.impairments.hop import Carry, Datagram, Hop


@MEDIA.kind("bandwidth")
@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth(Impairment):
    """Let through so many bits per second (of UDP payload); the rest waits in a queue, and what finds it full is lost.

    All connections of the participant share it, as they share their access to the internet.
    """

    bits_per_sec: Annotated[int, Integer(1_000, 10_000_000_000, "how much fits through")]
    queue_bytes: Annotated[int, Integer(0, 16_000_000, "how much may wait; 65,536 if left out")] = 65_536

    def begin(self, hop: Hop) -> Carry:
        bytes_per_sec = self.bits_per_sec / 8
        free_at = 0.0  # when all that waits will be through

        def carry(datagram: Datagram) -> None:
            nonlocal free_at
            now = hop.time()
            waiting = (free_at - now) * bytes_per_sec
            if waiting > self.queue_bytes:
                hop.drop(datagram)
                return
            free_at = max(free_at, now) + datagram.size / bytes_per_sec
            hop.hold(datagram, free_at)

        return carry
