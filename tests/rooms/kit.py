"""Accounts with a clock in hand, for tests of the domain."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from emulator.events import Event
from emulator.rooms.account import Account
from emulator.rooms.participant import Participant
from emulator.rooms.room import Room, RoomSettings
from emulator.travelling_clock import TravellingClock

ACCOUNT_ID = "a0000000-0000-4000-8000-00000000000a"
START = datetime(2026, 9, 17, 20, 0, 0, 123456, tzinfo=UTC)


def make_account(*, seed: int = 1) -> tuple[Account, TravellingClock]:
    """A frozen clock: equal times unless the test moves it."""
    clock = TravellingClock(frozen_at=START)
    return Account(ACCOUNT_ID, clock=clock, rng=random.Random(seed)), clock


def make_room(account: Account, **settings: Any) -> Room:
    return account.create_room(RoomSettings(**settings))


def join(account: Account, room: Room, participant_id: str | None = None, *, connection: str = "c1") -> Participant:
    return account.join(room.id, participant_id or account.new_id(), context=None, connection=connection)


def told(account: Account, after: int = 0) -> list[str]:
    """Types of the events after number `after`."""
    return [record.event.type for record in account.log.since(after)]


def events(account: Account, after: int = 0) -> list[Event]:
    return [record.event for record in account.log.since(after)]
