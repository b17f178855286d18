"""A jitter buffer for one Opus stream: packets in as they come, one continuous line of samples out.

Time is counted in samples (RTP clock, 48 kHz) and ticks (20 ms each), so nothing here reads a clock. The delay it
keeps starts at 40 ms, grows to 80 ms when packets come too late, and shrinks again after 10 s without trouble. What it
holds is bounded to half a second; older packets are dropped beyond that.
"""

from __future__ import annotations

from collections import deque

from emulator.media.audio.opus import FRAME, SAMPLE_RATE
from emulator.values import value_class

LEAST_DELAY = 2 * FRAME  # samples: 40 ms
MOST_DELAY = 4 * FRAME  # samples: 80 ms
CONCEALED_AT_MOST = 5 * FRAME  # samples: after 100 ms without a packet the stream has stopped

_SPAN = SAMPLE_RATE // 2  # samples held at most
_JUMP = 2 * SAMPLE_RATE  # a timestamp this far off belongs to a new line
_SLACK = 120  # samples: a gap shorter than Opus's shortest frame is an inexact timestamp, not a loss
_WINDOW = 100  # ticks over which the least depth is taken before shortening
_CALM = 500  # ticks without trouble after which the delay shrinks by a frame
_UNKNOWN = (0, _SPAN, 0)
_REMEMBERED = 64  # sequence numbers, to tell copies from late packets


@value_class(frozen=True, slots=True)
class Packet:
    """An Opus packet of `samples` samples; `level` as in RFC 6464 (-dBov: 0 loudest, 127 silence) or None."""

    payload: bytes
    samples: int
    level: int | None = None


@value_class(frozen=True, slots=True)
class Play:
    """Decode this packet, then leave out its first `trim` samples, which were concealed already."""

    packet: Packet
    trim: int = 0


@value_class(frozen=True, slots=True)
class Conceal:
    """Invent this many samples."""

    samples: int


