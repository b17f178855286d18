"""The picture of an account: who was there, what they did, what went wrong, on one axis."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import hdrs, web

from emulator.admin.access import AccountAccess
from emulator.admin.operation import (
    JSON,
    Answer,
    Operation,
    Parameter,
    data_schema,
    list_schema,
    object_schema,
)
from emulator.admin.whole import whole
from emulator.api.errors import BadQuery
from emulator.signaling.problems import Problems
from emulator.wirelog import WireLogs

HTML = "text/html"
AXES = ("real", "account")
_ANY = {"type": "object"}
_TIMELINE = object_schema(
    {
        "began": {"type": "string", "format": "date-time", "description": "The account's time at 0."},
        "seconds": {"type": "number", "description": "Where the picture ends: now."},
        "real_origin": {"type": "number", "description": "What the clock of `real` in the wire log said at 0."},
        "rows": {**list_schema(_ANY), "description": "Rooms and participants with their `spans` and `points`."},
        "events": {**list_schema(_ANY), "description": "As /_emulator/events tells them, with `t`."},
        "wire": {**list_schema(_ANY), "description": "As /_emulator/wire tells it, with `t`."},
        "problems": {**list_schema(_ANY), "description": "As /_emulator/problems tells them, with `t`."},
        "last_event": {"type": "integer", "description": "`after_event` of a picture that begins now."},
        "last_entry": {"type": "integer", "description": "`after_entry` of a picture that begins now."},
        "dropped": {"type": "integer", "description": "So much of it is not kept any more."},
    },
    required=["began", "seconds", "real_origin", "rows", "events", "wire", "problems", "last_event", "last_entry"],
)


class TimelineRoutes:
    def __init__(self, access: AccountAccess, wire: WireLogs, problems: Problems) -> None:
        self._access = access
        self._wire = wire
        self._problems = problems

    def operations(self) -> Sequence[Operation]:
        count = {"type": "integer", "minimum": 0}
        return (
            Operation(
                "GET",
                "/_emulator/timeline",
                f"What has happened as one picture; as a page with Accept: {HTML}.",
                self.tell,
                parameters=(
                    Parameter("after_event", "Only events with a higher number.", count),
                    Parameter("after_entry", "Only entries of the wire log with a higher number.", count),
                    Parameter("axis", "Real seconds, or the account's time.", {"enum": list(AXES)}),
                ),
                answers=[Answer(content={JSON: data_schema(_TIMELINE), HTML: {"type": "string"}})],
            ),
        )

    async def tell(self, request: web.Request) -> web.Response:
        from emulator.timeline.page import page  # few ask for it; the start need not load it
        from emulator.timeline.report import of_account

        account, query = self._access.of(request), request.query
        axis = query.get("axis", AXES[0])
        if axis not in AXES:
            raise BadQuery("axis", f"axis must be one of {', '.join(AXES)}, got {axis[:80]!r}.")
        last = {"last_event": account.log.last_number, "last_entry": self._wire.of(account).last_number}
        document = of_account(
            account,
            self._wire,
            self._problems,
            after_event=whole("after_event", query.get("after_event", "0"), 0, 10**15),
            after_entry=whole("after_entry", query.get("after_entry", "0"), 0, 10**15),
            axis="account" if axis == "account" else "real",
        )
        fresh = {hdrs.CACHE_CONTROL: "no-store"}
        if HTML in request.headers.get(hdrs.ACCEPT, ""):
            return web.Response(text=page(document), content_type=HTML, headers=fresh)
        return web.json_response({"data": document | last}, headers=fresh)
