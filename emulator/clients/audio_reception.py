"""What a client hears: the packets of the last seconds, decoded when somebody asks."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.media.audio.opus import OpusDecoder, OpusError
from emulator.media.rtp.assembler import Frame
from emulator.media.rtp.sequence import timestamp_delta

log = logging.getLogger("emulator.clients")

MAX_PACKETS = 500
"""Packets that are kept: 10 s of 20 ms each."""
PREROLL = 5
"""Packets decoded before the wanted ones, so that the decoder has found its state (see `media.audio.opus`)."""
MAX_CONCEALED = 2_880
"""Samples (60 ms) of loss that a listener's decoder covers up; longer gaps are silent."""
MAX_GAP = 480_000
SAMPLE_RATE = 48_000


class _Packet(NamedTuple):
    at: float
    timestamp: int
    payload: bytes


class AudioReception:
    """Bounded memory of one incoming Opus stream. Times are the loop's."""

    def __init__(self) -> None:
        self.packets_received = 0
        self.last_received_at: float | None = None
        self.undecodable = 0
        self.on_listen: Callable[[], None] | None = None
        """Called before somebody is given samples: whatever has come is to be handed over by then."""
        self._packets: deque[_Packet] = deque(maxlen=MAX_PACKETS)

    def receive(self, frame: Frame, now: float) -> None:
        self.count(1, now)
        self.keep(frame, now)

    def count(self, packets: int, last_at: float) -> None:
        """Packets came; what is in them may be handed over later with `keep`."""
        self.packets_received += packets
        if packets:
            self.last_received_at = last_at

    def keep(self, frame: Frame, at: float) -> None:
        if frame.data and not frame.damaged:
            self._packets.append(_Packet(at, frame.timestamp, frame.data))

    def samples(self, *, seconds: float | None = None, since: float | None = None) -> NDArray[np.float32]:
        """Mono samples at 48 kHz from -1 to 1: the last `seconds`, or what came after `since`, or all there is.

        Gaps are as long as their timestamps say; what was never received is concealed for 60 ms, then silent.
        """
        if self.on_listen is not None:
            self.on_listen()
        packets = list(self._packets)
        first = 0
        if since is not None:
            first = next((index for index, packet in enumerate(packets) if packet.at > since), len(packets))
        if seconds is not None:
            first = max(first, len(packets) - round(seconds * 50))
        if first >= len(packets):
            return np.zeros(0, np.float32)
        blocks = self._decode(packets[max(0, first - PREROLL) :], min(first, PREROLL))
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def _decode(self, packets: list[_Packet], unwanted: int) -> list[NDArray[np.float32]]:
        """Blocks of all packets but the first `unwanted`, gaps filled."""
        decoder = OpusDecoder()
        blocks: list[NDArray[np.float32]] = []
        expected: int | None = None
        for index, packet in enumerate(packets):
            gap = 0 if expected is None else timestamp_delta(packet.timestamp, expected)
            if 0 < gap <= MAX_GAP and index > unwanted:
                concealed = min(gap, MAX_CONCEALED)
                blocks += [decoder.conceal(concealed), np.zeros(gap - concealed, np.float32)]
            try:
                block = decoder.decode(packet.payload)
            except OpusError as error:
                self.undecodable += 1
                log.warning("an audio packet cannot be decoded: %s", error)
                continue
            expected = (packet.timestamp + len(block)) & 0xFFFFFFFF
            if index >= unwanted:
                blocks.append(block)
        return blocks
