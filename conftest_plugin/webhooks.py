"""A receiver of the test's webhooks that checks their signatures, and how a test waits for one."""

from __future__ import annotations

import asyncio
import difflib
import fnmatch
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from conftest_plugin.errors import WrongArgument
from conftest_plugin.facade import Facade, awaitable, blocking
from emulator.clients.admin_client import AdminClient, Webhook, WebhookDelivery
from emulator.webhooks.envelope import EVENT_TYPES

COMMON = "video.room."
SHOWN = 12
"""How many of those that came a failed wait lists."""

Where = Mapping[str, Any] | Callable[[Webhook], bool] | None
"""Fields of the payload (`context.username` goes into JSON texts), each a value, a glob, or something with that id.

As in scenarios, what stands beside the payload goes, too, and both in full: `event_type`, `payload.context.username`,
`data.payload.context.username`.
"""


class WebhookInbox:
    """A sink of the emulator's, of this test alone."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self.name = f"test-{secrets.token_hex(8)}"
        self.url = admin.sink_url(self.name)

    async def received(self, event_type: str | None = None) -> list[Webhook]:
        """What has come, oldest first; the last 200. `event_type` as for `wait_for`. Raises WrongArgument."""
        if event_type is not None:
            _check(event_type)
        found = await self._admin.received(self.name)
        return [webhook for webhook in found if event_type is None or _is_of(event_type, webhook.event_type)]

    async def wait_for(
        self, event_type: str, where: Where = None, *, timeout: float = 10.0, after: int = 0, signed: bool = True
    ) -> Webhook:
        """The first such webhook, past ones included. Raises AssertionError that lists what came instead, and at once
        WrongArgument for a type of which none will ever come.

        `event_type` in full, or its end: `participant.joined`. `after`: only those with a higher `number`. A webhook
        whose signature the official verifiers refuse fails the wait, unless `signed` is False.
        """
        __tracebackhide__ = True
        _check(event_type)
        loop = asyncio.get_running_loop()
        began, seen = loop.time(), after
        came: list[Webhook] = []
        while True:
            left = timeout - (loop.time() - began)
            for webhook in await self._admin.received(self.name, after=seen, wait=max(0.0, left)):
                seen = webhook.number
                came.append(webhook)
                if _is_of(event_type, webhook.event_type) and _fits(webhook, where):
                    if signed and webhook.problem is not None:
                        raise AssertionError(f"{webhook.event_type} came with a bad signature: {webhook.problem}")
                    return webhook
            if left <= 0:
                raise AssertionError(_missing(event_type, where, timeout, came))

    async def answer(self, status: int = 200, *, delay: float = 0.0) -> None:
        """What it answers from now on, after so many seconds; anything but 2xx makes the emulator try again."""
        await self._admin.answer_with(self.name, status=status, delay_ms=round(delay * 1000))

    async def deliveries(self) -> list[WebhookDelivery]:
        """All attempts at the account's webhooks, also those to the app's own receiver."""
        return await self._admin.deliveries()

    async def close(self) -> None:
        await self._admin.drop_sink(self.name)


class _Addressed(Facade[WebhookInbox]):
    called = "webhooks"

    @property
    def url(self) -> str:
        """For `webhook_event_url`; rooms that are made through the fixtures have it already."""
        return self._core.url


class Webhooks(_Addressed):
    received = blocking(WebhookInbox.received)
    wait_for = blocking(WebhookInbox.wait_for)
    answer = blocking(WebhookInbox.answer)
    deliveries = blocking(WebhookInbox.deliveries)


class AsyncWebhooks(_Addressed):
    received = awaitable(WebhookInbox.received)
    wait_for = awaitable(WebhookInbox.wait_for)
    answer = awaitable(WebhookInbox.answer)
    deliveries = awaitable(WebhookInbox.deliveries)


def _is_of(event_type: str, came: str) -> bool:
    return came == event_type or came.endswith(f".{event_type}")


def _check(event_type: str) -> None:
    """Raises WrongArgument for what is no type of event, nor the end of one."""
    if isinstance(event_type, str) and any(_is_of(event_type, known) for known in EVENT_TYPES):
        return
    short = [known.removeprefix(COMMON) for known in EVENT_TYPES]
    asked = event_type.removeprefix(COMMON) if isinstance(event_type, str) else ""
    near = difflib.get_close_matches(asked, short, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else "."
    raise WrongArgument(f"no webhook is a {event_type!r:.80}{meant} There are {', '.join(short)}, all {COMMON}...")


def _fits(webhook: Webhook, where: Where) -> bool:
    if where is None:
        return True
    if not isinstance(where, Mapping):
        return where(webhook)
    facts = _facts(webhook)
    return all(_equals(_found(facts, path), wanted) for path, wanted in where.items())


def _facts(webhook: Webhook) -> Mapping[str, Any]:
    data = {"payload": webhook.payload, "event_type": webhook.event_type, "id": webhook.id}
    return {**webhook.payload, **data, "data": data}


def _found(facts: Mapping[str, Any], path: str) -> Any:
    """The value at `a.b`; where a step meets a text, that is read as JSON: `context` is one."""
    value: Any = facts
    for name in path.split("."):
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                return None
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _equals(value: Any, wanted: Any) -> bool:
    wanted = _id_of(wanted)
    if isinstance(wanted, str) and isinstance(value, str):
        return value == wanted or fnmatch.fnmatchcase(value, wanted)
    return bool(value == wanted)


def _id_of(wanted: Any) -> Any:
    """Participants and rooms stand for their ids."""
    for name in ("participant_id", "id"):
        found = getattr(wanted, name, None)
        if isinstance(found, str):
            return found
    return wanted


def _missing(event_type: str, where: Where, timeout: float, came: Sequence[Webhook]) -> str:
    wanted = f"the webhook {event_type}"
    if isinstance(where, Mapping):
        wanted += " where " + " and ".join(f"{name} is {_id_of(value)!r}" for name, value in where.items())
    elif where is not None:
        wanted += " for which the given condition holds"
    head = f"expected {wanted} within {timeout:g} s"
    if not came:
        return f"{head}; no webhook came at all (does the room have this receiver as its webhook_event_url?)"
    lines = [f"  {webhook.received_at:%H:%M:%S.%f}  {webhook.event_type}  {dict(webhook.payload)}" for webhook in came]
    return "\n".join([f"{head}{_closest(event_type, where, came)}; what came:", *lines[-SHOWN:]])


def _closest(event_type: str, where: Where, came: Sequence[Webhook]) -> str:
    """Of the right type, the one with the fewest fields that differ, the latest of those."""
    of_type = [webhook for webhook in came if _is_of(event_type, webhook.event_type)]
    if not of_type or not isinstance(where, Mapping):
        return ""
    nearest = min((_differences(one, where) for one in reversed(of_type)), key=len)
    return f"; closest: {', '.join(nearest)}"


def _differences(webhook: Webhook, where: Mapping[str, Any]) -> list[str]:
    facts = _facts(webhook)
    return [f"{path} is {_found(facts, path)!r}" for path in where if not _fits(webhook, {path: where[path]})]
