"""An account's whole state as one JSON document: put in, taken out, thrown away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.admin.operation import Operation, Schema, data_schema, json_answer, list_schema, object_schema
from emulator.api.validation import read_body
from emulator.rooms.account import Account

MAX_STATE_BYTES = 32 * 1024 * 1024
"""Room for 5,000 rooms with 20,000 participants, a few times over."""

OnReset = Callable[[Account], object]

_RESOURCES = ("rooms", "room_sessions", "room_participants", "room_recordings", "room_compositions")
_DOCUMENT: Schema = object_schema(
    {
        **{name: list_schema({"type": "object"}) for name in _RESOURCES},
        "refresh_tokens": list_schema(
            object_schema({"room_id": {"type": "string"}, "token": {"type": "string"}}, required=["room_id", "token"])
        ),
    },
    description="Lists of resources with the plain fields of the REST API; null, empty or absent is unset. Refresh "
    "tokens are literal strings to accept for a room. Keys it does not know are ignored.",
)
_DONE = json_answer(data_schema(object_schema({"result": {"const": "ok"}}, required=["result"])))


class StateRoutes:
    """`on_reset` is called for an account whose state was reset: whoever keeps more about it, forgets that."""

    def __init__(self, access: AccountAccess, *, on_reset: Sequence[OnReset] = ()) -> None:
        self._access = access
        self._on_reset = tuple(on_reset)

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                "GET",
                "/_emulator/state",
                "The account's whole state, as POST takes it.",
                self.export,
                answers=[json_answer(_DOCUMENT)],
            ),
            Operation(
                "POST",
                "/_emulator/state",
                "Replace the account's whole state.",
                self.load,
                body=_DOCUMENT,
                answers=[_DONE],
                errors={422: "The document is wrong at `source.pointer`; nothing has changed."},
            ),
            Operation(
                "POST",
                "/_emulator/reset",
                "Forget rooms and all else, faults, and what webhooks there are; everybody is thrown out.",
                self.reset,
                answers=[_DONE],
            ),
        )

    async def export(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        return web.json_response(account.export_state(), headers={"Cache-Control": "no-store"})

    async def load(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        account.load_state(await read_body(request, limit=MAX_STATE_BYTES))
        return _done()

    async def reset(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        account.reset()
        for forget in self._on_reset:
            forget(account)
        return _done()


def _done() -> web.Response:
    return web.json_response({"data": {"result": "ok"}})
