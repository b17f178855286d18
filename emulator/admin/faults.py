"""What goes wrong on purpose in one account, over HTTP: rules are added, listed with their counts, and removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.admin.operation import (
    Answer,
    Operation,
    Schema,
    data_schema,
    json_answer,
    list_schema,
    object_schema,
)
from emulator.api.errors import ApiError, BadBody
from emulator.api.validation import read_body
from emulator.faults import MAX_RULES, BadFault, FaultBook, FaultError, Rule, UnknownFault
from emulator.faults.errors import below
from emulator.wire import rest

_PATH = "/_emulator/faults"
_KIND: Schema = object_schema(
    {
        "surface": {"type": "string"},
        "kind": {"type": "string"},
        "summary": {"type": "string"},
        "parameters": {"type": "object", "description": "The JSON schema of a rule's `parameters`."},
        "facts": {"type": "object", "description": "What a rule's `match` can name, and what each is."},
    },
    required=["surface", "kind", "summary", "parameters", "facts"],
)


class FaultRoutes:
    """`book` holds the rules; who resets or forgets an account also makes the book forget it."""

    def __init__(self, access: AccountAccess, book: FaultBook) -> None:
        self._access = access
        self._book = book

    def operations(self) -> Sequence[Operation]:
        rule = self._book.catalogue.schema()
        several = object_schema({"faults": {**list_schema(rule), "maxItems": MAX_RULES}}, required=["faults"])
        listed = list_schema(rule)
        return (
            Operation(
                "POST",
                _PATH,
                "Make something go wrong: add one rule, or all of `faults`, or, when one of them is wrong, none.",
                self.add,
                body={"anyOf": [rule, several]},
                answers=[
                    json_answer(
                        data_schema({"anyOf": [rule, listed]}), status=201, description="As sent, with ids and counts."
                    )
                ],
            ),
            Operation(
                "GET",
                _PATH,
                "The rules in force, in the order in which they are asked; how often each matched and fired.",
                self.list_all,
                answers=[json_answer(data_schema(listed))],
            ),
            Operation("DELETE", _PATH, "Remove all rules.", self.clear, answers=[Answer(204)]),
            Operation(
                "DELETE",
                f"{_PATH}/{{id}}",
                "Remove one rule.",
                self.remove,
                answers=[Answer(204)],
                errors={404: "No rule has this id."},
            ),
            Operation(
                "GET",
                f"{_PATH}/kinds",
                "What can go wrong where, with which parameters.",
                self.kinds,
                answers=[json_answer(data_schema(list_schema(_KIND)))],
                account=False,
            ),
        )

    async def add(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        body = await read_body(request)
        faults = self._book.of(account.id)
        try:
            if "faults" not in body:
                return _answer(faults.add(body).as_json(), status=201)
            for name in body:
                if name != "faults":
                    raise BadFault(below("", name), "one fault rule, or the list `faults` alone", "both")
            return _answer(_listed(faults.add_all(body["faults"], "/faults")), status=201)
        except FaultError as error:
            raise _refusal(error) from error

    async def list_all(self, request: web.Request) -> web.Response:
        return _answer(_listed(self._book.of(self._access.of(request).id).rules))

    async def clear(self, request: web.Request) -> web.Response:
        self._book.of(self._access.of(request).id).clear()
        return web.Response(status=204)

    async def remove(self, request: web.Request) -> web.Response:
        faults = self._book.of(self._access.of(request).id)
        try:
            faults.remove(request.match_info["id"])
        except FaultError as error:
            raise _refusal(error) from error
        return web.Response(status=204)

    async def kinds(self, request: web.Request) -> web.Response:
        return _answer(self._book.catalogue.describe())


def _refusal(error: FaultError) -> ApiError:
    match error:
        case BadFault():
            return BadBody(error.pointer, str(error))
        case UnknownFault():
            return ApiError(404, rest.NOT_FOUND, str(error))
        case _:  # TooManyFaults
            return BadBody("", str(error))


def _listed(rules: Sequence[Rule]) -> list[Any]:
    return [rule.as_json() for rule in rules]


def _answer(data: Any, *, status: int = 200) -> web.Response:
    return web.json_response({"data": data}, status=status, headers={"Cache-Control": "no-store"})
