"""Webhook fault: an event arrives more than once."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Integer
from emulator.webhooks.faults.surface import WEBHOOKS, WebhookFault
from emulator.webhooks.sending import Sending


@WEBHOOKS.kind("duplicate")
@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateFault(WebhookFault):
    """Post the attempt several times, with the same body: receivers must tell by `data.id`."""

    copies: Annotated[int, Integer(2, 10, "how often it is posted in all; 2 if left out")] = 2

    def bend(self, sending: Sending, rng: random.Random) -> None:
        sending.copies = max(sending.copies, self.copies)
