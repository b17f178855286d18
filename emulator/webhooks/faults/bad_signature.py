"""Webhook fault: a signature that no verifier accepts."""

from __future__ import annotations

import random
from dataclasses import dataclass

from emulator.webhooks.faults.surface import WEBHOOKS, WebhookFault
from emulator.webhooks.sending import Sending


@WEBHOOKS.kind("bad_signature")
@dataclass(frozen=True, slots=True, kw_only=True)
class BadSignatureFault(WebhookFault):
    """Sign with another key: well-formed headers that do not verify, as from a forger."""

    def bend(self, sending: Sending, rng: random.Random) -> None:
        sending.signature_spoilt = True
