"""Janus frames as the official SDK sends and reads them (signaling.md, sections 1 and 2).

Requests are parsed into one dataclass; replies and events are made by the functions below. Nothing is decided here.
"""

from __future__ import annotations

import json
import re
from dataclasses import field
from enum import IntEnum
from typing import Any

from emulator.values import value_class

MAX_FRAME_BYTES = 64 * 1024
"""Bound on one text frame, unless another is set. The largest honest one, an offer with a long candidate list, stays
below 20 kB."""

MAX_TRANSACTION_CHARS = 1024
"""The SDK's have 36. Each one comes back in a reply that may have to wait until the client reads."""

MAX_ID = 2**53 - 1
"""Largest integer a JavaScript client can hold exactly (T-10)."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class ErrorCode(IntEnum):
    """Error codes of stock Janus that a gateway in front of it passes on (signaling.md, Appendix B)."""

    UNKNOWN_REQUEST = 453
    INVALID_JSON = 454
    INVALID_JSON_OBJECT = 455
    MISSING_ELEMENT = 456
    INVALID_REQUEST_PATH = 457
    SESSION_NOT_FOUND = 458
    HANDLE_NOT_FOUND = 459
    PLUGIN_NOT_FOUND = 460
    PLUGIN_MESSAGE = 462
    JSEP_UNKNOWN_TYPE = 464
    INVALID_SDP = 465
    INVALID_ELEMENT_TYPE = 467
    SESSION_CONFLICT = 468
    UNKNOWN = 490


class FrameError(Exception):
    """A frame that is no request. `transaction` is set when the frame named one, so that it can be answered."""

    def __init__(self, code: ErrorCode, reason: str, transaction: str | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.transaction = transaction


@value_class(frozen=True, slots=True)
class Jsep:
    type: str
    sdp: str


@value_class(frozen=True, slots=True)
class Request:
    """One client frame. Missing optional parts are None."""

    janus: str
    transaction: str
    client_token: str | None = None
    session_id: int | None = None
    handle_id: int | None = None
    plugin: str | None = None
    body: dict[str, Any] | None = None
    jsep: Jsep | None = None
    candidate: dict[str, Any] = field(default_factory=dict)


def parse_request(text: str, *, most: int = MAX_FRAME_BYTES) -> Request:
    """Raises FrameError that names the element, what was expected and what came. `most` bytes are read."""
    length = size(text)
    if length > most:
        transaction = _transaction_of(text) if length <= 4 * most else None
        reason = f"Expected a frame of at most {most} bytes, got one of {length}."
        raise FrameError(ErrorCode.INVALID_JSON, reason, transaction)
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FrameError(ErrorCode.INVALID_JSON, f"The frame is not valid JSON: {error}") from error
    if not isinstance(frame, dict):
        raise FrameError(ErrorCode.INVALID_JSON_OBJECT, f"A frame must be a JSON object, got {_kind(frame)}.")
    raw = frame.get("transaction")
    transaction = raw if isinstance(raw, str) else None
    if transaction is None:
        if raw is None:
            raise FrameError(ErrorCode.MISSING_ELEMENT, "The element 'transaction' is missing.")
        reason = f"The element 'transaction' must be a string, got {_kind(raw)}."
        raise FrameError(ErrorCode.INVALID_ELEMENT_TYPE, reason)
    if len(transaction) > MAX_TRANSACTION_CHARS:
        reason = f"The element 'transaction' must have at most {MAX_TRANSACTION_CHARS} characters."
        raise FrameError(ErrorCode.INVALID_ELEMENT_TYPE, reason)

    def optional(name: str, kind: type, expected: str) -> Any:
        value = frame.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise FrameError(
                ErrorCode.INVALID_ELEMENT_TYPE,
                f"The element {name!r} must be {expected}, got {_kind(value)}.",
                transaction,
            )
        return value

    janus = optional("janus", str, "a string")
    if janus is None:
        raise FrameError(ErrorCode.MISSING_ELEMENT, "The element 'janus' (the request) is missing.", transaction)
    jsep = optional("jsep", dict, "an object")
    candidate = optional("candidate", dict, "an object")
    return Request(
        janus=janus,
        transaction=transaction,
        client_token=optional("client_token", str, "a string"),
        session_id=optional("session_id", int, "an integer"),
        handle_id=optional("handle_id", int, "an integer"),
        plugin=optional("plugin", str, "a string"),
        body=optional("body", dict, "an object"),
        jsep=None if jsep is None else _jsep(jsep, transaction),
        candidate=candidate or {},
    )


def _transaction_of(text: str) -> str | None:
    """Of a frame that is refused unread, so that the one who waits for it gets the refusal (S-109)."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = frame.get("transaction") if isinstance(frame, dict) else None
    return found if isinstance(found, str) and len(found) <= MAX_TRANSACTION_CHARS else None


def _jsep(raw: dict[str, Any], transaction: str) -> Jsep:
    kind, sdp = raw.get("type"), raw.get("sdp")
    if kind not in ("offer", "answer"):
        raise FrameError(
            ErrorCode.JSEP_UNKNOWN_TYPE, f"jsep.type must be 'offer' or 'answer', got {kind!r:.40}.", transaction
        )
    if sdp is None:
        raise FrameError(ErrorCode.MISSING_ELEMENT, "jsep.sdp is missing.", transaction)
    if not isinstance(sdp, str):
        raise FrameError(ErrorCode.INVALID_ELEMENT_TYPE, f"jsep.sdp must be a string, got {_kind(sdp)}.", transaction)
    return Jsep(kind, sdp)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
    return "an object"


Frame = dict[str, Any]


def success(transaction: str, *, session_id: int | None = None, data_id: int | None = None) -> Frame:
    frame: Frame = {"janus": "success", "transaction": transaction}
    if session_id is not None:
        frame["session_id"] = session_id
    if data_id is not None:
        frame["data"] = {"id": data_id}
    return frame


def ack(transaction: str, session_id: int) -> Frame:
    return {"janus": "ack", "session_id": session_id, "transaction": transaction}


def error(transaction: str | None, code: int, reason: str, *, session_id: int | None = None) -> Frame:
    frame: Frame = {"janus": "error", "error": {"code": int(code), "reason": reason}}
    if transaction is not None:
        frame["transaction"] = transaction
    if session_id is not None:
        frame["session_id"] = session_id
    return frame


def event(
    session_id: int,
    sender: int,
    plugin: str,
    data: dict[str, Any],
    *,
    transaction: str | None = None,
    jsep: Jsep | None = None,
) -> Frame:
    """A plugin's answer (with a transaction) or broadcast (without one, S-7)."""
    frame: Frame = {
        "janus": "event",
        "session_id": session_id,
        "sender": sender,
        "plugindata": {"plugin": plugin, "data": data},
    }
    if transaction is not None:
        frame["transaction"] = transaction
    if jsep is not None:
        frame["jsep"] = {"type": jsep.type, "sdp": jsep.sdp}
    return frame


def refusal(status_code: int, message: str) -> Frame:
    """The gateway's own error frame (signaling.md 1.3): the client closes its socket on it."""
    return {"status_code": status_code, "error_message": message}


def timeout(session_id: int) -> Frame:
    return {"janus": "timeout", "session_id": session_id}


def serialise(frame: Frame) -> str:
    text = json.dumps(frame, separators=(",", ":"), ensure_ascii=False)
    # JavaScript strings may hold half a surrogate pair; it goes as an escape, UTF-8 cannot carry it.
    return text if text.isascii() else _LONE_SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def size(text: str) -> int:
    """Bytes on the wire. Lone surrogates, which do not get there, count as three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
