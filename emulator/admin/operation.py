"""What the admin API can do, one `Operation` each: the routes and the OpenAPI document both come from these.

A part of the admin API (state, clock, webhooks, ...) is a class with a method `operations()`:

    class Bells:
        def __init__(self, access: AccountAccess) -> None: ...

        def operations(self) -> Sequence[Operation]:
            return (
                Operation(
                    "POST", "/_emulator/bells/{name}/ring", "Ring a bell.", self.ring,
                    body=object_schema({"times": {"type": "integer", "minimum": 1}}),
                    answers=(json_answer(object_schema({"rung": {"type": "integer"}}, required=["rung"])),),
                ),
            )

`emulator/server.py` hands the part to `Admin(parts=[...])`; that puts its routes on the application and its operations
into `/_emulator/openapi.json`. A handler may raise the ApiError family of `emulator/api/errors.py`, DomainError,
ClockError (422) and HorizonError (410); the caller gets the usual error envelope.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal, Protocol

from aiohttp.typedefs import Handler

from emulator.values import value_class

Schema = dict[str, Any]
"""A JSON schema (2020-12, as OpenAPI 3.1 has it)."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

ANYTHING: Schema = {}
JSON = "application/json"

_TEMPLATE = re.compile(r"\{(\w+)(?::[^{}]*)?\}")


@value_class(frozen=True, slots=True)
class Answer:
    """A success: its status, and a schema for each content type; no content type, no body."""

    status: int = 200
    description: str = "Done."
    content: Mapping[str, Schema] = field(default_factory=dict)


@value_class(frozen=True, slots=True)
class Parameter:
    """A query parameter or header; those in the path are found in the path."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    place: Literal["query", "header"] = "query"
    required: bool = False


@value_class(frozen=True, slots=True)
class Operation:
    """One method on one path.

    path       as aiohttp and OpenAPI both have it: `/_emulator/webhooks/{id}/redeliver`; `{rest:.*}` is allowed, too
    account    needs the bearer key of an account
    open       needs no admin token, wherever the emulator is bound: for what tells no secret and changes nothing
    errors     refusals besides those that any operation may answer with: status -> when
    """

    method: Method
    path: str
    summary: str
    handler: Handler
    body: Schema | None = None
    body_required: bool = True
    parameters: Sequence[Parameter] = ()
    answers: Sequence[Answer] = (Answer(),)
    errors: Mapping[int, str] = field(default_factory=dict)
    account: bool = True
    open: bool = False

    @property
    def name(self) -> str:
        """The `operationId`: `post_webhooks_id_redeliver`."""
        words = self.template.removeprefix("/_emulator").replace(".", "/").split("/")
        return "_".join([self.method.lower(), *(word.strip("{}") for word in words if word)])

    @property
    def template(self) -> str:
        """The path without patterns."""
        return _TEMPLATE.sub(r"{\1}", self.path)

    @property
    def path_parameters(self) -> list[str]:
        return _TEMPLATE.findall(self.path)


class Part(Protocol):
    """A part of the admin API."""

    def operations(self) -> Sequence[Operation]: ...


# -- writing schemas ---------------------------------------------------------------------------------------------------


def object_schema(
    properties: Mapping[str, Schema], *, required: Sequence[str] = (), description: str | None = None
) -> Schema:
    """An object; keys it does not name are allowed."""
    schema: Schema = {"type": "object", "properties": dict(properties)}
    if required:
        schema["required"] = list(required)
    if description is not None:
        schema["description"] = description
    return schema


def list_schema(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def data_schema(data: Schema) -> Schema:
    """The usual envelope `{"data": ...}`."""
    return object_schema({"data": data}, required=["data"])


def json_answer(schema: Schema, *, status: int = 200, description: str = "Done.") -> Answer:
    return Answer(status, description, {JSON: schema})
