"""Which layer of a simulcast one subscriber gets: the one it asks for, as far as its bandwidth goes."""

from __future__ import annotations

from collections.abc import Sequence


class LayerChoice:
    """Layers count from 0, the smallest, as Janus's `substream` does. Times are seconds of one clock.

    What the subscriber's REMB says is an estimate that a receiver can only make of what it gets: it never shows that
    there is room for much more. So it is believed when it falls below what is sent, or stays there; but while it still
    rises from a low start it only has not got there yet. The way up is tried out: soon at first, later more rarely.
    """

    SETTLE_SECONDS = 2.0  # an estimate that has not risen for so long is meant
    FALL = 0.93  # less than this part of the estimate before: bandwidth has gone (browsers fall to 0.85 of what comes)
    RISE = 1.01
    HEADROOM = 1.2  # an estimate this much above what is sent leaves the way up open
    FIRST_PATIENCE = 3.0
    MAX_PATIENCE = 60.0
    TRIAL_SECONDS = 6.0  # congestion so soon after a step up: it was too much

    __slots__ = (
        "_changed_at",
        "_fell",
        "_patience",
        "_risen_at",
        "_short_since",
        "_tried_at",
        "ceiling",
        "estimate",
        "wanted",
    )

    def __init__(self) -> None:
        self.wanted: int | None = None
        """The highest layer the subscriber asked for; None: the best."""
        self.estimate: int | None = None
        """Bit/s that the subscriber believes it can receive; None before it said so."""
        self.ceiling: int | None = None
        """The highest layer that bandwidth allows; None: any."""
        self._fell = False
        self._risen_at = 0.0
        self._short_since: float | None = None
        self._changed_at = 0.0
        self._tried_at = float("-inf")
        self._patience = self.FIRST_PATIENCE

    def estimated(self, bitrate: int, now: float) -> None:
        """The subscriber's REMB came."""
        before, self.estimate = self.estimate, bitrate
        if before is None or bitrate > before * self.RISE:
            self._fell = False
            self._risen_at = now
        elif bitrate < before * self.FALL:
            self._fell = True

    def choose(self, rates: Sequence[float | None], current: int, now: float) -> int:
        """The layer to send. `rates`: bit/s of each layer, None for those that do not flow; `current`: what is sent."""
        self._adapt(rates, current, now)
        flowing = [index for index, rate in enumerate(rates) if rate is not None]
        bounds = [len(rates) - 1, *(bound for bound in (self.wanted, self.ceiling) if bound is not None)]
        if not flowing:
            return min(bounds)
        reachable = [index for index in flowing if index <= min(bounds)]
        return reachable[-1] if reachable else flowing[0]

    def _adapt(self, rates: Sequence[float | None], current: int, now: float) -> None:
        """Lower or raise the ceiling by what the estimate says."""
        estimate, rate = self.estimate, rates[current]
        if estimate is None or rate is None:
            return
        ceiling = len(rates) - 1 if self.ceiling is None else self.ceiling
        if estimate >= rate:
            self._short_since = None
        elif self._short_since is None:  # perhaps only a keyframe went by
            self._short_since = now
        if self._short_since is not None:
            meant = self._fell or now - max(self._risen_at, self._short_since) >= self.SETTLE_SECONDS
            if meant and 0 < current <= ceiling:  # else it is as low as can be, or on its way down already
                fitting = [
                    index for index in range(current) if (lower := rates[index]) is not None and lower <= estimate
                ]
                self._lower(max(fitting, default=0), now)
        elif current == ceiling < len(rates) - 1:
            above = rates[ceiling + 1]
            fits = above is not None and estimate >= above
            if fits or (now - self._changed_at >= self._patience and estimate >= self.HEADROOM * rate):
                self.ceiling = ceiling + 1
                self._changed_at = self._tried_at = now

    def _lower(self, ceiling: int, now: float) -> None:
        if now - self._tried_at < self.TRIAL_SECONDS:
            self._patience = min(self.MAX_PATIENCE, self._patience * 2)
        self.ceiling = ceiling
        self._changed_at = now
