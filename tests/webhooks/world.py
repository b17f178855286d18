"""Accounts whose webhooks are delivered, for tests."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emulator.clock import Clock
from emulator.events import Event
from emulator.faults import Catalogue, FaultBook
from emulator.rooms.account import Account
from emulator.rooms.participant import Participant
from emulator.rooms.room import Room, RoomSettings
from emulator.travelling_clock import TravellingClock
from emulator.webhooks.account_webhooks import AccountWebhooks
from emulator.webhooks.delivery import Delivery
from emulator.webhooks.faults import WEBHOOKS
from emulator.webhooks.service import Webhooks
from emulator.webhooks.settings import WebhookSettings
from emulator.webhooks.signing import WebhookSigner

START = datetime(2026, 9, 17, 20, 0, 0, 123456, tzinfo=UTC)
WAIT_SECS = 20.0
PATIENCE_SECS = 15.0
"""With a receiver's answer, unless a test is about that: a busy machine must not look like a receiver that hangs."""


def download_url(account: Account, kind: str, resource_id: str) -> str:
    return f"http://files.test/{kind}/{resource_id}"


class World:
    """One emulator's webhooks and one account of it; backoff is short unless `settings` say otherwise."""

    def __init__(self, *, clock: Clock | None = None, seed: int = 1, **settings: Any) -> None:
        self.signer = WebhookSigner(Ed25519PrivateKey.generate())
        self.faults = FaultBook(Catalogue([WEBHOOKS]))
        self.webhooks = Webhooks(
            self.signer,
            download_url=download_url,
            settings=WebhookSettings(**{"backoff_secs": 0.001, "default_timeout_secs": PATIENCE_SECS, **settings}),
            faults=self.faults,
        )
        self.clock = clock or TravellingClock()
        self.account = self.another(seed=seed)

    def another(self, *, seed: int = 1) -> Account:
        account = Account(str(uuid.uuid4()), clock=self.clock, rng=random.Random(seed))
        self.webhooks.watch(account)
        return account

    @property
    def mine(self) -> AccountWebhooks:
        return self.webhooks.of(self.account)

    @property
    def deliveries(self) -> list[Delivery]:
        return self.mine.log.select()

    @property
    def states(self) -> list[str]:
        return [delivery.state for delivery in self.deliveries]

    def room(self, url: str | None = None, failover: str | None = None, **settings: Any) -> Room:
        return self.account.create_room(
            RoomSettings(webhook_event_url=url, webhook_event_failover_url=failover, **settings)
        )

    def join(self, room: Room, *, context: str | None = "Alice", participant_id: str | None = None) -> Participant:
        return self.account.join(
            room.id, participant_id or self.account.new_id(), context=context, connection=self.account.new_connection()
        )

    def leave(self, participant: Participant) -> None:
        self.account.leave(participant.id, connection=participant.connection, reason="left")

    def fault(self, kind: str, **rule: Any) -> None:
        self.faults.of(self.account.id).add({"surface": "webhooks", "kind": kind, **rule})

    async def drained(self, account: Account | None = None) -> None:
        async with asyncio.timeout(WAIT_SECS):
            await self.webhooks.drained(account or self.account)


def tell(account: Account, *events: Event) -> None:
    """Append what other parts tell of; the records do not matter here."""
    with account.log.command():
        for event in events:
            account.log.append(event)
