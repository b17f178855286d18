"""An account made with settings of its own, and dropped again: how a test on a shared emulator begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from aiohttp import web

from emulator.admin.access import HOW
from emulator.admin.bodies import closed_schema, known_only
from emulator.admin.operation import Answer, Operation, data_schema, json_answer, object_schema
from emulator.api.auth import bearer_key
from emulator.api.errors import ApiError, BadBody, Forbidden, Unauthenticated
from emulator.api.validation import Body, read_optional_body
from emulator.clock import EARLIEST_START, LATEST_START, iso_microseconds
from emulator.rooms.account import Account
from emulator.rooms.accounts import AccountExists, Accounts, TooManyAccounts
from emulator.wire import rest

_PATH = "/_emulator/account"
MAX_SEED = 2**63 - 1


class OpenAccount(Protocol):
    """Raises AccountExists, TooManyAccounts; None stands for the emulator's own setting."""

    def __call__(self, key: str, *, seed: int | None, start_time: datetime | None, freeze: bool | None) -> Account: ...


class AccountRoutes:
    """`accounts` says which keys there may be; `forget` also ends whatever goes on in the account."""

    def __init__(self, accounts: Accounts, *, open_account: OpenAccount, forget: Callable[[str], None]) -> None:
        self._accounts = accounts
        self._open = open_account
        self._forget = forget

    def operations(self) -> Sequence[Operation]:
        settings = closed_schema(
            {
                "seed": {"type": "integer", "minimum": 0, "maximum": MAX_SEED, "description": "Of all its ids."},
                "start_time": {"type": "string", "format": "date-time", "description": "Where its clock begins."},
                "freeze": {"type": "boolean", "description": "Whether its clock stands still until it is moved."},
            }
        )
        made = object_schema({"now": {"type": "string", "format": "date-time"}}, required=["now"])
        return (
            Operation(
                "POST",
                _PATH,
                "Make the account of a key that has not been used yet, with settings of its own.",
                self.open,
                body=settings,
                body_required=False,
                answers=[json_answer(data_schema(made), status=201, description="The account's time.")],
                errors={409: "The key has been used: its account is there already."},
            ),
            Operation(
                "DELETE",
                _PATH,
                "Forget the account with all its records; everybody is thrown out, its key is as good as new.",
                self.close,
                answers=[Answer(204, "Nothing is left of it, if there was one.")],
            ),
        )

    async def open(self, request: web.Request) -> web.Response:
        key = self._key(request)
        body = known_only(await read_optional_body(request) or {}, ("seed", "start_time", "freeze"))
        seed, start_time, freeze = _seed(body), _start_time(body), _freeze(body)
        try:
            account = self._open(key, seed=seed, start_time=start_time, freeze=freeze)
        except AccountExists as error:
            raise ApiError(409, rest.BAD_REQUEST, "The key of this request has an account already.") from error
        except TooManyAccounts as error:
            raise Forbidden(str(error)) from error
        return web.json_response({"data": {"now": iso_microseconds(account.clock.now())}}, status=201)

    async def close(self, request: web.Request) -> web.Response:
        self._forget(self._key(request))
        return web.Response(status=204)

    def _key(self, request: web.Request) -> str:
        """Raises Unauthenticated."""
        key = bearer_key(request)
        if key is None:
            raise Unauthenticated(HOW)
        if not self._accounts.accepts(key):
            raise Unauthenticated(f"The key is not one of those this emulator was started with. {HOW}")
        return key


def _seed(body: Body) -> int | None:
    seed = body.get("seed")
    if seed is None:
        return None
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= MAX_SEED:
        raise BadBody("/seed", f"seed must be an integer from 0 to {MAX_SEED}.")
    return seed


def _start_time(body: Body) -> datetime | None:
    text = body.get("start_time")
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise BadBody("/start_time", "start_time must be a time such as 2026-01-31T09:00:00Z.") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if not EARLIEST_START <= at <= LATEST_START:
        raise BadBody("/start_time", f"start_time must be from {EARLIEST_START.year} to {LATEST_START.year}.")
    return at


def _freeze(body: Body) -> bool | None:
    freeze = body.get("freeze")
    if freeze is not None and not isinstance(freeze, bool):
        raise BadBody("/freeze", "freeze must be true or false.")
    return freeze
