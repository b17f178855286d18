"""The mixed audio of one session: the 20 ms beat of its mixer, and the listeners' RTP streams.

Mixing takes the loop under a millisecond when three talk, 3 to 5 ms when twenty do. A thread for it was measured to be
worse for all: the two fight for the interpreter's lock, so that both the ticks and the loop's packets come later, and
together they use a quarter more CPU.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from emulator.media.audio.activity import Talkers, TalkSettings
from emulator.media.audio.leg import Leg
from emulator.media.audio.mixer import Mixer
from emulator.media.audio.opus import FRAME
from emulator.media.audio.pacer import PERIOD, TickSchedule
from emulator.media.rtp.sender import RtpSender
from emulator.values import value_class

OnAudio = Callable[[bytes, int, int, int | None], object]
OnTalking = Callable[[int, bool], None]


DELAYS = (0.001, 0.002, 0.005, 0.01, PERIOD, 0.04, 0.06, 0.1)
"""Upper bounds in seconds of the classes in which delays are counted."""


@value_class(frozen=True, slots=True)
class MixStats:
    """Ticks since the mix began; `skipped` never ran.

    A tick's delay runs from its time until the last of its packets was sent, so it has the waiting, the mixing and the
    sending in it. `delays` counts ticks by the bounds of `DELAYS`, and in one more class those above all of them.
    """

    ticks: int
    skipped: int
    worst: float
    delays: tuple[int, ...]

    @property
    def late(self) -> int:
        """Ticks that were done more than 20 ms after their time."""
        return sum(self.delays[DELAYS.index(PERIOD) + 1 :])


class Mix:
    """Legs are named by the handle that owns them. `on_talking(leg, talking)` tells transitions, on the loop.

    What a beat sends is sent under `with together`: fifty system calls for fifty listeners cost as much as the mixing.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_talking: OnTalking,
        *,
        talk: TalkSettings | None = None,
        together: AbstractContextManager[object] | None = None,
    ) -> None:
        self._loop = loop
        self._on_talking = on_talking
        self._together = nullcontext() if together is None else together
        self._mixer: Mixer[int] = Mixer(talkers=Talkers.by(talk or TalkSettings()))
        self._legs: dict[int, Leg[int]] = {}
        self._senders: dict[int, RtpSender] = {}
        self._schedule: TickSchedule | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timestamp = 0
        self._ticks = 0
        self._skipped = 0
        self._worst = 0.0
        self._delays = [0] * (len(DELAYS) + 1)
        self._closed = False

    @property
    def stats(self) -> MixStats:
        return MixStats(self._ticks, self._skipped, self._worst, tuple(self._delays))

    def leg(self, leg_id: int) -> Leg[int] | None:
        return self._legs.get(leg_id)

    def add(self, leg_id: int, *, muted: bool) -> OnAudio:
        """A new leg; returns what takes its incoming audio (payload, extended sequence, timestamp, level)."""
        leg = self._legs[leg_id] = self._mixer.add_leg(leg_id)
        leg.set_muted(muted)
        return leg.receive

    def start(self, leg_id: int, sender: RtpSender | None) -> None:
        """The leg's connection is up: it is heard from now on, and hears if it has a sender."""
        leg = self._legs.get(leg_id)
        if leg is None:
            return
        if sender is not None:
            self._senders[leg_id] = sender
            leg.receiving = True
        if self._schedule is None:
            self._schedule = TickSchedule(self._loop.time())
            self._wait(self._schedule)

    def set_muted(self, leg_id: int, muted: bool) -> None:
        leg = self._legs.get(leg_id)
        if leg is not None:
            leg.set_muted(muted)

    def remove(self, leg_id: int) -> None:
        if self._legs.pop(leg_id, None) is not None:
            self._senders.pop(leg_id, None)
            self._mixer.remove_leg(leg_id)

    # -- the beat -------------------------------------------------------------------------------------------------

    def _wait(self, schedule: TickSchedule) -> None:
        self._timer = self._loop.call_at(schedule.next_at, self._beat)

    def _beat(self) -> None:
        self._timer = None
        schedule = self._schedule
        if self._closed or schedule is None:
            return
        if not self._legs:
            self._schedule = None  # nobody there: the beat begins anew with the next leg
            return
        due = schedule.due(self._loop.time())
        self._timestamp += due.skipped * FRAME
        self._skipped += due.skipped
        # Whatever goes wrong in one beat (the loop logs it), the next one comes.
        self._wait(schedule)
        first_at = schedule.next_at - due.ticks * PERIOD
        for number in range(due.ticks):
            self._tick()
            self._done(self._loop.time() - first_at - number * PERIOD)

    def _tick(self) -> None:
        frames = self._mixer.tick()
        with self._together:
            for frame in frames:
                for leg_id in frame.leg_ids:
                    sender = self._senders.get(leg_id)
                    if sender is not None:
                        sender.send_frame([frame.payload], self._timestamp, marker=False)
        self._timestamp += FRAME
        for transition in self._mixer.take_transitions():
            if transition.who in self._legs:
                self._on_talking(transition.who, transition.talking)

    def _done(self, delay: float) -> None:
        self._ticks += 1
        self._worst = max(self._worst, delay)
        self._delays[bisect_left(DELAYS, delay)] += 1

    def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
