"""Bad networks on purpose, over HTTP: impairments of participants are set, listed with their counts, and removed."""

from __future__ import annotations

from collections.abc import Sequence

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
from emulator.admin.rules import RuleHandlers, answer
from emulator.media.impairments import (
    MAX_IMPAIRMENTS,
    ImpairmentBook,
    UnknownImpairment,
    describe,
    schema,
)

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
        self._rules = RuleHandlers(
            access, book.of, unknown=UnknownImpairment, several="impairments", one="one impairment"
        )

    def operations(self) -> Sequence[Operation]:
        one = schema()
        listed = list_schema(one)
        several = object_schema({"impairments": {**listed, "maxItems": MAX_IMPAIRMENTS}}, required=["impairments"])
        return (
            Operation(
                "POST",
                _PATH,
                "Impair a participant's network: add one, or all of `impairments`, or, if one of them is wrong, none.",
                self._rules.add,
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
                self._rules.list_all,
                answers=[json_answer(data_schema(listed))],
            ),
            Operation(
                "DELETE",
                _PATH,
                "Remove all impairments; what they hold back goes on.",
                self._rules.clear,
                answers=[Answer(204)],
            ),
            Operation(
                "DELETE",
                f"{_PATH}/{{id}}",
                "Remove one impairment.",
                self._rules.remove,
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

    async def kinds(self, request: web.Request) -> web.Response:
        return answer(describe())
