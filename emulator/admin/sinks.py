"""Receivers of webhooks for people who have none: what came is kept, with what a verifier would say of it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from emulator.clock import iso_microseconds
from emulator.values import value_class
from emulator.webhooks.signing import BadSignature, WebhookVerifier

MAX_SINKS = 100
MAX_KEPT = 200
"""Of one sink: the newest so many."""
DEFAULT_STATUS = 200

_SHOWN_HEADERS = ("content-type", "user-agent", "telnyx-signature-ed25519", "telnyx-timestamp")


class TooManySinks(Exception):
    def __init__(self) -> None:
        super().__init__(f"There are {MAX_SINKS} sinks already; DELETE one first.")


@value_class(frozen=True, slots=True)
class Received:
    """`number` counts what has come to this sink: 1, 2, 3, ...; `problem` is why the signature is not good."""

    number: int
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes
    problem: str | None
    status: int

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "number": self.number,
            "received_at": iso_microseconds(self.received_at),
            "status": self.status,
            "signature": {"valid": self.problem is None},
            "headers": dict(self.headers),
            "body": self.body.decode("utf-8", "replace"),
        }
        if self.problem is not None:
            told["signature"]["problem"] = self.problem
        with suppress(ValueError, RecursionError):  # no JSON: the body shows what it is
            told["json"] = json.loads(self.body)
        return told


class Sink:
    """One name's receiver: answers with `status` after `delay_ms` of real time."""

    def __init__(self) -> None:
        self.status = DEFAULT_STATUS
        self.delay_ms = 0
        self._received: deque[Received] = deque(maxlen=MAX_KEPT)
        self.last_number = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def add(self, headers: Mapping[str, str], body: bytes, verifier: WebhookVerifier, now: datetime) -> Received:
        """Keep what came. The answer's status is what is set now."""
        try:
            verifier.verify(body, headers, now=now.timestamp())
            problem = None
        except BadSignature as error:
            problem = str(error)
        self.last_number += 1
        shown = {name: headers[name] for name in _SHOWN_HEADERS if name in headers}
        received = Received(self.last_number, now, shown, body, problem, self.status)
        self._received.append(received)
        self.wake()
        return received

    def since(self, number: int) -> list[Received]:
        return [received for received in self._received if received.number > number]

    async def wait(self, number: int, seconds: float) -> None:
        """Until something with a higher number has come, or so many real seconds are over."""
        if self.last_number > number:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError:
            return  # nothing has come, which the answer says
        finally:
            self._waiters.discard(waiter)

    def wake(self) -> None:
        """Nobody waits any longer."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


class Sinks:
    """All sinks of one emulator, by name; they belong to no account."""

    def __init__(self) -> None:
        self._by_name: dict[str, Sink] = {}

    def get(self, name: str) -> Sink | None:
        return self._by_name.get(name)

    def of(self, name: str) -> Sink:
        """Made on first use. Raises TooManySinks."""
        sink = self._by_name.get(name)
        if sink is None:
            if len(self._by_name) >= MAX_SINKS:
                raise TooManySinks
            sink = self._by_name[name] = Sink()
        return sink

    def remove(self, name: str) -> None:
        """What it has, and how it answers. Without effect if there is none."""
        sink = self._by_name.pop(name, None)
        if sink is not None:
            sink.wake()

    def close(self) -> None:
        """The emulator stops: whoever waits gets an answer."""
        for sink in self._by_name.values():
            sink.wake()
