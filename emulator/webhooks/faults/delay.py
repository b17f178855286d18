"""Webhook fault: an event arrives late."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Delay, Duration
from emulator.webhooks.faults.surface import WEBHOOKS, WebhookFault
from emulator.webhooks.sending import Sending


@WEBHOOKS.kind("delay")
@dataclass(frozen=True, slots=True, kw_only=True)
class DelayFault(WebhookFault):
    """Wait before the attempt, by the account's clock; later events of the room wait behind a first attempt."""

    secs: Annotated[Delay, Duration("how long")]

    def bend(self, sending: Sending, rng: random.Random) -> None:
        sending.delay_secs += self.secs.draw(rng)
