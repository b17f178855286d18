"""Who talks: `talking` and `stopped-talking` from levels (signaling.md, E12 to E14, S-101).

Works for mixer legs (a level per 20 ms of decoded audio) and for forwarded streams (the RFC 6464 level of each packet).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from emulator.values import value_class

K = TypeVar("K", bound=Hashable)

THRESHOLD_DBFS = -45.0  # above a quiet room's noise (-50), below speech (-40 and louder)
ATTACK = 0.08  # s of loud audio: longer than a knock, short enough for the figures in media.md, section 5
HOLD = 0.6  # s of quiet: longer than the pauses between words
_LONGEST_STEP = 0.1  # s that one observation may stand for: a gap in the packets is no speech


@value_class(frozen=True, slots=True)
class TalkSettings:
    """See `Talkers`."""

    threshold: float = THRESHOLD_DBFS
    attack: float = ATTACK
    hold: float = HOLD


@value_class(frozen=True, slots=True)
class Transition(Generic[K]):
    """One of the watched began or stopped to talk."""

    who: K
    talking: bool


@dataclass(slots=True)
class _Watch:
    seen: float
    loud: float  # s of loud audio not yet worn off by quiet
    loud_at: float  # when it was loud last
    talking: bool = False


class Talkers(Generic[K]):
    """Watches levels; times are seconds of any one monotonic clock, levels dB relative to full scale (0 loudest).

    Somebody talks after `attack` seconds at or above `threshold` (pauses count against them at half their length), and
    has stopped after `hold` seconds below it. ValueError for a negative time.
    """

    def __init__(self, *, threshold: float = THRESHOLD_DBFS, attack: float = ATTACK, hold: float = HOLD) -> None:
        if attack < 0 or hold < 0:
            raise ValueError(f"attack and hold: expected 0 s or more, got {attack} and {hold}")
        self._threshold = threshold
        self._attack = attack
        self._hold = hold
        self._watched: dict[K, _Watch] = {}

    @classmethod
    def by(cls, settings: TalkSettings) -> Talkers[K]:
        return cls(threshold=settings.threshold, attack=settings.attack, hold=settings.hold)

    def talking(self, who: K) -> bool:
        """Whether `who` talks now; unknown ones do not."""
        watch = self._watched.get(who)
        return watch is not None and watch.talking

    def watches(self, who: K) -> bool:
        """Whether anything was heard of `who` that has not worn off; a quiet observation of others means nothing."""
        return who in self._watched

    def observe(self, who: K, level: float, now: float) -> Transition[K] | None:
        """Takes one level. The transition it causes, if any. Quiet ones who are not watched yet cost no memory."""
        watch = self._watched.get(who)
        loud = level >= self._threshold
        if watch is None:
            if not loud:
                return None
            watch = self._watched[who] = _Watch(seen=now - 0.02, loud=0.0, loud_at=now)
        step = min(max(now - watch.seen, 0.0), _LONGEST_STEP)
        watch.seen = now
        if loud:
            watch.loud = min(watch.loud + step, self._attack)
            watch.loud_at = now
            if not watch.talking and watch.loud >= self._attack - 1e-9:
                watch.talking = True
                return Transition(who, talking=True)
            return None
        watch.loud = max(watch.loud - step / 2, 0.0)
        return self._quiet(who, watch, now)

    def expire(self, now: float) -> list[Transition[K]]:
        """Call it now and then: those who went quiet by sending nothing at all."""
        stopped = [self._quiet(who, watch, now) for who, watch in list(self._watched.items())]
        return [transition for transition in stopped if transition is not None]

    def forget(self, who: K) -> Transition[K] | None:
        """`who` left: their `stopped-talking`, if they talked."""
        watch = self._watched.pop(who, None)
        return Transition(who, talking=False) if watch is not None and watch.talking else None

    def _quiet(self, who: K, watch: _Watch, now: float) -> Transition[K] | None:
        if now - watch.loud_at < self._hold - 1e-9:
            return None
        del self._watched[who]
        return Transition(who, talking=False) if watch.talking else None
