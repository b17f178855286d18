"""Single values of a state document: what each must be, read into what the records hold.

A reader takes a JSON pointer and a value that is set, and raises BadDocument.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from emulator.rooms.errors import BadDocument, Invalid

T = TypeVar("T")

Read = Callable[[str, Any], Any]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_MAX_SHOWN = 80
_MAX_AMOUNT = 1e300


def is_unset(value: Any) -> bool:
    """Null and empty mean the same as absent; 0 and false are values."""
    return value is None or (isinstance(value, str | list | dict) and not value)


def pruned(value: Any) -> Any:
    """A copy without what is not set inside of objects; items of lists stay where they are."""
    if isinstance(value, dict):
        return {name: pruned(item) for name, item in value.items() if not is_unset(item)}
    if isinstance(value, list):
        return [pruned(item) for item in value]
    return value


def shown(value: Any) -> str:
    """A value in an error text, cut short; containers only by their kind."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return "a huge integer"
    text = json.dumps(value[: _MAX_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


def wrong(pointer: str, expected: str, value: Any) -> BadDocument:
    return BadDocument(pointer, f"expected {expected}, got {shown(value)}")


def uuid(pointer: str, value: Any) -> str:
    """Lower case, as ids are (R-4)."""
    if not isinstance(value, str) or not _UUID.fullmatch(value.lower()):
        raise wrong(pointer, "a UUID", value)
    return value.lower()


def text(pointer: str, value: Any) -> str:
    if not isinstance(value, str):
        raise wrong(pointer, "a string", value)
    return value


def web_url(pointer: str, value: Any) -> str:
    url = text(pointer, value)
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return url
    except ValueError:
        pass  # brackets that are no IPv6 address
    raise wrong(pointer, "an absolute URL with the scheme http or https", value)


def boolean(pointer: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise wrong(pointer, "true or false", value)
    return value


def integer_between(low: int, high: int | None) -> Read:
    expected = f"an integer of at least {low}" if high is None else f"an integer from {low} to {high}"

    def read(pointer: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < low or (high is not None and value > high):
            raise wrong(pointer, expected, value)
        return value

    return read


def amount(pointer: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < _MAX_AMOUNT:
        raise wrong(pointer, "a number of at least 0", value)
    return float(value)


def time(pointer: str, value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(text(pointer, value))
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise wrong(pointer, "a time with its zone such as 2026-09-17T20:00:00.123456Z", value)


def one_of(*words: str) -> Read:
    expected = "one of " + ", ".join(words)

    def read(pointer: str, value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise wrong(pointer, expected, value)
        return value

    return read


def some_of(*words: str) -> Read:
    expected = f"a list of {' and '.join(words)}, each at most once"

    def read(pointer: str, value: Any) -> list[str]:
        if not isinstance(value, list) or any(word not in words or value.count(word) > 1 for word in value):
            raise wrong(pointer, expected, value)
        return list(value)

    return read


def plain_object(pointer: str, value: Any) -> dict[str, Any]:
    """A copy without what is not set."""
    if not isinstance(value, dict):
        raise wrong(pointer, "an object", value)
    found: dict[str, Any] = pruned(value)
    return found


def anything(pointer: str, value: Any) -> Any:
    """Checked as a whole, later."""
    return pruned(value)


def refuse_invalid(pointer: str, check: Callable[[], T]) -> T:
    """What the domain refuses anywhere is wrong in a document, too."""
    try:
        return check()
    except Invalid as error:
        raise BadDocument(f"{pointer}/{error.field}", str(error)) from error
