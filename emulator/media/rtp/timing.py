"""How RTP timestamps and other people's clocks relate to our clock (RFC 3550 6.4.1: what sender reports need)."""

from __future__ import annotations

# Added to `clock()` seconds to make NTP times. Any constant will do (RFC 3550 section 4 allows a private epoch); this
# one keeps the seconds field far from 0, which receivers take for "no time".
NTP_BASE_SECONDS = 3_900_000_000


def ntp_time(seconds: float) -> int:
    """The 64-bit NTP time (32.32 fixed point) of `seconds` on our clock."""
    return int((seconds + NTP_BASE_SECONDS) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def ntp_seconds(ntp: int) -> float:
    """A 64-bit NTP time as seconds of its own epoch."""
    return ntp / (1 << 32)


def ntp_middle(ntp: int) -> int:
    """The middle 32 bits, in 1/65536 s, as in the `last SR` field of report blocks."""
    return ntp >> 16 & 0xFFFFFFFF


def round_trip_time(now: float, last_sr: int, delay: int) -> float | None:
    """Seconds from our SR to the report that answers it (RFC 3550 6.4.1), None if it answers none or makes no sense."""
    if last_sr == 0:
        return None
    units = (ntp_middle(ntp_time(now)) - last_sr - delay) & 0xFFFFFFFF
    # A report a little too early (rounding) wraps to a huge number: that is a round trip of nothing.
    if units >= 0xFFFF0000:
        return 0.0
    return units / 65536 if units < 60 * 65536 else None


class MinimumWindow:
    """The smallest of recent values: of the running window and the one before. Drift shows after two windows."""

    __slots__ = ("_current", "_end", "_length", "_previous")

    def __init__(self, length: float = 10.0) -> None:
        self._length = length
        self._end = 0.0
        self._current: float | None = None
        self._previous: float | None = None

    def add(self, value: float, now: float) -> None:
        current = self._current
        if current is None or now >= self._end:
            self._previous = current
            self._current = value
            self._end = now + self._length
        elif value < current:
            self._current = value

    @property
    def value(self) -> float | None:
        if self._current is None or self._previous is None:
            return self._current
        return min(self._current, self._previous)


class PublisherClock:
    """Where the publisher's NTP clock stands against ours; shared by its audio and video, so that they stay in step."""

    def __init__(self) -> None:
        self._offset = MinimumWindow(30.0)

    def observe(self, ntp: int, arrival: float) -> None:
        """A sender report with this NTP time arrived: the quickest of them tells the offset best."""
        self._offset.add(arrival - ntp_seconds(ntp), arrival)

    def local_time(self, ntp: int) -> float:
        """Our time of one of its NTP times. Raises ValueError before the first report."""
        offset = self._offset.value
        if offset is None:
            raise ValueError("no sender report has been observed")
        return ntp_seconds(ntp) + offset


class Timeline:
    """Which RTP timestamp of one stream belongs to which moment of our clock.

    It is one number, the lag: moment = timestamp / clock rate + lag. Sender reports give it; until the first one, or if
    they contradict the arrivals by more than two seconds, it comes from the packets that arrived soonest.
    Timestamps are extended, they never wrap.
    """

    REPORT_TOLERANCE = 2.0

    __slots__ = ("_arrivals", "_clock_rate", "_reported")

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._arrivals = MinimumWindow(10.0)
        self._reported: float | None = None

    def reset(self) -> None:
        """The timestamps jumped."""
        self._arrivals = MinimumWindow(10.0)
        self._reported = None

    def packet(self, timestamp: int, arrival: float) -> None:
        self._arrivals.add(arrival - timestamp / self._clock_rate, arrival)

    def report(self, timestamp: int, moment: float) -> None:
        """A sender report says that `timestamp` was sampled at `moment` of our clock."""
        self._reported = moment - timestamp / self._clock_rate

    @property
    def lag(self) -> float | None:
        arrived = self._arrivals.value
        if arrived is None:
            return None
        reported = self._reported
        if reported is not None and abs(reported - arrived) <= self.REPORT_TOLERANCE:
            return reported
        return arrived

    def timestamp_at(self, moment: float) -> int | None:
        """The extended timestamp of `moment`, None before the first packet."""
        lag = self.lag
        return None if lag is None else round((moment - lag) * self._clock_rate)
