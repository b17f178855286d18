"""Webhook fault: a timestamp that verifiers find too old."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Annotated

from emulator.faults import Integer
from emulator.webhooks.faults.surface import WEBHOOKS, WebhookFault
from emulator.webhooks.sending import Sending
from emulator.webhooks.signing import TOLERANCE_SECS


@WEBHOOKS.kind("stale_timestamp")
@dataclass(frozen=True, slots=True, kw_only=True)
class StaleTimestampFault(WebhookFault):
    """Sign an old time, as in a replayed webhook; the signature itself is right. Negative: a time to come."""

    age_secs: Annotated[
        int,
        Integer(-31_536_000, 31_536_000, f"how old; if left out, twice what verifiers accept ({TOLERANCE_SECS} s)"),
    ] = 2 * TOLERANCE_SECS

    def bend(self, sending: Sending, rng: random.Random) -> None:
        sending.timestamp_shift_secs -= self.age_secs
