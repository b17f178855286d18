"""Time travel: the clock of one account over HTTP (design.md, "Accounts, ids, clocks")."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.admin.bodies import closed_schema, known_only
from emulator.admin.operation import Operation, Schema, data_schema, json_answer, object_schema
from emulator.api.errors import ApiError, BadBody
from emulator.api.validation import Body, read_body
from emulator.clock import Clock, ClockError, iso_microseconds
from emulator.rooms.account import Account
from emulator.travelling_clock import TravellingClock
from emulator.wire import rest

MAX_ADVANCE = timedelta(days=3653)
"""Ten years: longer than anything here lives, short enough to be a slip of the pen otherwise."""
MAX_RATE = 10_000
MIN_RATE = 0.001

_BODY: Schema = {
    "description": "Taken in this order: freeze, advance, resume or rate.",
    **closed_schema(
        {
            "freeze": {"const": True, "description": "Stand still at the present instant."},
            "advance_secs": {
                "type": "number",
                "minimum": 0,
                "maximum": MAX_ADVANCE.total_seconds(),
                "description": "Move forward by so many seconds. The answer comes when all that fell due has run.",
            },
            "resume": {"const": True, "description": "Run on, as fast as real time."},
            "rate": {
                "type": "number",
                "minimum": MIN_RATE,
                "maximum": MAX_RATE,
                "description": "Run on, at so many seconds per real second.",
            },
        }
    ),
    "anyOf": [{"required": [name]} for name in ("freeze", "advance_secs", "resume", "rate")],
}
_CLOCK = data_schema(
    object_schema(
        {
            "now": {"type": "string", "format": "date-time", "description": "The account's time."},
            "frozen": {"type": "boolean"},
            "rate": {"type": "number", "description": "Seconds of the account per real second; 0 when frozen."},
        },
        required=["now", "frozen", "rate"],
    )
)


class ClockRoutes:
    def __init__(self, access: AccountAccess) -> None:
        self._access = access

    def operations(self) -> Sequence[Operation]:
        answers = [json_answer(_CLOCK, description="How the clock stands now.")]
        return (
            Operation("GET", "/_emulator/clock", "The account's time.", self.tell, answers=answers),
            Operation(
                "POST",
                "/_emulator/clock",
                "Advance, freeze or resume the account's time.",
                self.change,
                body=_BODY,
                answers=answers,
                errors={409: "The account has a clock that does not travel."},
            ),
        )

    async def tell(self, request: web.Request) -> web.Response:
        return _answer(self._access.of(request).clock)

    async def change(self, request: web.Request) -> web.Response:
        """Advances of one account take turns; one whose client has gone runs to its end all the same."""
        account = self._access.of(request)
        wanted = _Wanted(known_only(await read_body(request), _BODY["properties"]))
        clock = _travelling(account)
        if wanted.freeze:
            clock.freeze()
        if wanted.advance is not None:
            try:
                await clock.advance(wanted.advance)
            except ClockError as error:
                raise BadBody("/advance_secs", str(error)) from error
        if wanted.rate is not None:
            clock.run(wanted.rate)
        return _answer(clock)


class _Wanted:
    """A body that was checked. Raises BadBody."""

    def __init__(self, body: Body) -> None:
        self.freeze = _is_true(body, "freeze")
        seconds = _number(body, "advance_secs", 0, MAX_ADVANCE.total_seconds())
        self.advance = None if seconds is None else timedelta(seconds=seconds)
        self.rate = _number(body, "rate", MIN_RATE, MAX_RATE)
        resume = _is_true(body, "resume")
        if resume and self.rate is None:
            self.rate = 1.0
        if not self.freeze and self.advance is None and self.rate is None:
            raise BadBody("", "Expected one of advance_secs, freeze, resume and rate.", code=rest.MISSING_PARAMETER)
        if self.freeze and self.rate is not None:
            raise BadBody("/resume" if resume else "/rate", "The clock can not both be frozen and run.")


def _is_true(body: Body, name: str) -> bool:
    if name not in body:
        return False
    if body[name] is not True:
        raise BadBody(f"/{name}", f"{name} must be true, or left out.")
    return True


def _number(body: Body, name: str, low: float, high: float) -> float | None:
    if name not in body:
        return None
    value: Any = body[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadBody(f"/{name}", f"{name} must be a number from {low:g} to {high:g}.")
    if not low <= value <= high or not math.isfinite(value):
        raise BadBody(f"/{name}", f"{name} must be from {low:g} to {high:g}, got {str(value)[:40]}.")
    return float(value)


def _travelling(account: Account) -> TravellingClock:
    if not isinstance(account.clock, TravellingClock):
        raise ApiError(409, rest.BAD_REQUEST, "This account runs on the wall clock, which nobody moves.")
    return account.clock


def _answer(clock: Clock) -> web.Response:
    frozen, rate = (clock.frozen, clock.rate) if isinstance(clock, TravellingClock) else (False, 1.0)
    return web.json_response(
        {"data": {"now": iso_microseconds(clock.now()), "frozen": frozen, "rate": rate}},
        headers={"Cache-Control": "no-store"},
    )
