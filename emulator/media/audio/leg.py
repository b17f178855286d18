"""One participant's place at the mixer: RTP payloads in, one 20 ms contribution per tick out.

receive -> inbox -> jitter buffer -> decode or conceal -> gates (noise floor, mute, leaving), ramped -> contribution
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

import numpy as np

from emulator.media.audio.jitter import CONCEALED_AT_MOST, JitterBuffer, Packet, Play
from emulator.media.audio.opus import FRAME, OpusDecoder, OpusError, Samples, packet_samples
from emulator.media.audio.stretch import LEAST_LAG, lengthen, shorten
from emulator.values import value_class

K = TypeVar("K", bound=Hashable)

FLOOR_DBFS = -60.0  # quieter input is left out of the mix, so that its sender shares the common encode
HOLD_TICKS = 15  # a gate stays open for 300 ms of quiet: pauses between words do not close it
SILENCE_DBFS = -127.0  # as RFC 6464 ends its scale

_INBOX = 100  # packets: 2 s at 20 ms; more cannot be played anyway
_QUIET_PEAK = 1e-3  # -60 dBFS
_QUIET_RUN = 5  # silent packets decoded before further ones are not
_SILENT_LEVEL = 127  # -dBov (RFC 6464, section 3)
_OPENING, _CLOSING = 240, 480  # samples: 5 ms keeps the attack of a word, 10 ms is inaudible
_NOTHING: Samples = np.zeros(0, dtype=np.float32)


def rise(samples: int) -> Samples:
    """A raised-cosine ramp from 0 to 1."""
    return (0.5 - 0.5 * np.cos(np.pi * (np.arange(samples) + 0.5) / samples)).astype(np.float32)


_RISES = {samples: rise(samples) for samples in (_OPENING, _CLOSING)}


@value_class(frozen=True, slots=True)
class LegStats:
    """What came in on a leg. Packets, except `concealed` and `lost` (samples at 48 kHz).

    lost       missing between packets that came    late        came after their time had passed
    concealed  invented in all                      discarded   dropped: too many held, or a timestamp jump
    malformed  not Opus (or refused by libopus)     overflowed  came while nobody called `tick`
    undecoded  known to be silent, hence not decoded
    """

    received: int
    malformed: int
    duplicates: int
    late: int
    discarded: int
    overflowed: int
    undecoded: int
    lost: int
    concealed: int
    resyncs: int


class Leg(Generic[K]):
    """Made by `Mixer.add_leg`. `receive`, `set_muted` and `receiving` may be used from another thread than ticks.

    receiving  whether somebody listens on this leg: only then are payloads made for it; set it at will
    level      dBFS (RMS) of the 20 ms decoded last, before any gate; -127 without input
    audible    whether the leg was part of the last tick's mix
    """

    def __init__(self, leg_id: K, *, floor: float = FLOOR_DBFS, hold: int = HOLD_TICKS) -> None:
        self.id = leg_id
        self.receiving = False
        self.level = SILENCE_DBFS
        self.audible = False
        self._muted = False
        self._leaving = False
        self._inbox: deque[tuple[bytes, int, int, int | None]] = deque(maxlen=_INBOX)
        self._jitter = JitterBuffer()
        self._decoder: OpusDecoder | None = None
        self._line = _NOTHING  # decoded, not yet played
        self._floor = floor
        self._hold = hold
        self._open_for = 0  # ticks the noise gate stays open
        self._gain = 0.0  # at the end of the last frame: 0 or 1
        self._invented = 0  # samples concealed in a row
        self._last_payload = b""
        self._quiet_run = 0
        self._received = self._malformed = self._overflowed = self._undecoded = self._concealed = 0

    @property
    def muted(self) -> bool:
        """The moderator's mute."""
        return self._muted

    def set_muted(self, muted: bool) -> None:
        """Close or open the gate, with a 10 or 5 ms ramp at the start of the next tick: done within 30 ms."""
        self._muted = muted

    def receive(self, payload: bytes, sequence: int, timestamp: int, level_dbov: int | None = None) -> None:
        """One RTP packet's payload. Never raises: what is not Opus is counted and dropped by the next tick.

        `sequence` may be extended or 16 bit, `timestamp` is 32 bit at 48 kHz, `level_dbov` as in RFC 6464 (0 to 127).
        """
        if len(self._inbox) == _INBOX:
            self._overflowed += 1
        self._received += 1
        self._inbox.append((payload, sequence, timestamp, level_dbov))

    def stats(self) -> LegStats:
        """Counts since the leg was made."""
        jitter = self._jitter
        return LegStats(
            received=self._received,
            malformed=self._malformed,
            duplicates=jitter.duplicates,
            late=jitter.late,
            discarded=jitter.discarded,
            overflowed=self._overflowed,
            undecoded=self._undecoded,
            lost=jitter.lost,
            concealed=self._concealed,
            resyncs=jitter.resyncs,
        )

    # The rest is the mixer's, called in the thread that ticks.

    def leave(self) -> None:
        """Fade out with the next frame."""
        self._leaving = True

    def contribution(self) -> Samples | None:
        """This tick's 960 samples for the others to hear; None if there are none. Updates `level` and `audible`."""
        frame = self._next_frame()
        if frame is None:
            # The concealment before it has faded out by itself, so there is nothing to ramp.
            self._open_for, self._gain = 0, 0.0
            self.level, self.audible = SILENCE_DBFS, False
            return None
        power = float(np.dot(frame, frame)) / FRAME
        self.level = max(10 * math.log10(power), SILENCE_DBFS) if power > 0 else SILENCE_DBFS
        self._open_for = self._hold if self.level >= self._floor else max(self._open_for - 1, 0)
        target = 1.0 if self._open_for and not self._muted and not self._leaving else 0.0
        gain, self._gain = self._gain, target
        self.audible = gain > 0 or target > 0
        if not self.audible:
            return None
        if target > gain:
            frame = frame.copy()
            frame[:_OPENING] *= _RISES[_OPENING]
        elif target < gain:
            frame = frame.copy()
            frame[:_CLOSING] *= 1 - _RISES[_CLOSING]
            frame[_CLOSING:] = 0
        return frame

    def _next_frame(self) -> Samples | None:
        inbox, jitter = self._inbox, self._jitter
        # Of a silence that rests (DTX) now and then a packet comes, and there is nothing to play: most legs, mostly.
        rests = inbox and self._quiet_run >= _QUIET_RUN and jitter.idle and not self._line.size
        while inbox:
            payload, sequence, timestamp, level = inbox.popleft()
            if rests and (level == _SILENT_LEVEL or payload == self._last_payload):
                self._undecoded += 1
                continue
            rests = False
            try:
                samples = packet_samples(payload)
            except OpusError:
                self._malformed += 1
                continue
            jitter.put(sequence, timestamp, Packet(payload, samples, level))
        if jitter.idle and not self._line.size:
            return None
        jitter.tick()
        line = self._line
        while line.size < FRAME:
            step = jitter.pull()
            if step is None:
                break
            block = self._play(step) if isinstance(step, Play) else self._conceal(step.samples)
            line = np.concatenate([line, block]) if line.size else block
        if not line.size:
            return None
        if line.size < FRAME:  # the stream has stopped: what is left has faded out
            line = np.concatenate([line, np.zeros(FRAME - line.size, dtype=np.float32)])
        self._line = line[FRAME:]
        return line[:FRAME]

    def _play(self, step: Play) -> Samples:
        packet = step.packet
        if self._known_silent(packet):
            self._undecoded += 1
            block = np.zeros(packet.samples, dtype=np.float32)
        else:
            if self._decoder is None:
                self._decoder = OpusDecoder()
            try:
                block = self._decoder.decode(packet.payload)
            except OpusError:
                self._malformed += 1
                return self._conceal(packet.samples - step.trim)
            quiet = self._looks_silent(packet) and bool(np.abs(block).max() < _QUIET_PEAK)
            self._quiet_run = self._quiet_run + 1 if quiet else 0
        self._last_payload = packet.payload
        block = block[step.trim :]
        if self._invented:
            block = _from_gain(block, _fade(self._invented))
            self._invented = 0
        correction = self._jitter.correction
        if abs(correction) >= LEAST_LAG:
            before = block.size
            block = shorten(block, correction) if correction > 0 else lengthen(block, -correction)
            self._jitter.corrected(before - block.size)
        return block

    def _looks_silent(self, packet: Packet) -> bool:
        return packet.level == _SILENT_LEVEL or packet.payload == self._last_payload

    def _known_silent(self, packet: Packet) -> bool:
        """Silent tracks (a muted microphone, the SDK's fallback) need no decoding: nothing changes in the decoder."""
        return self._quiet_run >= _QUIET_RUN and self._looks_silent(packet)

    def _conceal(self, samples: int) -> Samples:
        """libopus's own concealment, faded out over 100 ms: after that the stream has stopped."""
        self._concealed += samples
        start, end = _fade(self._invented), _fade(self._invented + samples)
        self._invented += samples
        if start == 0 or self._decoder is None or self._quiet_run >= _QUIET_RUN:  # what follows a silence is silent
            return np.zeros(samples, dtype=np.float32)
        block = self._decoder.conceal(samples)
        return block * np.linspace(start, end, samples, dtype=np.float32)


def _fade(invented: int) -> float:
    """The gain of concealment after so many samples of it: 1 for 40 ms, 0 from 100 ms."""
    return min(max((CONCEALED_AT_MOST - invented) / (CONCEALED_AT_MOST - 2 * FRAME), 0.0), 1.0)


def _from_gain(block: Samples, gain: float) -> Samples:
    """The block with its first 5 ms rising from `gain` to 1."""
    if gain >= 1:
        return block
    block = block.copy()
    head = block[:_OPENING]
    head *= gain + (1 - gain) * _RISES[_OPENING][: head.size]
    return block
