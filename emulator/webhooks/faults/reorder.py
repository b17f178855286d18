"""Webhook fault: an event arrives after later ones."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Integer, Number
from emulator.webhooks.faults.surface import WEBHOOKS, WebhookFault
from emulator.webhooks.sending import Sending


@WEBHOOKS.kind("reorder")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReorderFault(WebhookFault):
    """Let later events of the same room go first. Only first attempts have an order that can be changed."""

    places: Annotated[int, Integer(1, 100, "how many go first; 1 if left out")] = 1
    within_secs: Annotated[float, Number(0, 3600, "wait no longer for them, by the account's clock; 2 if left out")] = (
        2.0
    )

    def bend(self, sending: Sending, rng: random.Random) -> None:
        sending.places_back = max(sending.places_back, self.places)
        sending.places_back_secs = max(sending.places_back_secs, self.within_secs)
