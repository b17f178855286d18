"""What Schemathesis may complain of: each with the item of the reference that wants it so, and why.

Loaded by Schemathesis itself (`hooks` in its configuration). It drops the complaints that a row of the table allows,
and counts them in the file that ALLOWED_FILE names.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import schemathesis
from jsonschema import Draft202012Validator

from emulator.api.validation import is_uuid


@dataclass(frozen=True)
class Exchange:
    """A request as it was sent, and what the answer says of it."""

    method: str
    """In lower case."""
    path: str
    """As in the document: /rooms/{room_id}."""
    path_parameters: dict[str, Any]
    body: Any
    status: int
    code: str
    detail: str
    place: str
    """`source.pointer`, or `source.parameter`."""


@dataclass(frozen=True)
class Deviation:
    item: str
    """Of rest-and-webhooks.md, section 6."""
    check: str
    """Of Schemathesis."""
    reason: str
    allows: Callable[[Exchange], bool]


def refused(item: str, reason: str, allows: Callable[[Exchange], bool]) -> Deviation:
    """Valid by the document's schema, refused with 422 all the same: the schema is wider than the rules are."""
    return Deviation(item, "positive_data_acceptance", reason, lambda e: e.status == 422 and allows(e))


def _place(*patterns: str) -> Callable[[Exchange], bool]:
    whole = re.compile("|".join(patterns))
    return lambda exchange: whole.fullmatch(exchange.place) is not None


NULL_IS_DEFAULT = (
    "unique_name",
    "webhook_event_url",
    "webhook_event_failover_url",
    "webhook_timeout_secs",
    "video_layout",
    "audio_sources",
)
"""null is "not set" for what is not set by default (sections 2.2, 4: names that are null may repeat)."""


@cache
def _body_schema(path: str, method: str) -> dict[str, Any]:
    """Of the description that is being run, beside the components that it refers to."""
    document = json.loads(Path("document.json").read_text())
    content = document["paths"][path][method]["requestBody"]["content"]
    return {**content["application/json"]["schema"], "components": document["components"]}


def _only_nulls_are_wrong(exchange: Exchange) -> bool:
    body = exchange.body
    if not isinstance(body, dict):
        return False
    others = {name: value for name, value in body.items() if value is not None or name not in NULL_IS_DEFAULT}
    return others != body and _is_valid_body(exchange, others)


def _is_valid_body(exchange: Exchange, body: Any) -> bool:
    return Draft202012Validator(_body_schema(exchange.path, exchange.method)).is_valid(body)


def _only_the_path_is_wrong(exchange: Exchange) -> bool:
    return not is_uuid(str(exchange.path_parameters.get("room_id"))) and _is_valid_body(exchange, exchange.body)


_FLOAT_FOR_INTEGER = re.compile(r"an integer.*, got -?[0-9]+(\.[0-9]|e)")

DEVIATIONS = [
    Deviation(
        "R-22",
        "negative_data_rejection",
        "the refresh token names the room; the vendor's own application sends another word in the path",
        lambda exchange: (
            exchange.path == "/rooms/{room_id}/actions/refresh_client_token"
            and exchange.status == 201
            and _only_the_path_is_wrong(exchange)
        ),
    ),
    Deviation(
        "R-28",
        "negative_data_rejection",
        "null is not set, for the fields that are not set by default (2.2); the schema's types do not say so",
        lambda exchange: 200 <= exchange.status < 300 and _only_nulls_are_wrong(exchange),
    ),
    refused("R-29", "27.0 is no integer", lambda e: _FLOAT_FOR_INTEGER.search(e.detail) is not None),
    refused(
        "R-30", "webhooks go over http and https; the schema takes any URI", _place("/webhook_event(_failover)?_url")
    ),
    refused("R-31", "the names of rooms are unique; no schema says which are taken", lambda e: e.code == "10012"),
    refused(
        "R-52",
        "a filter that is not understood is no filter: filter[date_created_at]= has no operator",
        _place(r"filter\[\w+\].*", r"filter.*"),
    ),
    refused("R-75", "the session is over", lambda e: e.detail == "No private_ip for room"),
    refused("R-93", "mp4 is the only format; the schema takes any string", _place("/format")),
    refused("R-95", "a resolution has bounds that the schema gives in words only", _place("/resolution")),
    refused(
        "R-96", "at most two regions, within bounds that the schema gives in words only", _place("/video_layout.*")
    ),
    refused("R-97", "a composition is of a session that exists", _place("/session_id")),
]


def _exchange(case: Any, response: Any) -> Exchange:
    try:
        error = response.json()["errors"][0]
    except (ValueError, LookupError, TypeError):
        error = {}
    source = error.get("source", {})
    return Exchange(
        case.method.lower(),
        case.operation.path,
        dict(case.path_parameters or {}),
        case.body,
        response.status_code,
        error.get("code", ""),
        error.get("detail", ""),
        source.get("pointer") or source.get("parameter") or "",
    )


_allowed: Counter[str] = Counter()


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """False drops the failure."""
    exchange = _exchange(case, response)
    for deviation in DEVIATIONS:
        if deviation.check in failure.checks and deviation.allows(exchange):
            _allowed[f"{deviation.item}: {deviation.reason}"] += 1
            Path(os.environ["ALLOWED_FILE"]).write_text(json.dumps(_allowed))
            return False
    return True
