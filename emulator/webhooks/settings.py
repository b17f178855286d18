"""How webhooks are delivered, as far as it can be set."""

from __future__ import annotations

import math
from typing import Literal

from emulator.values import value_class


class WebhookSettingsError(Exception):
    """A setting is wrong; the text names it, what was expected and what came."""


@value_class(frozen=True, slots=True)
class WebhookSettings:
    """The defaults are those of rest-and-webhooks.md, section 5, "Delivery".

    attempts               for each URL: so many on the primary, then so many on the failover
    backoff_secs           wait before the second attempt on a URL; it doubles from there (the account's clock)
    default_timeout_secs   how long an answer may take when the room sets no timeout, or 0 (real time)
    queue_limit            deliveries of one room (or composition) that are not over yet; what comes on top is dropped
    log_limit              deliveries that one account remembers, each with its attempts
    allow_remote           also post to what is not this machine
    timestamps             `telnyx-timestamp` in real time, as official verifiers expect, or the account's
    settle_secs            how long the end of a session waits for its recordings (the account's clock): the natural
                           order has recording.completed before session.ended
    """

    attempts: int = 3
    backoff_secs: float = 0.5
    default_timeout_secs: float = 2.0
    queue_limit: int = 1000
    log_limit: int = 1000
    allow_remote: bool = False
    timestamps: Literal["real", "account"] = "real"
    settle_secs: float = 5.0

    def __post_init__(self) -> None:
        for name, count in (
            ("attempts", self.attempts),
            ("queue_limit", self.queue_limit),
            ("log_limit", self.log_limit),
        ):
            if count < 1:
                raise WebhookSettingsError(f"{name}: expected at least 1, got {count}")
        for name, seconds in (("backoff_secs", self.backoff_secs), ("settle_secs", self.settle_secs)):
            if not (seconds >= 0 and math.isfinite(seconds)):
                raise WebhookSettingsError(f"{name}: expected zero or more seconds, got {seconds}")
        if not (self.default_timeout_secs > 0 and math.isfinite(self.default_timeout_secs)):
            raise WebhookSettingsError(
                f"default_timeout_secs: expected more than zero seconds, got {self.default_timeout_secs}"
            )
        if self.timestamps not in ("real", "account"):
            raise WebhookSettingsError(f"timestamps: expected real or account, got {self.timestamps!r}")
