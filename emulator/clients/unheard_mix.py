"""The mixed audio while nobody listens.

Everybody in a room gets fifty packets of it a second, and of a crowd hardly anybody ever looks at them. So they are
read ten times a second, counted, and kept for a while as they came. Who begins to listen gets what was kept, decrypted
then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from emulator.clients.audio_reception import MAX_PACKETS, SAMPLE_RATE
from emulator.clients.stream_receiver import StreamReceiver
from emulator.media.rtp.assembler import Frame
from emulator.media.rtp.errors import RtpError
from emulator.media.rtp.header import HEADER, read_header
from emulator.media.rtp.sequence import timestamp_delta

TRAILER = 16
"""Bytes behind a protected payload (RFC 7714; 10 with RFC 3711's default): as good as exact for a count of bytes."""
OPENED_EVERY = 1 << 12
"""Of the packets one in so many is decrypted: SRTP counts the rounds of their numbers by what it sees."""
DRIFT_SECS = 1e-5
"""So much later than its timestamp says a packet may have come than the one before: clocks drift apart."""


class _Kept(NamedTuple):
    number: int
    at: float
    data: bytes
    opened: bool = False


class UnheardMix:
    """Sealed packets, the last ones of which are kept.

    `unseal` decrypts one, `receiver` counts them, `on_malformed()` is called for what is no packet. Times are the
    loop's: when a packet is read says little about when it came, but its timestamp does, once the quickest packets have
    shown how the two belong together.
    """

    def __init__(
        self,
        receiver: StreamReceiver,
        *,
        unseal: Callable[[bytes], bytes | None],
        on_malformed: Callable[[], None],
    ) -> None:
        self._receiver = receiver
        self._unseal = unseal
        self._on_malformed = on_malformed
        self._kept: deque[_Kept] = deque(maxlen=MAX_PACKETS)
        self._reference: tuple[float, int] | None = None
        """A moment and the timestamp that belongs to it."""
        self._unopened = 0

    def receive(self, packets: Sequence[bytes], now: float) -> tuple[int, float]:
        """Packets that were read now, in the order they were sent: how many are of the mix, and when the last came."""
        receiver, kept = self._receiver, self._kept
        counted, at = 0, now
        for data in packets:
            if len(data) < HEADER.size:
                self._on_malformed()
                continue
            _, _, sequence, timestamp, ssrc = HEADER.unpack_from(data)
            if ssrc != receiver.ssrc:
                kept.clear()
                self._reference = None
            if self._reference is None:
                at = now
            else:
                moment, known = self._reference
                at = min(now, moment + timestamp_delta(timestamp, known) / SAMPLE_RATE + DRIFT_SECS)
            self._reference = at, timestamp
            number = receiver.count(ssrc, sequence, timestamp, len(data) - HEADER.size - TRAILER, at)
            if number is None:
                continue
            counted += 1
            self._unopened += 1
            if self._unopened < OPENED_EVERY:
                kept.append(_Kept(number, at, data))
                continue
            self._unopened = 0
            plain = self._unseal(data)
            if plain is not None:
                kept.append(_Kept(number, at, plain, opened=True))
        return counted, at

    def open(self) -> list[tuple[Frame, float]]:
        """What was kept, in order, with the time each came at; nothing is kept any more."""
        kept = sorted(self._kept)
        self._kept.clear()
        self._unopened = 0
        self._receiver.resume()
        return [opened for each in kept if (opened := self._open(each)) is not None]

    def _open(self, kept: _Kept) -> tuple[Frame, float] | None:
        plain = kept.data if kept.opened else self._unseal(kept.data)
        if plain is None:
            return None  # not what the other end has sent, and counted as such
        try:
            header = read_header(plain)
        except RtpError:
            self._on_malformed()
            return None
        return Frame(header.timestamp, plain[header.payload_start : header.payload_end], keyframe=True), kept.at
