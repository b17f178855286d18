"""Why does my call hang? What signaling refused, for a person or a test to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from emulator.admin.access import AccountAccess
from emulator.admin.operation import Operation, Parameter, data_schema, json_answer, list_schema, object_schema
from emulator.api.errors import BadQuery
from emulator.signaling.problems import Problem, Problems

MAX_DIGITS = 15

_NULLABLE_TEXT = {"type": ["string", "null"]}
_PROBLEM = object_schema(
    {
        "number": {"type": "integer", "description": "Counts the problems of the whole emulator."},
        "at": {"type": "string", "format": "date-time", "description": "The account's time."},
        "room_id": {"type": "string"},
        "connection": {"type": "string", "description": "Which of the account's connections; empty before a token."},
        "participant_id": _NULLABLE_TEXT,
        "frame": object_schema(
            {
                "janus": _NULLABLE_TEXT,
                "plugin": _NULLABLE_TEXT,
                "request": _NULLABLE_TEXT,
                "transaction": _NULLABLE_TEXT,
                "handle_id": {"type": ["integer", "null"]},
            },
            description="What was refused; all null for a frame that could not be read, and for `closed`.",
        ),
        "form": {
            "enum": ["status_code", "janus_error", "plugin_error", "accepted", "closed"],
            "description": "How the client was told; `accepted`: not at all, the request succeeded.",
        },
        "code": {"type": "integer"},
        "reason": {"type": "string"},
        "rule": {"type": "string", "description": "The statement of the reference that is at stake, e.g. S-9."},
        "mend": {"type": "string", "description": "What the application should do."},
        "line": {"type": "string", "description": "All of it in one line, as on the console."},
    }
)
_PROBLEMS = data_schema(
    object_schema(
        {
            "problems": {**list_schema(_PROBLEM), "description": "The account's, oldest first."},
            "unattributed": {
                **list_schema(_PROBLEM),
                "description": "Of connections whose token and room tell no account.",
            },
            "last_number": {"type": "integer", "description": "Pass it as `since` to get only what is new."},
            "dropped": {"type": "integer", "description": "How many of the account's oldest are not kept any more."},
        },
        required=["problems", "unattributed", "last_number", "dropped"],
    )
)


class ProblemRoutes:
    """Problems of signaling; refusals on the REST surface are no problems, their callers are told."""

    def __init__(self, access: AccountAccess, problems: Problems) -> None:
        self._access = access
        self._problems = problems

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                "GET",
                "/_emulator/problems",
                "Why a call hangs: what signaling refused, and what to do about it.",
                self.tell,
                parameters=(
                    Parameter("since", "Only problems with a higher number.", {"type": "integer", "minimum": 0}),
                ),
                answers=(json_answer(_PROBLEMS, description="The problems, oldest first."),),
            ),
        )

    async def tell(self, request: web.Request) -> web.Response:
        account, since = self._access.of(request), _since(request)
        own = self._problems.of(account)
        return web.json_response(
            {
                "data": {
                    "problems": _listed(own.since(since)),
                    "unattributed": _listed(self._problems.unattributed.since(since)),
                    "last_number": self._problems.last_number,
                    "dropped": own.dropped,
                }
            }
        )


def _listed(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [problem.as_json() for problem in problems]


def _since(request: web.Request) -> int:
    """Raises BadQuery."""
    text = request.query.get("since", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise BadQuery("since", f"since must be the number of a problem (0 or more), got {text!r:.80}.")
    return int(text)
