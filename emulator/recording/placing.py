"""Where a sample of a stream belongs in its file: from RTP timestamps to seconds since the recording began."""

from __future__ import annotations

from emulator.media.rtp.timing import Timeline

STEP_SECS = 0.25
"""Further off than this is another line of time (a source has changed), and is taken at once."""

SETTLE_SECS = 2.0
"""So long after a line has begun what is told of it is taken at once: its first packets may have come late."""

SLEW = 0.02
"""Then less is caught up with: at most so much faster or slower than the sender's own clock."""


class Placing:
    """`began`: the moment, on the feed's clock, at which the file begins.

    The sender's clock is followed, so that samples keep the distances they were made in, but only as far as it agrees
    with ours over time: two recordings of one session stay in step however long they last.
    """

    def __init__(self, began: float) -> None:
        self.began = began
        self._lag: float | None = None
        self._last = 0.0
        self._settled_at = 0.0

    def at(self, timestamp: int, timeline: Timeline, rate: int, now: float) -> float:
        """Seconds from the beginning, possibly before it. `timestamp` extended; `now` for a line not known yet."""
        own = timestamp / rate
        told = timeline.lag
        if told is None:
            told = now - own
        lag = self._lag
        if lag is None or abs(told - lag) > STEP_SECS:
            lag = told
            self._settled_at = own + SETTLE_SECS
        elif own < self._settled_at:
            lag = told
        elif told != lag:
            most = SLEW * abs(own - self._last)
            lag += min(most, max(-most, told - lag))
        self._lag, self._last = lag, own
        return own + lag - self.began
