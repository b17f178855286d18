"""Bad networks on purpose, over HTTP: impairments of participants are set, listed with their counts, and removed."""

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
from emulator.faults import BadFault, FaultError
from emulator.faults.errors import below
from emulator.media.impairments import (
    MAX_IMPAIRMENTS,
    ActiveImpairment,
    ImpairmentBook,
    UnknownImpairment,
    describe,
    schema,
)
from emulator.wire import rest

_PATH = "/_emulator/impairments"
_KIND: Schema = object_schema(
    {
        "kind": {"type": "string"},
        "summary": {"type": "string"},
        "parameters": {"type": "object", "description": "The JSON schema of an impairment's `parameters`."},
    },
    required=["kind", "summary", "parameters"],
)


class ImpairmentRoutes:
    """`book` holds the impairments; who resets or forgets an account also makes the book forget it."""

    def __init__(self, access: AccountAccess, book: ImpairmentBook) -> None:
        self._access = access
        self._book = book

    def operations(self) -> Sequence[Operation]:
        one = schema()
        listed = list_schema(one)
        several = object_schema({"impairments": {**listed, "maxItems": MAX_IMPAIRMENTS}}, required=["impairments"])
        return (
            Operation(
                "POST",
                _PATH,
                "Impair a participant's network: add one, or all of `impairments`, or, if one of them is wrong, none.",
                self.add,
                body={"anyOf": [one, several]},
                answers=[
                    json_answer(
                        data_schema({"anyOf": [one, listed]}), status=201, description="As sent, with ids and counts."
                    )
                ],
            ),
            Operation(
                "GET",
                _PATH,
                "The impairments at work, in the order in which datagrams pass them; what each has done.",
                self.list_all,
                answers=[json_answer(data_schema(listed))],
            ),
            Operation(
                "DELETE",
                _PATH,
                "Remove all impairments; what they hold back goes on.",
                self.clear,
                answers=[Answer(204)],
            ),
            Operation(
                "DELETE",
                f"{_PATH}/{{id}}",
                "Remove one impairment.",
                self.remove,
                answers=[Answer(204)],
                errors={404: "No impairment has this id (any more)."},
            ),
            Operation(
                "GET",
                f"{_PATH}/kinds",
                "What can be wrong with a network, with which parameters.",
                self.kinds,
                answers=[json_answer(data_schema(list_schema(_KIND)))],
                account=False,
            ),
        )

    async def add(self, request: web.Request) -> web.Response:
        account = self._access.of(request)
        body = await read_body(request)
        impairments = self._book.of(account.id)
        try:
            if "impairments" not in body:
                return _answer(impairments.add(body).as_json(), status=201)
            for name in body:
                if name != "impairments":
                    raise BadFault(below("", name), "one impairment, or the list `impairments` alone", "both")
            return _answer(_listed(impairments.add_all(body["impairments"], "/impairments")), status=201)
        except FaultError as error:
            raise _refusal(error) from error

    async def list_all(self, request: web.Request) -> web.Response:
        return _answer(_listed(self._book.of(self._access.of(request).id).active))

    async def clear(self, request: web.Request) -> web.Response:
        self._book.of(self._access.of(request).id).clear()
        return web.Response(status=204)

    async def remove(self, request: web.Request) -> web.Response:
        impairments = self._book.of(self._access.of(request).id)
        try:
            impairments.remove(request.match_info["id"])
        except FaultError as error:
            raise _refusal(error) from error
        return web.Response(status=204)

    async def kinds(self, request: web.Request) -> web.Response:
        return _answer(describe())


def _refusal(error: FaultError) -> ApiError:
    match error:
        case BadFault():
            return BadBody(error.pointer, str(error))
        case UnknownImpairment():
            return ApiError(404, rest.NOT_FOUND, str(error))
        case _:  # TooManyImpairments
            return BadBody("", str(error))


def _listed(impairments: Sequence[ActiveImpairment]) -> list[Any]:
    return [impairment.as_json() for impairment in impairments]


def _answer(data: Any, *, status: int = 200) -> web.Response:
    return web.json_response({"data": data}, status=status, headers={"Cache-Control": "no-store"})
