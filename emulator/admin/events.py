"""What has happened in an account, as a list and as server-sent events."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from itertools import islice

from aiohttp import hdrs, web

from emulator.admin.access import AccountAccess
from emulator.admin.edge import STREAM_HEADERS
from emulator.admin.event_stream import KEEP_ALIVE_SECS, CutOff, EventStream
from emulator.admin.operation import JSON, Answer, Operation, Parameter, list_schema, object_schema
from emulator.admin.whole import whole
from emulator.api.errors import ApiError, BadQuery
from emulator.events import EventLog, Record
from emulator.rooms.account import Account
from emulator.rooms.happenings import EVENT_TYPES
from emulator.wire import rest

log = logging.getLogger("emulator.admin")

EVENT_STREAM = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"
DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000
MAX_LISTENERS = 100
"""Of the whole emulator: each holds a connection and a queue."""

_EVENT = object_schema(
    {
        "number": {"type": "integer", "description": "1, 2, 3, ..."},
        "at": {"type": "string", "format": "date-time", "description": "The account's time."},
        "type": {"type": "string", "enum": sorted(EVENT_TYPES)},
        "payload": {"type": "object"},
    },
    required=["number", "at", "type", "payload"],
)
_LIST = object_schema(
    {
        "data": list_schema(_EVENT),
        "meta": object_schema(
            {
                "next_since": {"type": "integer", "description": "`since` of the next request, to miss nothing."},
                "last_number": {"type": "integer", "description": "The newest event's."},
                "more": {"type": "boolean", "description": "Whether there is more already."},
            },
            required=["next_since", "last_number", "more"],
        ),
    },
    required=["data", "meta"],
)
_PARAMETERS = (
    Parameter(
        "since",
        "Events with a higher number; `now` for those to come. Without it, all that are kept.",
        {"oneOf": [{"type": "integer", "minimum": 0}, {"const": "now"}]},
    ),
    Parameter("limit", "At most so many (lists only).", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
    Parameter("type", "Only events of these types, joined by commas or repeated."),
    Parameter(LAST_EVENT_ID, "Resumes a stream after this event.", {"type": "integer"}, place="header"),
)


class EventRoutes:
    def __init__(self, access: AccountAccess, *, keep_alive_secs: float = KEEP_ALIVE_SECS) -> None:
        self._access = access
        self._keep_alive_secs = keep_alive_secs
        self._streams: dict[EventStream, Account] = {}
        self._over = False

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                "GET",
                "/_emulator/events",
                f"What has happened; live with Accept: {EVENT_STREAM}.",
                self.events,
                parameters=_PARAMETERS,
                answers=[Answer(content={JSON: _LIST, EVENT_STREAM: {"type": "string"}})],
                errors={410: "Events before the oldest that is kept were asked for.", 429: "Too many listeners."},
            ),
        )

    async def events(self, request: web.Request) -> web.StreamResponse:
        account = self._access.of(request)
        wanted = _wanted(request)
        if EVENT_STREAM in request.headers.get(hdrs.ACCEPT, "") and request.method == hdrs.METH_GET:
            return await self._stream(request, account, _resumed(request, account.log), wanted)
        return _list(request, account.log, _since(request, account.log), wanted)

    async def _stream(
        self, request: web.Request, account: Account, since: int, wanted: Callable[[Record], bool]
    ) -> web.StreamResponse:
        if len(self._streams) >= MAX_LISTENERS:
            raise ApiError(429, rest.TOO_MANY_REQUESTS, f"{MAX_LISTENERS} clients listen to events already.")
        stream = EventStream(account.log, since=since, wanted=wanted, keep_alive_secs=self._keep_alive_secs)
        response = web.StreamResponse(
            headers={
                **request.get(STREAM_HEADERS, {}),
                hdrs.CONTENT_TYPE: EVENT_STREAM,
                hdrs.CACHE_CONTROL: "no-store",
            }
        )
        self._streams[stream] = account
        if self._over:
            stream.end()
        try:
            await response.prepare(request)
            await stream.run(response)
            with contextlib.suppress(ConnectionError):
                await response.write_eof()
        except CutOff as error:
            log.info("a listener of events is cut off: %s", error)
            _abort(request)
        except ConnectionError:
            pass  # the listener has gone
        finally:
            stream.end()
            del self._streams[stream]
        return response

    @property
    def listeners(self) -> int:
        return len(self._streams)

    def forget(self, account: Account) -> None:
        """The account is gone: those who listen to it have heard everything."""
        for stream, heard in tuple(self._streams.items()):
            if heard is account:
                stream.end()

    def end(self) -> None:
        """The emulator stops: nobody listens any more."""
        self._over = True
        for stream in tuple(self._streams):
            stream.end()


def _abort(request: web.Request) -> None:
    """Not closed in order: that would wait until what is written has been read."""
    if request.transport is not None:
        request.transport.abort()


def _list(request: web.Request, events: EventLog, since: int, wanted: Callable[[Record], bool]) -> web.Response:
    limit = whole("limit", request.query.get("limit", str(DEFAULT_LIMIT)), 1, MAX_LIMIT)
    found = list(islice(filter(wanted, events.since(since)), limit + 1))
    more = len(found) > limit
    del found[limit:]
    meta = {
        "next_since": found[-1].number if more else max(since, events.last_number),
        "last_number": events.last_number,
        "more": more,
    }
    body = rest.encode({"data": [record.as_json() for record in found], "meta": meta})
    return web.Response(body=body, content_type=JSON, headers={hdrs.CACHE_CONTROL: "no-store"})


def _since(request: web.Request, events: EventLog) -> int:
    text = request.query.get("since")
    if text is None:
        return events.first_number - 1
    if text == "now":
        return events.last_number
    return whole("since", text, 0, 10**15)


def _resumed(request: web.Request, events: EventLog) -> int:
    """A browser that comes back says where it was, and repeats the address with its old `since`."""
    text = request.headers.get(LAST_EVENT_ID)
    if text is None:
        return _since(request, events)
    number = whole(LAST_EVENT_ID, text, 0, 10**15)
    # Numbers that the log has not reached are of an emulator that ran before.
    return number if number <= events.last_number else events.first_number - 1


def _wanted(request: web.Request) -> Callable[[Record], bool]:
    """Raises BadQuery for a type that does not exist: it would wait for ever."""
    types = frozenset(name.strip() for text in request.query.getall("type", []) for name in text.split(",")) - {""}
    unknown = sorted(types - EVENT_TYPES.keys())
    if unknown:
        raise BadQuery(
            "type", f"No event has the type {unknown[0][:80]!r}; there are {', '.join(sorted(EVENT_TYPES))}."
        )
    return (lambda record: record.event.type in types) if types else (lambda record: True)
