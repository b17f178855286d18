"""Sound in time: on a common beat each source's blocks of 20 ms are played, encoded, at a rate that does not drift.

A source that repeats is encoded once per process, in a worker, and its packets are played round and round: the content
has no seam, and three frames later the encoder has forgotten where it began (see `media.audio.opus`).
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass
from math import log10
from typing import NamedTuple

import numpy as np

from emulator.clients.beat import beat_of
from emulator.clients.silence_gate import EVERY, SILENT_LEVEL, SilenceGate
from emulator.clients.sources.base import FRAME_SAMPLES, AudioSource, PreparedAudioSource, Samples
from emulator.clients.workers import Workers
from emulator.media.audio.opus import OpusEncoder
from emulator.media.audio.pacer import PERIOD, TickSchedule

LATE_SECS = 0.1
PREROLL_BLOCKS = 8
"""Blocks of a loop's end that are encoded before its beginning, so that the last packet leads over to the first."""


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """One Opus packet of 20 ms, and its level in -dBov (RFC 6464): 0 is the loudest, 127 silence."""

    packet: bytes
    level: int


class TimedBlock(NamedTuple):
    """Block number and the loop's time it belongs to, exactly 20 ms after the one before."""

    number: int
    at: float
    encoded: EncodedBlock


class AudioTrack:
    """Plays one source into its sinks, from `start` to `stop`. Sinks may be added and removed while it plays.

    Of a silence only the beginning is sent, and now and then a packet (`silence_gate.py`).
    """

    def __init__(self, source: AudioSource, *, workers: Workers) -> None:
        self.source = source
        self.sinks: list[Callable[[TimedBlock], None]] = []
        self.sent = 0
        self.skipped = 0
        self.late = 0
        """Of those sent, how many more than 0.1 s after their time."""
        self._workers = workers
        self._loop = asyncio.get_running_loop()
        self._beat, self._rest = beat_of(self._loop, PERIOD), beat_of(self._loop, EVERY * PERIOD)
        self._gate = SilenceGate()
        self._running = False
        self._stopped = False
        self._started_at = 0.0
        self._number = 0
        self._schedule = TickSchedule(0.0)
        self._encode: Callable[[int], EncodedBlock] | None = None

    async def start(self, origin: float | None = None) -> None:
        """Begin as soon as the content is encoded; a second call does nothing.

        With an `origin`, the loop's time of block 0, it begins in the middle of the content.
        """
        if self._running or self._stopped:
            return
        self._running = True
        if isinstance(self.source, PreparedAudioSource):
            await self._workers.run(self.source.prepare)
        if self.source.loop is None:
            self._encode = _LiveEncoder(self.source)
        else:
            blocks = await self._workers.run(functools.partial(_encoded_loop, self.source))
            self._encode = _Loop(blocks)
        if self._running:
            first_at = self._beat.add(self._tick)
            if origin is not None:
                self._number = int((first_at - origin) / PERIOD)
                first_at = origin + self._number * PERIOD
            self._started_at = first_at - self._number * PERIOD
            self._schedule = TickSchedule(first_at)

    def stop(self) -> None:
        """Nothing reaches the sinks after this call. A stopped track is not started again."""
        self._running = False
        self._stopped = True
        self._beat.remove(self._tick)
        self._rest.remove(self._rest_on)

    def samples(self, number: int) -> Samples:
        """Block `number` before encoding, for whoever mixes."""
        loop = self.source.loop
        return self.source.block(number if loop is None else number % loop)

    def _tick(self) -> None:
        now = self._loop.time()
        due = self._schedule.due(now)
        self.skipped += due.skipped
        self._number += due.skipped
        assert self._encode is not None
        for _ in range(due.ticks):
            number = self._number
            self._number += 1
            encoded = self._encode(number)
            if self._gate.passes(encoded.packet, encoded.level):
                self._send(number, _not_sent(encoded) if self._gate.at_rest else encoded, now)
        if self.source.loop == 1 and self._gate.at_rest:
            self._beat.remove(self._tick)
            self._rest.add(self._rest_on)

    def _rest_on(self) -> None:
        """What is silent for good needs no beat of 20 ms: only the packet of this moment is sent."""
        now = self._loop.time()
        number = int((now - self._started_at) / PERIOD)
        assert self._encode is not None
        self._send(number, _not_sent(self._encode(number)), now)

    def _send(self, number: int, encoded: EncodedBlock, now: float) -> None:
        at = self._started_at + number * PERIOD
        self.sent += 1
        self.late += now - at > LATE_SECS
        block = TimedBlock(number, at, encoded)
        for sink in tuple(self.sinks):
            sink(block)


def _not_sent(silence: EncodedBlock) -> EncodedBlock:
    """Nothing but the TOC byte: listeners know by it that what follows is not lost (DTX; RFC 6716, section 3.2.1)."""
    return EncodedBlock(bytes((silence.packet[0] & 0xFC,)), silence.level)


class _Loop:
    def __init__(self, blocks: tuple[EncodedBlock, ...]) -> None:
        self._blocks = blocks

    def __call__(self, number: int) -> EncodedBlock:
        return self._blocks[number % len(self._blocks)]


class _LiveEncoder:
    def __init__(self, source: AudioSource) -> None:
        self._source = source
        self._encoder = OpusEncoder()

    def __call__(self, number: int) -> EncodedBlock:
        return encode_block(self._encoder, self._source.block(number))


@functools.lru_cache(maxsize=256)
def _encoded_loop(source: AudioSource) -> tuple[EncodedBlock, ...]:
    """All blocks of a source that repeats, once round."""
    length = source.loop
    assert length is not None
    encoder = OpusEncoder()
    for number in range(-PREROLL_BLOCKS, 0):
        encode_block(encoder, source.block(number % length))
    return tuple(encode_block(encoder, source.block(number)) for number in range(length))


def encode_block(encoder: OpusEncoder, samples: Samples) -> EncodedBlock:
    """960 samples of int16, encoded and measured."""
    scaled = samples.astype(np.float32) / np.float32(32768)
    return EncodedBlock(encoder.encode(scaled), level_of(samples))


def level_of(samples: Samples) -> int:
    """The RMS of a block in -dBov (RFC 6464 section 3)."""
    power = float(np.dot(samples.astype(np.float64), samples)) / FRAME_SAMPLES / 32768**2
    return SILENT_LEVEL if power <= 0 else max(0, min(SILENT_LEVEL, round(-10 * log10(power))))
