"""An account's webhooks over HTTP: what was tried, what came of it, and once more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.admin.operation import (
    Operation,
    Parameter,
    Schema,
    data_schema,
    json_answer,
    list_schema,
    object_schema,
)
from emulator.api.errors import ApiError, BadQuery
from emulator.webhooks.account_webhooks import AccountWebhooks, StillPending
from emulator.webhooks.delivery import STATES, Delivery
from emulator.webhooks.delivery_log import UnknownDelivery
from emulator.webhooks.envelope import EVENT_TYPES
from emulator.webhooks.service import Webhooks
from emulator.wire import rest

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

_STRING: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_ATTEMPT = object_schema(
    {
        "attempt": {"type": "integer", "minimum": 1, "description": "As in `meta.attempt`."},
        "url": _STRING,
        "started_at": {"type": "string", "format": "date-time", "description": "The account's time."},
        "duration_ms": {"type": "number", "description": "Real time."},
        "status": {"type": "integer", "description": "Left out when there was no answer."},
        "answer": {"type": "string", "description": "The beginning of the answer's body."},
        "error": {"type": "string", "description": "Why there was no answer."},
        "faults": {**list_schema(_STRING), "description": "The fault rules that had a hand in it."},
    },
    required=["attempt", "url", "started_at", "duration_ms"],
)
_FIELDS: dict[str, Schema] = {
    "id": {"type": "string", "format": "uuid", "description": "`data.id`, the same in all attempts."},
    "event_type": {"enum": list(EVENT_TYPES)},
    "occurred_at": {"type": "string", "format": "date-time"},
    "state": {"enum": list(STATES)},
    "reason": {"type": "string", "description": "Why it was not delivered."},
    "url": _STRING,
    "failover_url": _STRING,
    "room_id": _STRING,
    "composition_id": _STRING,
    "attempts": list_schema(_ATTEMPT),
}
_REQUIRED = ["id", "event_type", "occurred_at", "state", "url", "attempts"]
_LISTED = object_schema(_FIELDS, required=_REQUIRED)
_SINGLE = object_schema(
    {**_FIELDS, "data": {"type": "object", "description": "What is posted as `data`."}}, required=[*_REQUIRED, "data"]
)
_LIST = object_schema(
    {
        "data": list_schema(_LISTED),
        "meta": object_schema(
            {
                "total_results": {**_COUNT, "description": "So many fit the filters."},
                "pending": {**_COUNT, "description": "Of the account, whatever the filters: not over yet."},
                "dropped": {**_COUNT, "description": "The room's queue was full."},
                "forgotten": {**_COUNT, "description": "Too long ago to be listed."},
            },
            required=["total_results", "pending", "dropped", "forgotten"],
        ),
    },
    required=["data", "meta"],
)


class WebhookRoutes:
    def __init__(self, access: AccountAccess, webhooks: Webhooks) -> None:
        self._access = access
        self._webhooks = webhooks

    def operations(self) -> Sequence[Operation]:
        unknown = {404: "The account remembers no webhook of this id."}
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        return (
            Operation(
                "GET",
                "/_emulator/webhooks",
                "The account's webhooks with every attempt, oldest first.",
                self.list_all,
                parameters=(
                    Parameter("event_type", "Only of this type.", {"enum": list(EVENT_TYPES)}),
                    Parameter("room_id", "Only of this room."),
                    Parameter("state", "Only in this state.", {"enum": list(STATES)}),
                    Parameter("limit", "The newest so many.", limit),
                ),
                answers=(json_answer(_LIST),),
            ),
            Operation(
                "GET",
                "/_emulator/webhooks/{id}",
                "One webhook, with what it tells.",
                self.get,
                answers=(json_answer(data_schema(_SINGLE)),),
                errors=unknown,
            ),
            Operation(
                "POST",
                "/_emulator/webhooks/{id}/redeliver",
                "Send it once more, with the same data and the next attempt's number.",
                self.redeliver,
                answers=(json_answer(data_schema(_SINGLE), status=202, description="It is on its way."),),
                errors={**unknown, 409: "It is still being delivered."},
            ),
        )

    async def list_all(self, request: web.Request) -> web.Response:
        webhooks = self._of(request)
        query = request.query
        event_type = _one_of(query.get("event_type"), "event_type", EVENT_TYPES)
        state = _one_of(query.get("state"), "state", STATES)
        limit = _limit(query.get("limit"))
        found = webhooks.log.select(event_type=event_type, room_id=query.get("room_id"), state=state)
        meta = {
            "total_results": len(found),
            "pending": webhooks.pending,
            "dropped": webhooks.log.dropped,
            "forgotten": webhooks.log.forgotten,
        }
        return web.json_response({"data": [delivery.as_json() for delivery in found[-limit:]], "meta": meta})

    async def get(self, request: web.Request) -> web.Response:
        webhooks = self._of(request)
        try:
            return _single(webhooks.log.get(request.match_info["id"]))
        except UnknownDelivery as error:
            raise _not_found(error) from error

    async def redeliver(self, request: web.Request) -> web.Response:
        webhooks = self._of(request)
        try:
            return _single(webhooks.redeliver(request.match_info["id"]), status=202)
        except UnknownDelivery as error:
            raise _not_found(error) from error
        except StillPending as error:
            raise ApiError(409, rest.BAD_REQUEST, str(error)) from error

    def _of(self, request: web.Request) -> AccountWebhooks:
        return self._webhooks.of(self._access.of(request))


def _single(delivery: Delivery, *, status: int = 200) -> web.Response:
    told: dict[str, Any] = {**delivery.as_json(), "data": delivery.envelope.data}
    return web.json_response({"data": told}, status=status)


def _not_found(error: UnknownDelivery) -> ApiError:
    return ApiError(404, rest.NOT_FOUND, str(error))


def _one_of(value: str | None, name: str, known: Sequence[str]) -> Any:
    if value is None or value in known:
        return value
    raise BadQuery(name, f"{name} must be one of {', '.join(known)}, got {value[:80]!r}.")


def _limit(value: str | None) -> int:
    if value is None:
        return DEFAULT_LIMIT
    if value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= MAX_LIMIT:
        return int(value)
    raise BadQuery("limit", f"limit must be an integer from 1 to {MAX_LIMIT}, got {value[:80]!r}.")
