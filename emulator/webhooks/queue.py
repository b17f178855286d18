"""The deliveries of one room, or of one composition.

Their order is that of first attempts: the next event's comes when the one before has its answer, or its timeout. A
retry does not hold later events back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from emulator.clock import Timer
from emulator.rooms.account import Account
from emulator.webhooks.delivery import Delivery, State
from emulator.webhooks.messenger import Messenger, Verdict
from emulator.webhooks.sending import Sending
from emulator.webhooks.settings import WebhookSettings
from emulator.webhooks.target import Schedule, Step

log = logging.getLogger("emulator.webhooks")

RETRIES_AT_ONCE = 4
"""Of one queue: a receiver that answers nobody must not use up the process's connections."""


@dataclass(slots=True, eq=False)
class _Run:
    """A delivery going through its schedule."""

    delivery: Delivery
    schedule: Schedule
    step: Step
    sending: Sending | None = None
    refusals: int = 0


@dataclass(slots=True, eq=False)
class _SetBack:
    """Waits until others have overtaken it (the fault "reorder")."""

    run: _Run
    places: int
    timer: Timer


Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Runs it as a task that ends when the account's webhooks do."""


class DeliveryQueue:
    """`on_over` hears of each delivery that has come to its end, `on_idle` of the last."""

    def __init__(
        self,
        account: Account,
        *,
        messenger: Messenger,
        settings: WebhookSettings,
        spawn: Spawn,
        on_over: Callable[[Delivery], None],
        on_idle: Callable[[], None],
    ) -> None:
        self._account = account
        self._messenger = messenger
        self._settings = settings
        self._spawn = spawn
        self._on_over = on_over
        self._on_idle = on_idle
        self._waiting: deque[_Run] = deque()
        self._set_back: list[_SetBack] = []
        self._open = 0
        """Deliveries that are not over: those that wait, and those that are tried."""
        self._working = False
        self._retry_slots = asyncio.Semaphore(RETRIES_AT_ONCE)

    @property
    def full(self) -> bool:
        return self._open >= self._settings.queue_limit

    def put(self, delivery: Delivery) -> None:
        """Behind all others."""
        schedule = Schedule(delivery.target, self._settings)
        step = schedule.next()
        if step is None:
            raise RuntimeError("a schedule begins with an attempt on the primary")
        self._open += 1
        self._waiting.append(_Run(delivery, schedule, step))
        self._work()

    def close(self) -> None:
        """Its tasks are cancelled by who has spawned them."""
        for set_back in self._set_back:
            set_back.timer.cancel()
        self._set_back.clear()
        self._waiting.clear()

    # -- first attempts -------------------------------------------------------------------------------------------

    def _work(self) -> None:
        if not self._working:
            self._working = True
            self._spawn(self._first_attempts())

    async def _first_attempts(self) -> None:
        try:
            while self._waiting:
                run = self._waiting.popleft()
                if run.sending is None:
                    run.sending = self._messenger.prepare(self._account, run.delivery, run.step)
                    if run.sending.places_back:
                        self._hold_back(run, run.sending)
                        continue
                if not await self._attempt(run, run.sending):
                    self._spawn(self._retries(run))
                self._count_overtaking()
        finally:
            self._working = False

    def _hold_back(self, run: _Run, sending: Sending) -> None:
        until = self._account.now() + timedelta(seconds=sending.places_back_secs)
        timer = self._account.clock.call_at(until, lambda: self._enough(set_back))
        set_back = _SetBack(run, sending.places_back, timer)
        self._set_back.append(set_back)

    def _enough(self, set_back: _SetBack) -> None:
        """It has waited long enough: it is next."""
        set_back.timer.cancel()
        if set_back in self._set_back:
            self._set_back.remove(set_back)
            self._waiting.appendleft(set_back.run)
            self._work()

    def _count_overtaking(self) -> None:
        for set_back in tuple(self._set_back):
            set_back.places -= 1
            if set_back.places <= 0:
                self._enough(set_back)

    # -- further attempts -----------------------------------------------------------------------------------------

    async def _retries(self, run: _Run) -> None:
        while True:
            if run.step.wait_secs:
                await self._account.clock.sleep(run.step.wait_secs)
            async with self._retry_slots:
                sending = self._messenger.prepare(self._account, run.delivery, run.step)
                over = await self._attempt(run, sending)
            if over:
                return

    async def _attempt(self, run: _Run, sending: Sending) -> bool:
        """Whether the delivery is over with that; if not, `run.step` is the next one."""
        try:
            verdict = await self._messenger.attempt(self._account, run.delivery, run.step, sending)
        except Exception:
            # Isolation: the other webhooks must still go out. The suite fails on this log line.
            log.exception("an attempt to deliver the webhook %s failed", run.delivery.id)
            self._end(run, "failed", "an error of the emulator's own; its log has it")
            return True
        if verdict is Verdict.DELIVERED:
            self._end(run, "delivered", None)
            return True
        if verdict is Verdict.REFUSED:
            run.refusals += 1
            run.schedule.leave_url()
        step = run.schedule.next()
        if step is None:
            last = run.delivery.attempts[-1]
            why = last.error or f"the last answer was {last.status}"
            self._end(run, "refused" if run.refusals == len(run.delivery.target.urls) else "failed", why)
            return True
        run.step = step
        return False

    def _end(self, run: _Run, state: State, reason: str | None) -> None:
        run.delivery.state, run.delivery.reason = state, reason
        self._open -= 1
        self._on_over(run.delivery)
        if not self._open:
            self._on_idle()
