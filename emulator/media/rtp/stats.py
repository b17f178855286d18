"""What was received from one SSRC (RFC 3550 A.1, A.3, A.8): extended sequence numbers, loss, jitter, report blocks."""

from __future__ import annotations

from emulator.media.rtp.rtcp import ReportBlock
from emulator.media.rtp.sequence import timestamp_delta
from emulator.media.rtp.timing import ntp_middle

MAX_DROPOUT = 3000  # RFC 3550 A.1
# RFC 3550 A.1 suggests 100; packets sent again on a NACK come later than that.
MAX_MISORDER = 1000
_BASE = 1 << 16  # extended numbers start one cycle up, so that packets before the first one are not negative


class ReceiveStatistics:
    """Counts one source's packets. Times are seconds of our clock."""

    __slots__ = (
        "_arrival",
        "_bad",
        "_expected_prior",
        "_first",
        "_received_prior",
        "_report_arrival",
        "_report_ntp",
        "_timestamp",
        "clock_rate",
        "highest",
        "jitter",
        "received",
        "restarts",
        "ssrc",
    )

    def __init__(self, ssrc: int, clock_rate: int) -> None:
        self.ssrc = ssrc
        self.clock_rate = clock_rate
        self.received = 0  # packets, duplicates included, since the start or the last restart
        self.jitter = 0.0  # ticks
        self.restarts = 0
        self.highest = -1  # extended sequence number; -1 before the first packet
        self._first = 0
        self._bad: int | None = None
        self._arrival = 0.0
        self._timestamp = 0
        self._expected_prior = 0
        self._received_prior = 0
        self._report_ntp = 0
        self._report_arrival = 0.0

    def receive(self, sequence: int, timestamp: int, arrival: float) -> int | None:
        """Count one packet and return its extended sequence number.

        None for a number that is neither near nor followed by its successor (RFC 3550 A.1): drop the packet. When the
        successor comes, the source has restarted: `restarts` rises and counting begins anew.
        """
        highest = self.highest
        if highest < 0:
            self._start(sequence)
            extended = self.highest
        else:
            ahead = (sequence - highest) & 0xFFFF
            if ahead < MAX_DROPOUT:
                self._bad = None
                extended = highest + ahead
                if ahead == 0:
                    self.received += 1
                    return extended
                difference = (arrival - self._arrival) * self.clock_rate
                if timestamp != self._timestamp:
                    difference -= timestamp_delta(timestamp, self._timestamp)
                self.jitter += (abs(difference) - self.jitter) / 16
                self.highest = extended
            elif ahead >= 0x10000 - MAX_MISORDER:
                self.received += 1
                return highest + ahead - 0x10000
            elif sequence == self._bad:
                self.restarts += 1
                self._start(sequence)
                extended = self.highest
            else:
                self._bad = (sequence + 1) & 0xFFFF
                return None
        self.received += 1
        self._arrival = arrival
        self._timestamp = timestamp
        return extended

    def _start(self, sequence: int) -> None:
        self.highest = self._first = _BASE + sequence
        self._bad = None
        self.received = 0
        self.jitter = 0.0
        self._expected_prior = 0
        self._received_prior = 0

    @property
    def expected(self) -> int:
        return 0 if self.highest < 0 else self.highest - self._first + 1

    @property
    def lost(self) -> int:
        """Expected less received (RFC 3550 A.3); negative if duplicates outnumber losses."""
        return self.expected - self.received

    def sender_report(self, ntp: int, arrival: float) -> None:
        """A sender report of this source arrived."""
        self._report_ntp = ntp
        self._report_arrival = arrival

    def report(self, now: float) -> ReportBlock:
        """The block for a receiver report, covering the time since the block before."""
        expected, received = self.expected, self.received
        expected_interval = expected - self._expected_prior
        lost_interval = expected_interval - (received - self._received_prior)
        self._expected_prior = expected
        self._received_prior = received
        fraction = 0
        if expected_interval > 0 and lost_interval > 0:
            fraction = min(255, (lost_interval << 8) // expected_interval)
        last_sr = delay = 0
        if self._report_ntp:
            last_sr = ntp_middle(self._report_ntp)
            delay = min(0xFFFFFFFF, max(0, int((now - self._report_arrival) * 65536)))
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=fraction,
            cumulative_lost=expected - received,
            highest_sequence=max(0, self.highest - _BASE) & 0xFFFFFFFF,
            jitter=min(0xFFFFFFFF, int(self.jitter)),
            last_sr=last_sr,
            delay=delay,
        )
