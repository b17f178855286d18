"""Webhooks as a surface for faults (emulator/faults)."""

from __future__ import annotations

import random
from dataclasses import dataclass

from emulator.faults import Fault, Surface
from emulator.webhooks.envelope import EVENT_TYPES
from emulator.webhooks.sending import Sending


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFault(Fault):
    """What goes wrong with an attempt. Rules are asked before each one, the first included."""

    def bend(self, sending: Sending, rng: random.Random) -> None:
        """Change how the attempt is made; this one leaves it as it is."""


WEBHOOKS = Surface(
    "webhooks",
    WebhookFault,
    facts={
        "event_type": "such as video.room.participant.joined",
        "room_id": "the room's id; none for a composition without one",
        "url": "where this attempt goes",
        "attempt": "its number: 1, 2, 3, ...",
    },
    words={"event_type": EVENT_TYPES},
    modules=[
        f"emulator.webhooks.faults.{name}"
        for name in ("bad_signature", "delay", "drop", "duplicate", "reorder", "stale_timestamp")
    ],
)
