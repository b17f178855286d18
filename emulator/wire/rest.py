"""The REST wire format: resources, lists and errors as JSON values (rest-and-webhooks.md, sections 1 to 3).

Only shapes: nothing here knows the domain or HTTP. A value that is not set is left out, never null (section 1).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emulator.clock import iso_microseconds, iso_seconds

Json = dict[str, Any]

ERROR_PAGE = "https://developers.telnyx.com/docs/overview/errors/"

BAD_URL = "10003"
MISSING_PARAMETER = "10004"
NOT_FOUND = "10005"
UNEXPECTED = "10007"
AUTHENTICATION_FAILED = "10009"
AUTHORIZATION_FAILED = "10010"
TOO_MANY_REQUESTS = "10011"
DUPLICATE = "10012"
BAD_REQUEST = "10015"
NO_SUCH_ASSOCIATE = "10017"
INVALID_JSON = "10023"

GENERIC_ERRORS: dict[str, tuple[str, str]] = {
    BAD_URL: ("Invalid URL", "URL invalid, malformed or longer than 2000 characters"),
    MISSING_PARAMETER: ("Missing required parameter", "A required parameter was missing (see `source`)"),
    NOT_FOUND: ("Resource not found", "The requested resource or URL could not be found."),
    UNEXPECTED: ("Unexpected error", "An unexpected error occured."),  # sic
    AUTHENTICATION_FAILED: (
        "Authentication failed",
        "The required authentication headers were either invalid or not included in the request.",
    ),
    AUTHORIZATION_FAILED: (
        "Authorization failed",
        "You do not have permission to perform the requested action on the specified resource or resources.",
    ),
    TOO_MANY_REQUESTS: ("Too many requests", "You have exceeded the maximum number of allowed requests."),
    DUPLICATE: ("Duplicate resource", "Resource is a duplicate."),
    BAD_REQUEST: ("Bad Request", "The request failed because it was not well-formed."),
    NO_SUCH_ASSOCIATE: ("Associated resource does not exist", "The associated resource does not exist."),
    INVALID_JSON: ("Invalid JSON", "The supplied JSON is not well-formed."),
}
"""Code -> title, generic detail (section 1.2)."""

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


def encode(body: Json) -> bytes:
    """Compact JSON, escaped to ASCII: a context may hold what UTF-8 can not (lone surrogates)."""
    return _ENCODE(body).encode("ascii")


# -- errors -----------------------------------------------------------------------------------------------------------


def error_object(
    code: str, detail: str | None = None, *, pointer: str | None = None, parameter: str | None = None
) -> Json:
    """One item of `errors`. `pointer` is a JSON pointer into the body, `parameter` a query key (R-19, R-21)."""
    title, generic = GENERIC_ERRORS[code]
    error: Json = {"code": code, "title": title, "detail": generic if detail is None else detail}
    if pointer is not None:
        error["source"] = {"pointer": pointer}
    elif parameter is not None:
        error["source"] = {"parameter": parameter}
    error["meta"] = {"url": ERROR_PAGE + code}
    return error


def error_body(status: int, error: Json) -> Json:
    """The envelope. 403 and 404 are declared as one bare error, so they repeat it at the top (1.2, R-20)."""
    body: Json = {"errors": [error]}
    if status in (403, 404):
        body.update(code=error["code"], title=error["title"], detail=error["detail"])
    return body


# -- success ----------------------------------------------------------------------------------------------------------


def data_body(data: Json) -> Json:
    return {"data": data}


def list_body(data: Sequence[Json], meta: PageMeta) -> Json:
    return {"data": list(data), "meta": meta.as_json()}


@dataclass(frozen=True, slots=True)
class PageMeta:
    """`meta` of a list (section 1.4)."""

    page_number: int
    page_size: int
    total_pages: int
    total_results: int

    def as_json(self) -> Json:
        return {
            "page_number": self.page_number,
            "page_size": self.page_size,
            "total_pages": self.total_pages,
            "total_results": self.total_results,
        }


@dataclass(frozen=True, slots=True)
class RoomParticipant:
    id: str
    session_id: str
    joined_at: datetime
    updated_at: datetime
    context: str | None = None
    left_at: datetime | None = None

    def as_json(self) -> Json:
        body: Json = {
            "id": self.id,
            "session_id": self.session_id,
            "joined_at": iso_microseconds(self.joined_at),
            "updated_at": iso_microseconds(self.updated_at),
            "record_type": "room_participant",
        }
        if self.context is not None:
            body["context"] = self.context
        if self.left_at is not None:
            body["left_at"] = iso_microseconds(self.left_at)
        return body


@dataclass(frozen=True, slots=True)
class RoomSession:
    """`participants` None: not asked for, left out."""

    id: str
    room_id: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    participants: Sequence[RoomParticipant] | None = None

    def as_json(self) -> Json:
        body: Json = {
            "id": self.id,
            "room_id": self.room_id,
            "active": self.ended_at is None,
            "created_at": iso_microseconds(self.created_at),
            "updated_at": iso_microseconds(self.updated_at),
            "record_type": "room_session",
        }
        if self.ended_at is not None:
            body["ended_at"] = iso_microseconds(self.ended_at)
        if self.participants is not None:
            body["participants"] = [participant.as_json() for participant in self.participants]
        return body


@dataclass(frozen=True, slots=True)
class Room:
    """`sessions` None: not asked for, left out."""

    id: str
    max_participants: int
    enable_recording: bool
    created_at: datetime
    updated_at: datetime
    unique_name: str | None = None
    active_session_id: str | None = None
    webhook_event_url: str | None = None
    webhook_event_failover_url: str | None = None
    webhook_timeout_secs: int | None = None
    sessions: Sequence[RoomSession] | None = None

    def as_json(self) -> Json:
        body: Json = {
            "id": self.id,
            "max_participants": self.max_participants,
            "enable_recording": self.enable_recording,
            "created_at": iso_microseconds(self.created_at),
            "updated_at": iso_microseconds(self.updated_at),
            "record_type": "room",
        }
        if self.unique_name is not None:
            body["unique_name"] = self.unique_name
        if self.active_session_id is not None:
            body["active_session_id"] = self.active_session_id
        if self.webhook_event_url is not None:
            body["webhook_event_url"] = self.webhook_event_url
        if self.webhook_event_failover_url is not None:
            body["webhook_event_failover_url"] = self.webhook_event_failover_url
        if self.webhook_timeout_secs is not None:
            body["webhook_timeout_secs"] = self.webhook_timeout_secs
        if self.sessions is not None:
            body["sessions"] = [session.as_json() for session in self.sessions]
        return body


@dataclass(frozen=True, slots=True)
class ClientTokens:
    """Answer of both token calls; a refresh makes no new refresh token (section 3, "Tokens"). Times: unix seconds."""

    token: str
    token_expires_at: int
    refresh_token: str | None = None
    refresh_token_expires_at: int | None = None

    def as_json(self) -> Json:
        body: Json = {"token": self.token, "token_expires_at": iso_seconds(self.token_expires_at)}
        if self.refresh_token is not None and self.refresh_token_expires_at is not None:
            body["refresh_token"] = self.refresh_token
            body["refresh_token_expires_at"] = iso_seconds(self.refresh_token_expires_at)
        return body


ACTION_OK: Json = {"result": "ok"}
"""`data` of every session action (section 4)."""
