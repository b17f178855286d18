"""Text room frames, as they cross the data channel (signaling.md 4.4): one JSON object per text message.

Replies carry the transaction of their request; what concerns others (`message`, `join`, `leave`) carries none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any

from emulator.values import value_class

CHANNEL_LABEL = "JanusDataChannel"
MAX_FRAME_BYTES = 256 * 1024
"""Bound on one frame in UTF-8, either way: what we and browsers announce as `a=max-message-size`."""

Frame = dict[str, Any]
_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
"""One for all: json.dumps makes a new one for each call that has options."""
_TO_SECONDS = len("2026-01-01T00:00:00")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class TextError(IntEnum):
    """Error codes of stock Janus's text room."""

    INVALID_JSON = 412
    MISSING_ELEMENT = 413
    INVALID_ELEMENT = 414
    INVALID_REQUEST = 415
    ALREADY_SETUP = 416
    NO_SUCH_ROOM = 417
    UNAUTHORIZED = 419
    ALREADY_IN_ROOM = 421
    NOT_IN_ROOM = 422
    TOO_MUCH = 499
    """Stock's "unknown error": it has no bounds of this kind."""


class TextFrameError(Exception):
    """A frame that cannot be served. `transaction` is that of the frame, when it named one."""

    def __init__(self, code: TextError, reason: str, transaction: str | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.transaction = transaction


@value_class(frozen=True, slots=True)
class TextRequest:
    """One request of a client; what it asks for is `kind` (`join`, `message`, ...)."""

    kind: str
    transaction: str
    body: Mapping[str, Any]

    def text(self, name: str, *, required: bool = True) -> str | None:
        """A string element. Raises TextFrameError."""
        value = self.body.get(name)
        if isinstance(value, str):
            return value
        if value is not None:
            raise self.fault(TextError.INVALID_ELEMENT, f"{name}: expected a string, got {type(value).__name__}")
        if required:
            raise self.fault(TextError.MISSING_ELEMENT, f"the element {name!r} is missing")
        return None

    def recipients(self) -> list[str] | None:
        """Whom a message is meant for, each once, from `tos` or `to`; None for everyone. Raises TextFrameError."""
        to, tos = self.text("to", required=False), self.body.get("tos")
        if to is not None and tos:
            raise self.fault(TextError.INVALID_ELEMENT, "to and tos: expected one of the two")
        if to is not None:
            return [to]
        if tos is None or tos == []:  # the SDK's way of writing an empty list of recipients is to mean everyone
            return None
        if not isinstance(tos, list) or not all(isinstance(one, str) for one in tos):
            raise self.fault(TextError.INVALID_ELEMENT, "tos: expected an array of participant ids")
        return list(dict.fromkeys(tos))

    def fault(self, code: TextError, reason: str) -> TextFrameError:
        return TextFrameError(code, f"{self.kind}: {reason}", self.transaction)


def parse(text: str | bytes) -> Frame:
    """Raises TextFrameError for what is no JSON object in a text message."""
    if isinstance(text, bytes):
        raise TextFrameError(TextError.INVALID_JSON, f"expected a text message, got a binary one of {len(text)} bytes")
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TextFrameError(TextError.INVALID_JSON, f"expected JSON, got {text!r:.60}: {error}") from error
    if not isinstance(frame, dict):
        raise TextFrameError(TextError.INVALID_JSON, f"expected a JSON object, got {text!r:.60}")
    return frame


def read_request(frame: Frame) -> TextRequest:
    """Raises TextFrameError."""
    transaction = frame.get("transaction")
    if not isinstance(transaction, str):
        came = "none" if transaction is None else type(transaction).__name__
        raise TextFrameError(TextError.MISSING_ELEMENT, f"transaction: expected a string, got {came}")
    kind = frame.get("textroom")
    if not isinstance(kind, str):
        raise TextFrameError(TextError.MISSING_ELEMENT, "textroom: expected the name of a request", transaction)
    return TextRequest(kind, transaction, frame)


def serialise(frame: Frame) -> str:
    text = _ENCODE(frame)
    # JavaScript strings may hold half a surrogate pair; it goes as an escape, UTF-8 cannot carry it.
    return _LONE_SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def size(text: str) -> int:
    """Bytes on the wire. Lone surrogates, which do not get there, count as three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


# -- requests ------------------------------------------------------------------------------------------------------


def join(transaction: str, room: object, username: str) -> Frame:
    """As the official SDK writes it: `username` and `display` are the bare participant id."""
    return {
        "textroom": "join",
        "transaction": transaction,
        **_room(room),
        "username": username,
        "display": username,
    }


def say(transaction: str, room: object, text: str, recipients: Iterable[str]) -> Frame:
    """A message as the official SDK writes it: to everyone, unless there are recipients."""
    tos = list(recipients)
    frame: Frame = {"textroom": "message", **_room(room), "text": text, "transaction": transaction}
    return {**frame, "tos": tos} if tos else frame


def _room(room: object) -> Frame:
    return {} if room is None else {"room": room}


# -- replies and events --------------------------------------------------------------------------------------------


def success(transaction: str, **fields: object) -> Frame:
    return {"textroom": "success", "transaction": transaction, **fields}


def error(code: TextError, reason: str, transaction: str | None) -> Frame:
    frame: Frame = {"textroom": "error", "error_code": int(code), "error": reason}
    return frame if transaction is None else {**frame, "transaction": transaction}


def message(room: int, sender: str, moment: datetime, text: str, *, whisper: bool) -> Frame:
    """What a recipient gets. `moment` is in UTC, `text` the sender's, unmodified (S-42)."""
    date = f"{moment.isoformat()[:_TO_SECONDS]}+0000"
    frame: Frame = {"textroom": "message", "room": room, "from": sender, "date": date, "text": text}
    return {**frame, "whisper": True} if whisper else frame


def joined(room: int, username: str, display: str | None) -> Frame:
    return {"textroom": "join", "room": room, **person(username, display)}


def left(room: int, username: str) -> Frame:
    return {"textroom": "leave", "room": room, "username": username}


def person(username: str, display: str | None) -> Frame:
    return {"username": username} if display is None else {"username": username, "display": display}
