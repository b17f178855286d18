"""One account's webhooks: its events become deliveries, each room's in a queue of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from emulator.clock import Timer, iso_microseconds
from emulator.events import Record
from emulator.rooms import happenings as h
from emulator.rooms.account import Account
from emulator.webhooks.delivery import Delivery
from emulator.webhooks.delivery_log import DeliveryLog
from emulator.webhooks.envelope import Envelope
from emulator.webhooks.messenger import Messenger
from emulator.webhooks.narrator import DownloadUrl, Narrator
from emulator.webhooks.occurrence import Occurrence, Subject
from emulator.webhooks.order import NaturalOrder
from emulator.webhooks.queue import DeliveryQueue
from emulator.webhooks.settings import WebhookSettings

log = logging.getLogger("emulator.webhooks")

MAX_WARNED_OF = 100
"""URLs that one account is warned of; the delivery log has them all."""


class StillPending(Exception):
    """A delivery that is under way can not be asked for again."""

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"The webhook {delivery_id!r} is still being delivered; ask again once that is over.")


class AccountWebhooks:
    """Follows the account's log from now on. `log` remembers what became of each event."""

    def __init__(
        self, account: Account, *, messenger: Messenger, settings: WebhookSettings, download_url: DownloadUrl
    ) -> None:
        self.account = account
        self.log = DeliveryLog(settings.log_limit)
        self._messenger = messenger
        self._settings = settings
        self._narrator = Narrator(account, download_url)
        self._order: NaturalOrder[Occurrence] = NaturalOrder(self._narrator.being_recorded)
        self._settling: dict[str, Timer] = {}
        self._queues: dict[Subject, DeliveryQueue] = {}
        self._pending = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._drained: set[asyncio.Future[None]] = set()
        self._overflowing: set[Subject] = set()
        self._warned_of: set[str] = set()
        self._unsubscribe = account.log.subscribe(self._on_record)

    # -- what is asked of it --------------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Deliveries that are not over, and ends of sessions that wait for their recordings."""
        return self._pending + len(self._order)

    async def drained(self) -> None:
        """Until nothing is pending. On a clock that stands still, retries come when that is advanced."""
        while self.pending:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._drained.add(waiter)
            try:
                await waiter
            finally:
                self._drained.discard(waiter)

    def redeliver(self, delivery_id: str) -> Delivery:
        """Once more through all its steps, with the same `data`. Raises UnknownDelivery, StillPending."""
        delivery = self.log.get(delivery_id)
        if delivery.state == "pending":
            raise StillPending(delivery_id)
        delivery.state, delivery.reason = "pending", None
        self._enqueue(delivery)
        return delivery

    def close(self) -> set[asyncio.Task[None]]:
        """Nothing more is posted. Returns the tasks that are on their way to their end."""
        self._unsubscribe()
        return self._abandon()

    # -- events ---------------------------------------------------------------------------------------------------

    def _on_record(self, record: Record) -> None:
        if isinstance(record.event, h.StateLoaded):
            self._abandon()
            self.log.clear()
        occurrence = self._narrator.tell(record)
        if occurrence is not None and occurrence.target is None:
            occurrence = None
        if occurrence is None and not self._order and not self._settling:
            return  # nothing to tell, and nothing waits
        for ready in self._order.put(record.event, occurrence):
            self._send(ready)
        for session_id in [waiting for waiting in self._settling if not self._order.holds(waiting)]:
            self._settling.pop(session_id).cancel()
        if isinstance(record.event, h.SessionEnded) and self._order.holds(record.event.session_id):
            self._wait_for_recordings(record.event.session_id)

    def _wait_for_recordings(self, session_id: str) -> None:
        until = self.account.now() + timedelta(seconds=self._settings.settle_secs)
        self._settling[session_id] = self.account.clock.call_at(until, lambda: self._settled(session_id))

    def _settled(self, session_id: str) -> None:
        """They took too long."""
        self._settling.pop(session_id, None)
        held = self._order.release(session_id)
        if held is not None:
            self._send(held)

    def _send(self, occurrence: Occurrence) -> None:
        if occurrence.target is None:
            return
        event_id = self.account.new_webhook_id()
        occurred_at = iso_microseconds(occurrence.occurred_at)
        delivery = Delivery(
            event_id,
            occurrence.event_type,
            occurred_at,
            occurrence.subject,
            occurrence.room_id,
            occurrence.target,
            Envelope(
                event_type=occurrence.event_type,
                event_id=event_id,
                occurred_at=occurred_at,
                payload=occurrence.payload,
            ),
        )
        self.log.add(delivery)
        self._enqueue(delivery)

    # -- queues ---------------------------------------------------------------------------------------------------

    def _enqueue(self, delivery: Delivery) -> None:
        subject = delivery.subject
        queue = self._queues.get(subject)
        if queue is None:
            queue = self._queues[subject] = DeliveryQueue(
                self.account,
                messenger=self._messenger,
                settings=self._settings,
                spawn=self._spawn,
                on_over=self._on_over,
                on_idle=lambda: self._on_idle(subject),
            )
        if queue.full:
            self._drop(delivery)
            return
        self._pending += 1
        queue.put(delivery)

    def _drop(self, delivery: Delivery) -> None:
        delivery.state = "dropped"
        delivery.reason = f"{self._settings.queue_limit} webhooks of this {delivery.subject.kind} were waiting already"
        self.log.dropped += 1
        if delivery.subject not in self._overflowing:
            self._overflowing.add(delivery.subject)
            log.warning("%s %s: webhooks are dropped, %s", *delivery.subject, delivery.reason)
        self._tell_drained()

    def _on_over(self, delivery: Delivery) -> None:
        self._pending -= 1
        if delivery.state == "refused" and delivery.target.url not in self._warned_of:
            if len(self._warned_of) < MAX_WARNED_OF:
                self._warned_of.add(delivery.target.url)
                log.warning("webhooks to %s are not sent: %s", delivery.target.url, delivery.reason)
        elif delivery.state == "failed":
            log.info("%s %s was not delivered: %s", delivery.event_type, delivery.id, delivery.reason)
        self._tell_drained()

    def _on_idle(self, subject: Subject) -> None:
        self._overflowing.discard(subject)
        del self._queues[subject]

    def _tell_drained(self) -> None:
        if not self.pending:
            for waiter in self._drained:
                if not waiter.done():
                    waiter.set_result(None)

    # -- tasks ----------------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_over)

    def _on_task_over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # A fault of ours: it must not pass unseen, and the other queues go on.
            log.error("delivering webhooks failed", exc_info=task.exception())

    def _abandon(self) -> set[asyncio.Task[None]]:
        ending = set(self._tasks)
        for task in ending:
            task.cancel()
        for queue in self._queues.values():
            queue.close()
        self._queues.clear()
        for timer in self._settling.values():
            timer.cancel()
        self._settling.clear()
        self._overflowing.clear()
        self._order.clear()
        self._pending = 0
        self._tell_drained()
        return ending
