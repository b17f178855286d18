"""The REST wire format: resources, lists and errors as JSON values (rest-and-webhooks.md, sections 1 to 3).

Only shapes: nothing here knows the domain or HTTP. A value that is not set is left out, never null (section 1).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from emulator.clock import iso_microseconds, iso_seconds
from emulator.values import value_class

Json = dict[str, Any]

ERROR_PAGE = "https://developers.telnyx.com/docs/overview/errors/"

BAD_URL = "10003"
MISSING_PARAMETER = "10004"
NOT_FOUND = "10005"
UNEXPECTED = "10007"
REQUEST_TIMEOUT = "10008"
AUTHENTICATION_FAILED = "10009"
AUTHORIZATION_FAILED = "10010"
TOO_MANY_REQUESTS = "10011"
DUPLICATE = "10012"
UNSUPPORTED_MEDIA_TYPE = "10014"
BAD_REQUEST = "10015"
NO_SUCH_ASSOCIATE = "10017"
INVALID_JSON = "10023"

GENERIC_ERRORS: dict[str, tuple[str, str]] = {
    "10001": ("Inactive phone number", "The phone number is inactive."),
    "10002": ("Invalid phone number", "The phone number is invalid."),
    BAD_URL: ("Invalid URL", "URL invalid, malformed or longer than 2000 characters"),
    MISSING_PARAMETER: ("Missing required parameter", "A required parameter was missing (see `source`)"),
    NOT_FOUND: ("Resource not found", "The requested resource or URL could not be found."),
    "10006": ("Invalid ID", "The resource ID provided was invalid."),
    UNEXPECTED: ("Unexpected error", "An unexpected error occured."),  # sic
    REQUEST_TIMEOUT: ("Request timeout", "The request timed out."),
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
    "10013": ("Missing association", "One of the associated fields does not exist."),
    UNSUPPORTED_MEDIA_TYPE: ("Unsupported Media Type", "The server does not support the media type."),
    BAD_REQUEST: ("Bad Request", "The request failed because it was not well-formed."),
    "10016": ("Phone number must be in +E.164 format", "The phone number must be in +E.164 format."),
    NO_SUCH_ASSOCIATE: ("Associated resource does not exist", "The associated resource does not exist."),
    "10018": ("Invalid sort direction", "The sort direction must be asc or desc."),
    "10019": ("Invalid email address", "The email address is invalid."),
    "10020": ("Invalid resource type", "The resource type must be of type string."),
    "10021": ("Resource in use", "The resource can not be removed as it is still in use."),
    "10022": ("One or more invalid IDs", "One or more of the resource IDs provided were invalid."),
    INVALID_JSON: ("Invalid JSON", "The supplied JSON is not well-formed."),
}
"""Code -> title, generic detail: all of the table in section 1.2, since a fault may answer with any of them."""

# Nothing here holds itself, so nobody need look for that.
_ENCODE = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_QUOTED = json.encoder.encode_basestring_ascii
"""A string as JSON, as `_ENCODE` has it."""


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


def data_of_text(resource: str) -> bytes:
    """As `data_body`, encoded, of a resource that is encoded already."""
    return f'{{"data":{resource}}}'.encode("ascii")


def list_of_texts(resources: Sequence[str], meta: PageMeta) -> bytes:
    """As `list_body`, encoded, of resources that are encoded already."""
    numbers = ",".join([f'"{name}":{number}' for name, number in meta.as_json().items()])
    return f'{{"data":[{",".join(resources)}],"meta":{{{numbers}}}}}'.encode("ascii")


@dataclass(slots=True)
class PageMeta:
    """`meta` of a list (section 1.4)."""

    page_number: int
    page_size: int
    total_pages: int
    total_results: int

    def as_json(self) -> dict[str, int]:
        return {
            "page_number": self.page_number,
            "page_size": self.page_size,
            "total_pages": self.total_pages,
            "total_results": self.total_results,
        }


@dataclass(slots=True)
class RoomParticipant:
    id: str
    session_id: str | None = None
    joined_at: datetime | None = None
    updated_at: datetime | None = None
    context: str | None = None
    left_at: datetime | None = None

    def as_json(self) -> Json:
        body: Json = {"id": self.id, "record_type": "room_participant"}
        if self.session_id is not None:
            body["session_id"] = self.session_id
        if self.joined_at is not None:
            body["joined_at"] = iso_microseconds(self.joined_at)
        if self.updated_at is not None:
            body["updated_at"] = iso_microseconds(self.updated_at)
        if self.context is not None:
            body["context"] = self.context
        if self.left_at is not None:
            body["left_at"] = iso_microseconds(self.left_at)
        return body


@dataclass(slots=True)
class RoomSession:
    """`participants` None: not asked for, left out."""

    id: str
    active: bool
    room_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None
    participants: Sequence[RoomParticipant] | None = None

    def as_json(self) -> Json:
        body: Json = {"id": self.id, "active": self.active, "record_type": "room_session"}
        if self.room_id is not None:
            body["room_id"] = self.room_id
        if self.created_at is not None:
            body["created_at"] = iso_microseconds(self.created_at)
        if self.updated_at is not None:
            body["updated_at"] = iso_microseconds(self.updated_at)
        if self.ended_at is not None:
            body["ended_at"] = iso_microseconds(self.ended_at)
        if self.participants is not None:
            body["participants"] = [participant.as_json() for participant in self.participants]
        return body


@dataclass(slots=True)
class Room:
    """`sessions` None: not asked for, left out.

    Not frozen, like nothing that is made for each answer and read once: that would make it three times as dear.
    """

    id: str
    max_participants: int | None = None
    enable_recording: bool | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    unique_name: str | None = None
    active_session_id: str | None = None
    webhook_event_url: str | None = None
    webhook_event_failover_url: str | None = None
    webhook_timeout_secs: int | None = None
    video_codecs: Sequence[str] | None = None
    sessions: Sequence[RoomSession] | None = None

    def as_json(self) -> Json:
        body: Json = {"id": self.id, "record_type": "room"}
        if self.max_participants is not None:
            body["max_participants"] = self.max_participants
        if self.enable_recording is not None:
            body["enable_recording"] = self.enable_recording
        if self.created_at is not None:
            body["created_at"] = iso_microseconds(self.created_at)
        if self.updated_at is not None:
            body["updated_at"] = iso_microseconds(self.updated_at)
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
        if self.video_codecs is not None:
            body["video_codecs"] = list(self.video_codecs)
        if self.sessions is not None:
            body["sessions"] = [session.as_json() for session in self.sessions]
        return body

    def as_text(self) -> str:
        """What `encode` makes of `as_json`, in a third of the time; most answers are rooms."""
        text = f'{{"id":{_QUOTED(self.id)},"record_type":"room"'
        if self.max_participants is not None:
            text += f',"max_participants":{self.max_participants}'
        if self.enable_recording is not None:
            text += ',"enable_recording":true' if self.enable_recording else ',"enable_recording":false'
        created_at = None if self.created_at is None else iso_microseconds(self.created_at)
        if created_at is not None:
            text += f',"created_at":"{created_at}"'
        if self.updated_at is not None:
            updated_at = created_at if self.updated_at is self.created_at else iso_microseconds(self.updated_at)
            text += f',"updated_at":"{updated_at}"'
        if self.unique_name is not None:
            text += f',"unique_name":{_QUOTED(self.unique_name)}'
        if self.active_session_id is not None:
            text += f',"active_session_id":{_QUOTED(self.active_session_id)}'
        if self.webhook_event_url is not None:
            text += f',"webhook_event_url":{_QUOTED(self.webhook_event_url)}'
        if self.webhook_event_failover_url is not None:
            text += f',"webhook_event_failover_url":{_QUOTED(self.webhook_event_failover_url)}'
        if self.webhook_timeout_secs is not None:
            text += f',"webhook_timeout_secs":{self.webhook_timeout_secs}'
        if self.video_codecs is not None:
            text += f',"video_codecs":{_ENCODE(list(self.video_codecs))}'
        if self.sessions is not None:
            text += f',"sessions":{_ENCODE([session.as_json() for session in self.sessions])}'
        return text + "}"


@value_class(frozen=True, slots=True)
class RoomRecording:
    """An imported one may have nearly nothing set."""

    id: str
    room_id: str | None = None
    session_id: str | None = None
    participant_id: str | None = None
    type: str | None = None
    status: str | None = None
    codec: str | None = None
    duration_secs: int | None = None
    size_mb: float | None = None
    download_url: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    completed_at: datetime | None = None
    updated_at: datetime | None = None

    def as_json(self) -> Json:
        return _set_fields(self, "room_recording")


@value_class(frozen=True, slots=True)
class RoomComposition:
    """An imported one may have nearly nothing set. `video_layout`: region name -> region."""

    id: str
    room_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    status: str | None = None
    format: str | None = None
    resolution: str | None = None
    video_layout: Json | None = None
    audio_sources: Sequence[str] | None = None
    duration_secs: int | None = None
    size_mb: float | None = None
    download_url: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    completed_at: datetime | None = None
    updated_at: datetime | None = None
    webhook_event_url: str | None = None
    webhook_event_failover_url: str | None = None
    webhook_timeout_secs: int | None = None

    def as_json(self) -> Json:
        return _set_fields(self, "room_composition")


def _set_fields(resource: RoomRecording | RoomComposition, record_type: str) -> Json:
    """Every field that is set, under its own name, and the record type."""
    body: Json = {}
    for field in fields(resource):
        value = getattr(resource, field.name)
        if isinstance(value, datetime):
            body[field.name] = iso_microseconds(value)
        elif value is not None:
            body[field.name] = value
    body["record_type"] = record_type
    return body


@value_class(frozen=True, slots=True)
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
