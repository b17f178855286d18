"""Webhook fault: an attempt never arrives."""

from __future__ import annotations

import random
from dataclasses import dataclass

from emulator.webhooks.faults.surface import WEBHOOKS, WebhookFault
from emulator.webhooks.sending import Sending


@WEBHOOKS.kind("drop")
@dataclass(frozen=True, slots=True, kw_only=True)
class DropFault(WebhookFault):
    """Lose the attempt on the way: it is not posted, but tried again. Without a count, the event is lost for good."""

    def bend(self, sending: Sending, rng: random.Random) -> None:
        sending.lost = True
