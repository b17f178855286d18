"""`/_emulator/sink/{name}`: a webhook URL that works at once, and shows what came.

Where the admin API asks for its token, that stands in the webhook URL: `.../sink/mine?token=...`.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from emulator.admin.bodies import closed_schema, known_only
from emulator.admin.operation import (
    ANYTHING,
    Answer,
    Operation,
    Parameter,
    Schema,
    data_schema,
    json_answer,
    list_schema,
    object_schema,
)
from emulator.admin.sinks import MAX_SINKS, Sink, Sinks, TooManySinks
from emulator.api.errors import ApiError, BadBody, BadQuery, BodyTooLarge
from emulator.api.validation import read_body
from emulator.clock import RealClock
from emulator.webhooks.signing import WebhookVerifier
from emulator.wire import rest

PATH = "/_emulator/sink/{name}"
MAX_BODY_BYTES = 64 * 1024
MAX_WAIT_SECS = 60.0
MAX_DELAY_MS = 60_000

_NAME = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,15}", re.ASCII)
_STATUS: Schema = {"type": "integer", "minimum": 200, "maximum": 599}
_DELAY: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_DELAY_MS}
_CHANGE = closed_schema({"status": _STATUS, "delay_ms": _DELAY})
_SETTINGS = object_schema({"status": _STATUS, "delay_ms": _DELAY}, required=["status", "delay_ms"])
_RECEIVED = object_schema(
    {
        "number": {"type": "integer", "minimum": 1},
        "received_at": {"type": "string", "format": "date-time", "description": "Real time."},
        "status": {**_STATUS, "description": "What was answered."},
        "signature": object_schema({"valid": {"type": "boolean"}, "problem": {"type": "string"}}, required=["valid"]),
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "body": {"type": "string"},
        "json": {"description": "The body, when it is JSON."},
    },
    required=["number", "received_at", "status", "signature", "headers", "body"],
)
_LIST = object_schema(
    {
        "data": list_schema(_RECEIVED),
        "meta": object_schema(
            {"last_number": {"type": "integer", "minimum": 0}, "status": _STATUS, "delay_ms": _DELAY},
            required=["last_number", "status", "delay_ms"],
        ),
    },
    required=["data", "meta"],
)


class SinkRoutes:
    """`wall` is the real time; None: the machine's."""

    def __init__(self, sinks: Sinks, verifier: WebhookVerifier, *, wall: Callable[[], datetime] | None = None) -> None:
        self._sinks = sinks
        self._verifier = verifier
        self._wall = wall or RealClock().now

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                "POST",
                PATH,
                "Receive a webhook.",
                self.receive,
                body=ANYTHING,
                body_required=False,
                answers=(Answer(description="As the sink was told to answer."),),
                errors={413: f"The body is longer than {MAX_BODY_BYTES} bytes."},
                account=False,
            ),
            Operation(
                "GET",
                PATH,
                "What has come, oldest first.",
                self.list_all,
                parameters=(
                    Parameter("after", "Only what has a higher number.", {"type": "integer", "minimum": 0}),
                    Parameter(
                        "wait",
                        "Wait for so many seconds at most until there is such a one.",
                        {"type": "number", "minimum": 0, "maximum": MAX_WAIT_SECS},
                    ),
                ),
                answers=(json_answer(_LIST),),
                account=False,
            ),
            Operation(
                "PUT",
                PATH,
                "Answer otherwise from now on.",
                self.change,
                body=_CHANGE,
                answers=(json_answer(data_schema(_SETTINGS)),),
                account=False,
            ),
            Operation(
                "DELETE",
                PATH,
                "Forget what has come, and how to answer.",
                self.remove,
                answers=(Answer(204, "It is as new."),),
                account=False,
            ),
        )

    async def receive(self, request: web.Request) -> web.Response:
        sink = self._sink(request)
        body = await _read(request)
        received = sink.add(request.headers, body, self._verifier, self._wall())
        if sink.delay_ms:
            await asyncio.sleep(sink.delay_ms / 1000)  # the receiver's own slowness: real time
        if received.status in (204, 304):
            return web.Response(status=received.status)
        return web.json_response({"data": {"number": received.number}}, status=received.status)

    async def list_all(self, request: web.Request) -> web.Response:
        after = _whole(request.query.get("after"), "after")
        seconds = _seconds(request.query.get("wait"))
        sink = self._sink(request) if seconds else self._sinks.get(_name(request)) or Sink()
        if seconds:
            await sink.wait(after, seconds)
        meta = {"last_number": sink.last_number, "status": sink.status, "delay_ms": sink.delay_ms}
        return web.json_response({"data": [received.as_json() for received in sink.since(after)], "meta": meta})

    async def change(self, request: web.Request) -> web.Response:
        body = known_only(await read_body(request), _CHANGE["properties"])
        status = _between(body, "status", 200, 599)
        delay_ms = _between(body, "delay_ms", 0, MAX_DELAY_MS)
        sink = self._sink(request)
        if status is not None:
            sink.status = status
        if delay_ms is not None:
            sink.delay_ms = delay_ms
        return web.json_response({"data": {"status": sink.status, "delay_ms": sink.delay_ms}})

    async def remove(self, request: web.Request) -> web.Response:
        self._sinks.remove(_name(request))
        return web.Response(status=204)

    def _sink(self, request: web.Request) -> Sink:
        try:
            return self._sinks.of(_name(request))
        except TooManySinks as error:
            raise ApiError(422, rest.BAD_REQUEST, str(error)) from error


def _name(request: web.Request) -> str:
    name = request.match_info["name"]
    if not _NAME.fullmatch(name):
        raise ApiError(404, rest.NOT_FOUND, "A sink's name has 1 to 64 letters, digits and . _ ~ - only.")
    return name


async def _read(request: web.Request) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(MAX_BODY_BYTES)
    return bytes(body)


def _whole(value: str | None, name: str) -> int:
    if value is None:
        return 0
    if not _WHOLE.fullmatch(value):
        raise BadQuery(name, f"{name} must be an integer of at least 0, got {value[:80]!r}.")
    return int(value)


def _seconds(value: str | None) -> float:
    try:
        seconds = float(value or 0)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_WAIT_SECS:  # not so for what is no number, either
        raise BadQuery("wait", f"wait must be a number from 0 to {MAX_WAIT_SECS:g}, got {str(value)[:80]!r}.")
    return seconds


def _between(body: dict[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BadBody(f"/{name}", f"{name} must be an integer from {low} to {high}.")
    return value


__all__ = ["MAX_SINKS", "PATH", "SinkRoutes"]
