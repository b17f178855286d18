"""What goes wrong on purpose in one account, over HTTP: rules are added, listed with their counts, and removed."""

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
from emulator.faults import MAX_RULES, FaultBook, UnknownFault

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
        self._rules = RuleHandlers(access, book.of, unknown=UnknownFault, several="faults", one="one fault rule")
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
                self._rules.add,
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
                self._rules.list_all,
                answers=[json_answer(data_schema(listed))],
            ),
            Operation("DELETE", _PATH, "Remove all rules.", self._rules.clear, answers=[Answer(204)]),
            Operation(
                "DELETE",
                f"{_PATH}/{{id}}",
                "Remove one rule.",
                self._rules.remove,
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

    async def kinds(self, request: web.Request) -> web.Response:
        return answer(self._book.catalogue.describe())
