"""Request bodies: size bound, parsing, and checks that name the offending place by JSON pointer (R-10, R-11, R-21)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

from aiohttp import web

from emulator.api.errors import BadBody, BodyTooLarge, MalformedJson, UnreadableBody
from emulator.api.recorder import BODY
from emulator.wire import rest

MAX_BODY_BYTES = 256 * 1024
"""Far above any honest request (all participants of many full rooms, listed); bounds what one request can hold."""

MAX_URL_CHARS = 2000
"""Error 10003: "URL invalid, malformed or longer than 2000 characters" (1.2)."""

Body = dict[str, Any]
Check = Callable[[str, Any], Any]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
# RFC 3986: the characters a URI may have, and percent-encoding well formed.
_URI_TEXT = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_MAX_SHOWN = 80


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


async def read_body(request: web.Request, *, limit: int = MAX_BODY_BYTES) -> Body:
    """The JSON object of a request that must have one, of at most `limit` bytes.

    Raises MalformedJson or UnreadableBody (400), BadBody (422: missing, or no object), BodyTooLarge (413).
    """
    body = _parsed(await read_raw(request, limit))
    if body is None:
        raise BadBody("", "This operation requires a JSON object as its body; the body is empty.")
    return body


async def read_optional_body(request: web.Request, *, limit: int = MAX_BODY_BYTES) -> Body | None:
    """As `read_body`, or None for an empty body."""
    return _parsed(await read_raw(request, limit))


def _parsed(raw: bytes) -> Body | None:
    if not raw:
        return None
    try:
        # Not json.loads(raw): that guesses encodings and lets broken UTF-8 through.
        body = _DECODER.decode(raw.decode("utf-8"))
    except RecursionError:
        raise MalformedJson("The supplied JSON is nested too deeply.") from None
    except ValueError as error:  # broken JSON, broken UTF-8, an integer of thousands of digits
        raise MalformedJson(f"The supplied JSON is not well-formed: {error}") from error
    if not isinstance(body, dict):
        raise BadBody("", f"The body must be a JSON object, got {_shown(body)}.")
    return body


async def read_raw(request: web.Request, limit: int) -> bytes:
    """The body as it came; empty if there is none. Raises BodyTooLarge (413), UnreadableBody (400)."""
    content = request.content
    try:
        # Mostly all of it has come with the head, or there is none: then nothing need wait.
        body = content.read_nowait() if content.is_eof() else await _read_on(request, limit)
    except web.RequestPayloadError as error:
        content.feed_eof()  # nothing more can come of it: or aiohttp reads on, and logs the same error again
        raise UnreadableBody(f"The request body can not be read: {error}") from error
    except ConnectionResetError as error:  # nobody will read the answer, but it is no failure of ours
        raise UnreadableBody("The connection was lost before the body was complete.") from error
    if len(body) > limit:
        raise BodyTooLarge(limit)
    request[BODY] = body
    return body


async def _read_on(request: web.Request, limit: int) -> bytes:
    """To the end, or until it is too long."""
    if request.content_length is not None and request.content_length > limit:
        raise BodyTooLarge(limit)
    chunks = bytearray()
    while not request.content.at_eof():
        chunks += await request.content.readany()
        if len(chunks) > limit:
            raise BodyTooLarge(limit)
    return bytes(chunks)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
"""One for all: json.loads makes a new one for each call that has options."""


def checked(body: Body, checks: Mapping[str, Check]) -> Body:
    """Those of the named fields that were sent, checked; unknown keys do not fail a request (R-6). Raises BadBody."""
    return {name: check(f"/{name}", body[name]) for name, check in checks.items() if name in body}


# -- checks: (pointer, value) -> value, raising BadBody ----------------------------------------------------------------


def text(pointer: str, value: Any) -> str:
    """Any string that has a UTF-8 form (it will be stored, and posted to webhooks)."""
    if not isinstance(value, str):
        raise _wrong(pointer, "a string", value)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise BadBody(pointer, f"{_name(pointer)} has a surrogate without its pair.") from None
    return value


def integer(pointer: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(pointer, "an integer", value)
    return value


def integer_between(low: int, high: int) -> Check:
    def check(pointer: str, value: Any) -> int:
        number = integer(pointer, value)
        if not low <= number <= high:
            raise _wrong(pointer, f"an integer from {low} to {high}", value)
        return number

    return check


def boolean(pointer: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(pointer, "true or false", value)
    return value


def some_of(*words: str) -> Check:
    """A list with at least one of these words, none of them twice."""
    expected = f"a list of {' and '.join(words)} or of one of them, each once"

    def check(pointer: str, value: Any) -> list[str]:
        if not isinstance(value, list) or not value:
            raise _wrong(pointer, expected, value)
        for index, item in enumerate(value):
            if item not in words or item in value[:index]:
                raise _wrong(f"{pointer}/{index}", f"part of {expected}", item)
        return list(value)

    return check


def webhook_url(pointer: str, value: Any) -> str:
    """An http or https URL: those are what webhooks are delivered over (sections 2.2, 5; R-30)."""
    url = text(pointer, value)
    if not _is_webhook_url(url):
        raise _wrong(
            pointer,
            f"an absolute URL with the scheme http or https and a host, of at most {MAX_URL_CHARS} characters",
            value,
        )
    return url


def _is_webhook_url(url: str) -> bool:
    if len(url) > MAX_URL_CHARS or not _URI_TEXT.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def uuid(pointer: str, value: Any) -> str:
    """In lower case, as ids are."""
    if not isinstance(value, str) or not is_uuid(value):
        raise _wrong(pointer, "a UUID", value)
    return value.lower()


def anything(pointer: str, value: Any) -> Any:
    """What the domain checks as a whole."""
    return value


def nullable(check: Check) -> Check:
    """None passes as "not set" (2.2: the URLs and the timeout have the default null)."""

    def or_none(pointer: str, value: Any) -> Any:
        return None if value is None else check(pointer, value)

    return or_none


def uuids(pointer: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise _wrong(pointer, "a list of UUIDs", value)
    for index, item in enumerate(value):
        if not isinstance(item, str) or not is_uuid(item):
            raise _wrong(f"{pointer}/{index}", "a UUID", item)
    return value


def required(body: Body, name: str, check: Check) -> Any:
    """Raises BadBody with the code of a missing parameter when the field was not sent."""
    if name not in body:
        raise BadBody(f"/{name}", f"The required field {name} is missing.", code=rest.MISSING_PARAMETER)
    return check(f"/{name}", body[name])


def _wrong(pointer: str, expected: str, value: Any) -> BadBody:
    return BadBody(pointer, f"{_name(pointer)} must be {expected}, got {_shown(value)}.")


def _name(pointer: str) -> str:
    return pointer.removeprefix("/") or "The body"


def _shown(value: Any) -> str:
    """A value in an error text, cut short; containers only by their kind, so that nothing big is written out."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        value = value[: _MAX_SHOWN + 1]
    elif isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return "a huge integer"
    shown = json.dumps(value)
    return shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + "..."
