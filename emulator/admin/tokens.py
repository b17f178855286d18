"""Client tokens that do not run out, for people who are not there to test that: those of the emulator's own.

The longest that REST grants is an hour, which one move of the clock takes. An app renews in time; who has no app gets a
token here that lasts as long as the account's time can go.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.admin.bodies import closed_schema, known_only
from emulator.admin.operation import Operation, data_schema, json_answer, object_schema
from emulator.api.errors import BadBody
from emulator.api.validation import read_body
from emulator.clock import LAST_INSTANT, iso_seconds
from emulator.rooms.tokens import TokenMint

_BODY = closed_schema({"room_id": {"type": "string", "description": "Its id or unique name."}}, required=["room_id"])
_TOKEN = object_schema(
    {
        "room_id": {"type": "string", "description": "The room's id, also when its name was given."},
        "token": {"type": "string"},
        "token_expires_at": {"type": "string", "format": "date-time"},
    },
    required=["room_id", "token", "token_expires_at"],
)


class TokenRoutes:
    def __init__(self, access: AccountAccess, mint: TokenMint) -> None:
        self._access = access
        self._mint = mint

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                "POST",
                "/_emulator/tokens",
                "A client token for a room that never expires, wherever the account's clock is moved to.",
                self.make,
                body=_BODY,
                answers=[json_answer(data_schema(_TOKEN), status=201)],
                errors={404: "There is no such room."},
            ),
        )

    async def make(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        body = known_only(await read_body(request), _BODY["properties"])
        wanted = body.get("room_id")
        if not isinstance(wanted, str):
            raise BadBody("/room_id", "room_id: expected the id or the unique name of a room.")
        room = account.room_called(wanted)
        now = account.now()
        token = self._mint.mint(
            "access",
            room_id=room.id,
            account_id=account.id,
            ttl_secs=int((LAST_INSTANT - now).total_seconds()),
            now=now,
            new_id=account.new_token_id,
        )
        told = {"room_id": room.id, "token": token.text, "token_expires_at": iso_seconds(token.expires_at)}
        return web.json_response({"data": told}, status=201, headers={"Cache-Control": "no-store"})
