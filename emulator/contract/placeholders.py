"""A recording without what is another in each run: ids, tokens, times, addresses of this machine, measured lengths.

The file stays the same between runs, and a replay sends no other server to a port of ours. Each id and token of an
account becomes the number of its first appearance, in a form that is still one, so that it is known again; times keep
the form in which they were written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from emulator.contract.consumer import Recorded

HOST = "local.example"
"""Nobody's, for ever (RFC 2606)."""
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TOKEN = re.compile(r"\[token [0-9a-f]+\]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_DATE = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])")
_SINK = re.compile(r"https?://[^/\s\"?#]+/_emulator/sink/[\w.~-]+")
_LOOPBACK = re.compile(r"(https?)://(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::(\d+))?(?=[/?#\s\"]|$)")
_EXPIRY = re.compile(r"(?<=[?&]expires=)\d+", re.IGNORECASE)
_MEASURED = ("duration_secs", "size_mb", "total_pages", "total_results")


class Placeholders:
    """Of one account."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._tokens: dict[str, str] = {}

    def put_into(self, exchange: Recorded) -> Recorded:
        """Times that are sent in a body stay: names are made of them, which must not become the same."""
        return replace(
            exchange,
            path=self._names(exchange.path),
            query=self._query(exchange.query),
            body=_each_text(exchange.body, self._names),
            text=None if exchange.text is None else self._names(exchange.text),
            answer=_each_text(_without_measures(exchange.answer), self._answered),
        )

    def _names(self, text: str) -> str:
        text = _ID.sub(lambda found: self._ids.setdefault(found[0].lower(), _id(len(self._ids) + 1)), text)
        text = _TOKEN.sub(lambda found: self._tokens.setdefault(found[0], f"[token {len(self._tokens) + 1}]"), text)
        return _LOOPBACK.sub(_elsewhere, _SINK.sub(f"http://{HOST}/webhooks", text))

    def _answered(self, text: str) -> str:
        return _EXPIRY.sub("0", _without_times(self._names(text)))

    def _query(self, query: str) -> str:
        """As it was written, unless there is something in it."""
        given = parse_qsl(query, keep_blank_values=True)
        said = [(name, _without_times(self._names(value))) for name, value in given]
        return query if said == given else urlencode(said)


def _id(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def _elsewhere(found: re.Match[str]) -> str:
    """What is no port was meant to be none."""
    return found[0] if int(found[2] or 0) > 65535 else f"{found[1]}://{HOST}"


def _without_times(text: str) -> str:
    return _DATE.sub(_first_day, _TIME.sub(_midnight, text))


def _midnight(found: re.Match[str]) -> str:
    if not _is_time(found[0]):
        return found[0]
    fraction = "" if found[1] is None else "." + "0" * (len(found[1]) - 1)
    return f"2000-01-01T00:00:00{fraction}{found[2] or ''}"


def _first_day(found: re.Match[str]) -> str:
    return "2000-01-01" if _is_time(found[0]) else found[0]


def _is_time(text: str) -> bool:
    """What is none was meant to be refused."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _each_text(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [_each_text(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def _without_measures(value: Any) -> Any:
    """Nor with what was in a list at that moment: a replay compares only that it is one."""
    if isinstance(value, dict):
        return {
            name: 0 if name in _MEASURED and isinstance(inner, int | float) else _without_measures(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_measures(inner) for inner in value if not (isinstance(inner, dict) and "id" in inner)]
    return value
