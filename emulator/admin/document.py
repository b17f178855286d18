"""The admin API's own OpenAPI 3.1 document, made from the operations that its routes are made from."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from emulator.admin.edge import API_VERSION, VERSION_HEADER
from emulator.admin.guard import TOKEN_HEADER, TOKEN_PARAMETER
from emulator.admin.operation import JSON, Answer, Operation, Schema, list_schema, object_schema

DISTRIBUTION = "telnyx-rooms-emulator"

_ERROR = object_schema(
    {
        "code": {"type": "string"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "source": object_schema({"pointer": {"type": "string"}, "parameter": {"type": "string"}}),
        "meta": object_schema({"url": {"type": "string", "format": "uri"}}),
    },
    required=["code", "title"],
)
ERRORS: Schema = object_schema({"errors": {**list_schema(_ERROR), "minItems": 1}}, required=["errors"])


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.template, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rooms emulator: admin API",
            "version": f"{API_VERSION}.0.0",
            "description": "Time, state, faults and webhooks of an account of the emulator. "
            f"Made by {DISTRIBUTION} {version(DISTRIBUTION)}; every answer names this API's version in "
            f"the header {VERSION_HEADER}.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {"Errors": ERRORS},
            "headers": {"ApiVersion": {"schema": {"type": "string"}, "description": "The admin API's version."}},
            "responses": {
                "Refused": {
                    "description": "Refused: 401 without key or token, 403 for pages of other sites, 413, 421 under a "
                    "foreign Host, 422 with the place in `source`.",
                    "headers": _HEADERS,
                    "content": {JSON: {"schema": {"$ref": "#/components/schemas/Errors"}}},
                }
            },
            "securitySchemes": {
                "account": {"type": "http", "scheme": "bearer", "description": "The API key of the account meant."},
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": TOKEN_HEADER,
                    "description": "Only where the emulator asks for it: when it is not bound to loopback.",
                },
                "token_in_query": {"type": "apiKey", "in": "query", "name": TOKEN_PARAMETER},
            },
        },
    }


_HEADERS = {VERSION_HEADER: {"$ref": "#/components/headers/ApiVersion"}}


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": _security(operation),
        "parameters": _parameters(operation),
        "responses": {
            **{str(answer.status): _answer(answer) for answer in operation.answers},
            **{str(status): _error(when) for status, when in operation.errors.items()},
            "4XX": {"$ref": "#/components/responses/Refused"},
        },
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {JSON: {"schema": operation.body}},
        }
    return {name: value for name, value in described.items() if value != [] or name == "security"}


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Each item is one way to be let in: a token is needed only by some emulators."""
    account: dict[str, list[str]] = {"account": []} if operation.account else {}
    ways = [account]
    if not operation.open:
        ways += [{**account, "token": []}, {**account, "token_in_query": []}]
    return ways


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in operation.path_parameters
    ]
    others = [
        {
            "name": parameter.name,
            "in": parameter.place,
            "required": parameter.required,
            "description": parameter.description,
            "schema": parameter.schema,
        }
        for parameter in operation.parameters
    ]
    return in_path + others


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description, "headers": _HEADERS}
    if answer.content:
        described["content"] = {kind: {"schema": schema} for kind, schema in answer.content.items()}
    return described


def _error(when: str) -> dict[str, Any]:
    return {
        "description": when,
        "headers": _HEADERS,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Errors"}}},
    }
