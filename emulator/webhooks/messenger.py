"""Makes one attempt: bent by faults, signed, posted, written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum, auto

from emulator.clock import iso_microseconds
from emulator.faults import FaultBook
from emulator.rooms.account import Account
from emulator.webhooks.delivery import Attempt, Delivery
from emulator.webhooks.faults import WEBHOOKS
from emulator.webhooks.poster import Outcome, Poster
from emulator.webhooks.sending import Sending
from emulator.webhooks.settings import WebhookSettings
from emulator.webhooks.signing import WebhookSigner
from emulator.webhooks.target import Step
from emulator.wirelog import WireLogs


class Verdict(Enum):
    DELIVERED = auto()
    FAILED = auto()
    """To be tried again."""
    REFUSED = auto()
    """Not to be tried again on this URL."""


class Messenger:
    """`decoy` signs where a fault wants a wrong signature; `wall` is the real time. Each attempt is noted in
    `wire`.
    """

    def __init__(
        self,
        poster: Poster,
        *,
        signer: WebhookSigner,
        decoy: WebhookSigner,
        settings: WebhookSettings,
        faults: FaultBook | None,
        wall: Callable[[], datetime],
        wire: WireLogs | None = None,
    ) -> None:
        self._poster = poster
        self._signer = signer
        self._decoy = decoy
        self._settings = settings
        self._faults = faults
        self._wall = wall
        self._wire = wire

    def prepare(self, account: Account, delivery: Delivery, step: Step) -> Sending:
        """What goes wrong with the next attempt is drawn once."""
        sending = Sending()
        if self._faults is None or not self._faults.active(account.id, WEBHOOKS):
            return sending
        facts = {
            "event_type": delivery.event_type,
            "room_id": delivery.room_id,
            "url": step.url,
            "attempt": str(delivery.attempt_count + 1),
        }
        for fired in self._faults.draw(account.id, WEBHOOKS, facts):
            fired.fault.bend(sending, fired.rng)
            sending.faults.append(fired.rule_id)
        return sending

    async def attempt(self, account: Account, delivery: Delivery, step: Step, sending: Sending) -> Verdict:
        """Post it, and add to the delivery what came of it."""
        if sending.delay_secs:
            await account.clock.sleep(sending.delay_secs)
        number = delivery.next_attempt()
        started_at = iso_microseconds(account.now())
        body = delivery.envelope.body(attempt=number, delivered_to=step.url)

        def note(outcome: Outcome) -> None:
            attempt = Attempt(
                number,
                step.url,
                started_at,
                outcome.duration_ms,
                outcome.status,
                outcome.error,
                outcome.answer,
                tuple(sending.faults),
            )
            delivery.attempts.append(attempt)
            self._tell(account, delivery, attempt, body)

        if sending.lost:
            note(Outcome(0.0, error="lost on the way (a fault)"))
            return Verdict.FAILED
        timeout = delivery.target.timeout(self._settings)
        verdict = Verdict.FAILED
        for _ in range(sending.copies):
            with account.clock.busy(timeout):  # `advance` waits for the answer, no longer than this attempt does
                outcome = await self._poster.post(step.url, body, self._sign(account, body, sending), timeout=timeout)
            note(outcome)
            if outcome.refused:
                return Verdict.REFUSED
            if outcome.success:
                verdict = Verdict.DELIVERED
        return verdict

    def _sign(self, account: Account, body: bytes, sending: Sending) -> dict[str, str]:
        """Anew for each attempt, by the time of that attempt (R-107)."""
        now = self._wall() if self._settings.timestamps == "real" else account.now()
        signer = self._decoy if sending.signature_spoilt else self._signer
        return signer.headers(body, int(now.timestamp()) + sending.timestamp_shift_secs)

    def _tell(self, account: Account, delivery: Delivery, attempt: Attempt, body: bytes) -> None:
        if self._wire is not None:
            self._wire.of(account).webhook(
                webhook_id=delivery.id,
                event_type=delivery.event_type,
                room_id=delivery.room_id,
                url=attempt.url,
                attempt=attempt.number,
                status=attempt.status,
                error=attempt.error,
                duration_ms=attempt.duration_ms,
                body=body,
                answer=attempt.answer,
                faults=attempt.faults,
            )
