"""What went over the wire: REST calls, signaling frames, webhook attempts, faults that fired."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aiohttp import hdrs, web

from emulator.admin.access import AccountAccess
from emulator.admin.operation import JSON, Answer, Operation, Parameter, data_schema, list_schema, object_schema
from emulator.admin.whole import whole
from emulator.api.errors import BadQuery
from emulator.wirelog import KINDS, Entry, WireLogs

JSON_LINES = "application/x-ndjson"
DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000

_WORDS = tuple(kind.kind for kind in KINDS)
_COUNT = {"type": "integer", "minimum": 0}
_ENTRY = object_schema(
    {
        "number": {"type": "integer", "description": "1, 2, 3, ...; of `unattributed` entries a count of their own."},
        "at": {"type": "string", "format": "date-time", "description": "The account's time when it was noted."},
        "real": {"type": "number", "description": "The same in real seconds, on a clock that only goes on."},
        "kind": {"type": "string", "enum": list(_WORDS)},
    },
    required=["number", "at", "real", "kind"],
)
_LIST = data_schema(
    object_schema(
        {
            "entries": {**list_schema(_ENTRY), "description": "The account's, oldest first."},
            "unattributed": {
                **list_schema(_ENTRY),
                "description": "The last of what told no account (no key, a bad token), whatever `since` says.",
            },
            "next_since": {**_COUNT, "description": "`since` of the next request, to miss nothing."},
            "last_number": {**_COUNT, "description": "The newest entry's."},
            "more": {"type": "boolean", "description": "Whether there is more already."},
            "dropped": {**_COUNT, "description": "How many of the account's oldest are not kept any more."},
        },
        required=["entries", "unattributed", "next_since", "last_number", "more", "dropped"],
    )
)


class WireRoutes:
    def __init__(self, access: AccountAccess, wire: WireLogs) -> None:
        self._access = access
        self._wire = wire

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                "GET",
                "/_emulator/wire",
                f"What went over the wire, without secrets; a line each with Accept: {JSON_LINES}.",
                self.tell,
                parameters=(
                    Parameter("since", "Only entries with a higher number.", {"type": "integer", "minimum": 0}),
                    Parameter("limit", "At most so many.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
                    Parameter("kind", f"Only of these kinds, joined by commas: {', '.join(_WORDS)}."),
                ),
                answers=[Answer(content={JSON: _LIST, JSON_LINES: {"type": "string"}})],
            ),
        )

    async def tell(self, request: web.Request) -> web.Response:
        own = self._wire.of(self._access.of(request))
        since = whole("since", request.query.get("since", "0"), 0, 10**15)
        limit = whole("limit", request.query.get("limit", str(DEFAULT_LIMIT)), 1, MAX_LIMIT)
        kinds = _kinds(request)
        wanted = [entry for entry in own.since(since) if entry.kind in kinds]
        entries = _told(wanted[:limit])
        if JSON_LINES in request.headers.get(hdrs.ACCEPT, ""):
            text = "".join(json.dumps(entry) + "\n" for entry in entries)
            return web.Response(text=text, content_type=JSON_LINES, headers=_FRESH)
        strays = [entry for entry in self._wire.unattributed.since(0) if entry.kind in kinds]
        more = len(wanted) > limit
        told = {
            "entries": entries,
            "unattributed": _told(strays[-limit:]),
            "next_since": entries[-1]["number"] if more else max(since, own.last_number),
            "last_number": own.last_number,
            "more": more,
            "dropped": own.dropped,
        }
        return web.json_response({"data": told}, headers=_FRESH)


_FRESH = {hdrs.CACHE_CONTROL: "no-store"}


def _told(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [entry.as_json() for entry in entries]


def _kinds(request: web.Request) -> frozenset[str]:
    """Raises BadQuery."""
    named = [name.strip() for text in request.query.getall("kind", []) for name in text.split(",")]
    kinds = frozenset(named) - {""}
    for name in sorted(kinds - set(_WORDS)):
        raise BadQuery("kind", f"kind must be of {', '.join(_WORDS)}, got {name[:80]!r}.")
    return kinds or frozenset(_WORDS)
