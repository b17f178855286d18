"""Query strings: flags, filters, pages; each error names its parameter (rest-and-webhooks.md 1.4, 2.1; R-21, R-52)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeVar

from aiohttp import web

from emulator.api.errors import BadQuery
from emulator.api.validation import is_uuid
from emulator.rooms.queries import ANY_DATE, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, DateFilter, PageRequest

W = TypeVar("W", bound=str)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# The document gives integers no upper end; the bound keeps int() cheap.
_WHOLE = re.compile(r"[0-9]{1,100}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,100}", re.ASCII)
_OPERATORS = ("eq", "gte", "lte")
_MAX_SHOWN = 80
_NOTHING: Mapping[str, str] = {}
_FIRST_PAGE = PageRequest()


class Parameters:
    """The query of one request. Unknown keys are ignored (R-7); of a key sent twice the last counts."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    @classmethod
    def of(cls, request: web.Request) -> Parameters:
        """Brackets may come raw or percent-encoded (R-48): both are decoded here."""
        return cls(dict(request.rel_url.query.items()) if request.rel_url.raw_query_string else _NOTHING)

    def __bool__(self) -> bool:
        """Whether anything was sent."""
        return bool(self._values)

    def text(self, name: str) -> str | None:
        return self._values.get(name)

    def boolean(self, name: str) -> bool | None:
        """Raises BadQuery for anything but `true` and `false`."""
        value = self._values.get(name)
        if value is None:
            return None
        if value not in ("true", "false"):
            raise _wrong(name, "true or false", value)
        return value == "true"

    def uuid(self, name: str) -> str | None:
        """In lower case, as ids are. Raises BadQuery."""
        value = self._values.get(name)
        if value is not None and not is_uuid(value):
            raise _wrong(name, "a UUID", value)
        return value if value is None else value.lower()

    def integer(self, name: str) -> int | None:
        """Raises BadQuery."""
        value = self._values.get(name)
        if value is not None and not _INTEGER.fullmatch(value):
            raise _wrong(name, "an integer", value)
        return value if value is None else int(value)

    def one_of(self, name: str, words: Sequence[W]) -> W | None:
        """Raises BadQuery for any other word."""
        value = self._values.get(name)
        found = next((word for word in words if word == value), None)
        if value is not None and found is None:
            raise _wrong(name, "one of " + ", ".join(words), value)
        return found

    @property
    def has_page(self) -> bool:
        """Whether a page was asked for at all."""
        return "page[number]" in self._values or "page[size]" in self._values

    def flag(self, name: str) -> bool:
        return self.boolean(name) or False

    def dates(self, field: str) -> DateFilter:
        """`filter[<field>][eq|gte|lte]`. Raises BadQuery for what is no `YYYY-MM-DD`, or comes without an operator."""
        if not self._values:
            return ANY_DATE
        name = f"filter[{field}]"
        if name in self._values:
            raise BadQuery(name, f"{name} takes a date by an operator: {name}[eq], {name}[gte] or {name}[lte].")
        eq, gte, lte = (self._date(f"{name}[{operator}]") for operator in _OPERATORS)
        return DateFilter(eq, gte, lte) if eq or gte or lte else ANY_DATE

    def _date(self, name: str) -> date | None:
        value = self._values.get(name)
        if value is None:
            return None
        try:
            # The pattern first: fromisoformat also takes 20210425 and week dates.
            if _DATE.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:  # the 31st of February
            pass
        raise _wrong(name, "a date as YYYY-MM-DD", value)

    def page(self, *, lenient: bool) -> PageRequest:
        """`page[number]` and `page[size]` (R-42 to R-44).

        What is out of range raises BadQuery, or, when `lenient`, counts as the default: the SDKs' own tests send 0.
        """
        if not self._values:
            return _FIRST_PAGE
        return PageRequest(
            self._whole("page[number]", 1, None, 1, lenient),
            self._whole("page[size]", 1, MAX_PAGE_SIZE, DEFAULT_PAGE_SIZE, lenient),
        )

    def _whole(self, name: str, low: int, high: int | None, default: int, lenient: bool) -> int:
        value = self._values.get(name)
        if value is None:
            return default
        if _WHOLE.fullmatch(value):
            number = int(value)
            if number >= low and (high is None or number <= high):
                return number
        if lenient:
            return default
        raise _wrong(
            name, f"an integer of at least {low}" if high is None else f"an integer from {low} to {high}", value
        )


def _wrong(name: str, expected: str, value: str) -> BadQuery:
    shown = value if len(value) <= _MAX_SHOWN else value[:_MAX_SHOWN] + "..."
    return BadQuery(name, f"{name} must be {expected}, got {shown!r}.")