class JitterBuffer:
    """Puts packets in order and says what to play.

    Counts packets in `duplicates`, `late` and `discarded`, timestamp jumps in `resyncs`, and in `lost` the samples of
    gaps between packets.
    """

    def __init__(self, *, least: int = LEAST_DELAY, most: int = MOST_DELAY) -> None:
        if not 0 <= least <= most:
            raise ValueError(f"expected a least delay of 0 up to the most, got {least} and {most}")
        self._least = least
        self._most = most
        self._target = least
        self._packets: dict[int, Packet] = {}  # by unwrapped timestamp
        self._end = 0  # unwrapped timestamp behind the newest packet
        self._newest: int | None = None  # unwrapped timestamp of the newest packet, None before the first
        self._sequence = 0  # of the newest packet, 16 bit
        self._seen: deque[int] = deque(maxlen=_REMEMBERED)
        self._next = 0  # unwrapped timestamp of the next sample to play
        self._playing = False
        self._waited = 0  # ticks since the first packet of a stream that is not played yet
        self._stalled = 0  # samples concealed since the last packet without moving on
        self._depths = _UNKNOWN  # ticks counted, least and most depth among them
        self._calm = 0  # ticks since the last trouble
        self._correction = 0  # samples the caller should shorten (> 0) or lengthen (< 0) what it plays by
        self.duplicates = 0
        self.late = 0
        self.lost = 0
        self.discarded = 0
        self.resyncs = 0

    @property
    def idle(self) -> bool:
        """Nothing held and nothing played: no packet has come for a while."""
        return not self._playing and not self._packets

    @property
    def target(self) -> int:
        """The delay aimed at, in samples."""
        return self._target

    @property
    def correction(self) -> int:
        """Samples by which to shorten (positive) or lengthen (negative) what is played, to reach the target."""
        return self._correction

    def corrected(self, samples: int) -> None:
        """The caller shortened (positive) or lengthened what it played by so many samples."""
        self._correction -= samples

    def put(self, sequence: int, timestamp: int, packet: Packet) -> None:
        """Takes one packet. `sequence` may be extended or 16 bit, `timestamp` is taken modulo 2^32."""
        sequence &= 0xFFFF
        if sequence in self._seen:
            self.duplicates += 1
            return
        self._seen.append(sequence)
        if self._newest is None:
            self._newest, self._end, self._sequence = timestamp, timestamp, sequence
        if self.idle:
            self._waited = 0
        # Signed distances on the circles of RFC 3550, appendix A.1.
        ahead = (timestamp - self._newest + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
        # Overtaken on the way; a number from further back means that the sender began anew.
        overtaken = 0 < (self._sequence - sequence) % 0x1_0000 <= _REMEMBERED
        at = self._newest + ahead
        if overtaken and abs(ahead) > _JUMP:
            self.late += 1  # of the line before the last jump
            return
        if not overtaken and (ahead < 0 or ahead > _JUMP):
            if not self.idle:
                self.resyncs += 1
            self._restart(at)
        elif at + packet.samples <= self._next and self._playing:
            self.late += 1
            self._trouble(grow=True)
            return
        if not overtaken:
            self._sequence = sequence
        self._newest = max(at, self._newest)
        self._packets[at] = packet
        self._end = max(self._end, at + packet.samples)
        start = self._next if self._playing else min(self._packets)
        if self._end - start > _SPAN:
            self._drop_before(self._end - self._target - FRAME)

    def tick(self) -> None:
        """Call once per 20 ms, before `pull`."""
        if not self._playing:
            if not self._packets:
                return
            self._waited += 1
            first = min(self._packets)
            # One frame more than the target: the tick that starts takes it at once.
            if self._end - first < self._target + FRAME and self._waited * FRAME <= self._target:
                return
            if self._end - first > self._most + FRAME:
                self._drop_before(self._end - self._target - FRAME)
                first = min(self._packets)
            self._playing = True
            self._next = first
            self._stalled = 0
            self._depths = _UNKNOWN
            self._correction = 0
        self._measure()

    def pull(self) -> Play | Conceal | None:
        """What to play next; None when there is nothing, neither real nor invented."""
        if not self._playing:
            return self._stall()
        while self._packets:
            at = min(self._packets)
            gap = at - self._next
            if gap > 0 and self._stalled:  # what was invented while nothing came stands for the start of the gap
                filled = min(gap, self._stalled)
                self._stalled = 0
                self._next += filled
                continue
            if gap >= _SLACK:
                step = min(gap, FRAME)
                self._next += step
                self.lost += step
                return Conceal(step)
            packet = self._packets.pop(at)
            if self._stalled:  # it was not lost but slow; what follows is delayed already
                self._trouble(grow=False)
                self._stalled = 0
            trim = max(-gap, 0) if -gap >= _SLACK else 0
            self._next = max(self._next, at + packet.samples)
            if trim >= packet.samples:
                continue
            return Play(packet, trim)
        return self._stall()

    def _stall(self) -> Conceal | None:
        """Nothing to play yet: invent, without moving on, until it has lasted too long."""
        if self._newest is None or self._stalled >= CONCEALED_AT_MOST or (not self._playing and self._stalled == 0):
            self._playing = False
            self._stalled = 0
            return None
        self._stalled += FRAME
        return Conceal(FRAME)

    def _restart(self, at: int) -> None:
        """A new line of timestamps begins: forget the old one, and bridge the wait for the new one if it played."""
        self.discarded += len(self._packets)
        self._packets.clear()
        self._newest = self._end = at
        if self._playing:
            self._stalled = max(self._stalled, 1)  # marks that there is something to bridge
        self._playing = False
        self._waited = 0

    def _drop_before(self, at: int) -> None:
        for start in [start for start, packet in self._packets.items() if start + packet.samples <= at]:
            del self._packets[start]
            self.discarded += 1
        if self._playing:
            self._next = max(self._next, at)
        self._depths = _UNKNOWN
        self._correction = 0

    def _trouble(self, *, grow: bool) -> None:
        """A packet came too late: keep a longer delay from now on."""
        self._calm = 0
        if self._target < self._most:
            step = min(FRAME, self._most - self._target)
            self._target += step
            if grow:
                self._correction -= step
        self._depths = _UNKNOWN

    def _measure(self) -> None:
        """Watches the depth for two seconds: shorten if even the least is too much, lengthen if the most is too little.

        Jitter moves single depths about; only both ends of the range tell that the two clocks differ.
        """
        self._calm += 1
        if self._calm >= _CALM:
            self._calm = 0
            self._target = max(self._target - FRAME, self._least)
        depth = self._end - self._next
        ticks, least, most = self._depths
        ticks, least, most = ticks + 1, min(least, depth), max(most, depth)
        if ticks >= _WINDOW or (ticks >= 5 and least > self._most + 2 * FRAME):
            surplus, lack = least - self._target - FRAME, self._target - most
            self._correction = surplus if surplus >= FRAME else -lack if lack >= 0 else 0
            ticks, least, most = _UNKNOWN
        self._depths = (ticks, least, most)
