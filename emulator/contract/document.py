"""Our own OpenAPI document of the REST API: which operations there are, and whether an exchange keeps to it.

The document is read once. Validation is JSON Schema 2020-12 with the formats that the service uses: lower-case UUIDs,
UTC times that end in Z (rest-and-webhooks.md, section 1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

METHODS = ("get", "post", "put", "patch", "delete")
MAX_SHOWN = 120

_FORMATS = FormatChecker(formats=())
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", re.ASCII)

for _name, _pattern in {"uuid": _UUID, "date-time": _TIME, "date": _DATE, "uri": _URI}.items():

    def _fits(value: object, pattern: re.Pattern[str] = _pattern) -> bool:
        return not isinstance(value, str) or pattern.fullmatch(value) is not None

    _FORMATS.checks(_name)(_fits)


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which an exchange breaks the document. `where` is a place: `answer /data/id`, `query page[size]`."""

    operation: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.where}: {self.what}"


@dataclass(frozen=True)
class Operation:
    """One operation. `parameters` are resolved; `secured` tells whether a key is asked for."""

    id: str
    method: str
    """In upper case."""
    template: str
    """`/rooms/{room_id}`"""
    summary: str
    rules: tuple[str, ...]
    secured: bool
    parameters: tuple[Mapping[str, Any], ...]
    body: Mapping[str, Any] | None
    """Schema of the request's JSON body; None: it takes none."""
    responses: Mapping[str, Mapping[str, Any]]
    """Status or `4XX` -> resolved response."""

    def response(self, status: int) -> Mapping[str, Any] | None:
        exact = self.responses.get(str(status))
        return exact if exact is not None else self.responses.get(f"{status // 100}XX")

    @property
    def success(self) -> int:
        """The one status of success."""
        return int(next(status for status in self.responses if status.startswith("2")))


class Document:
    """An OpenAPI 3.1 document with `#/components` references only."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(self._operations())

    @cached_property
    def _by_path(self) -> list[tuple[re.Pattern[str], dict[str, Operation]]]:
        paths: dict[str, dict[str, Operation]] = {}
        for operation in self.operations:
            paths.setdefault(operation.template, {})[operation.method] = operation
        return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), methods) for path, methods in paths.items()]

    def find(self, method: str, path: str) -> Operation | None:
        """The operation that a request is for; None for what the document does not have. With or without `/v2`."""
        plain = path.partition("?")[0]
        plain = plain.removeprefix("/v2") if plain.startswith("/v2/") else plain
        for pattern, methods in self._by_path:
            if pattern.fullmatch(plain):
                return methods.get(method.upper())
        return None

    # -- holding exchanges against it -----------------------------------------------------------------------------

    def check_answer(self, operation: Operation, status: int, content_type: str, body: bytes) -> list[Violation]:
        """What of an answer is not as described; empty is well."""

        def violation(where: str, what: str) -> Violation:
            return Violation(operation.id, where, what)

        response = operation.response(status)
        if response is None:
            return [violation("status", f"{status} is not described; described: {', '.join(operation.responses)}")]
        media = response.get("content", {}).get("application/json")
        if media is None:
            return [violation("answer", f"{status} has no body, got {len(body)} bytes")] if body else []
        if content_type.partition(";")[0].strip().lower() != "application/json":
            return [violation("content-type", f"expected application/json, got {content_type or 'none'}")]
        try:
            value = json.loads(body)
        except ValueError as error:
            return [violation("answer", f"no JSON: {error}")]
        return [violation(f"answer {where or '/'}", what) for where, what in self.mistakes(media["schema"], value)]

    def check_request(self, operation: Operation, query: Mapping[str, str], body: bytes) -> list[Violation]:
        """What of a request is not as described: unknown or wrong parameters, a body that does not fit."""
        found = [
            Violation(operation.id, f"query {name}", what)
            for name, value in query.items()
            if (what := self._query_mistake(operation, name, value)) is not None
        ]
        if operation.body is None:
            return found
        try:
            value = json.loads(body) if body else None
        except ValueError as error:
            return [*found, Violation(operation.id, "body", f"no JSON: {error}")]
        if value is None:
            return [*found, Violation(operation.id, "body", "missing")]
        mistakes = self.mistakes(operation.body, value)
        found += [Violation(operation.id, f"body {where or '/'}", what) for where, what in mistakes]
        if isinstance(value, dict):
            known = self._resolved(operation.body).get("properties", {})
            found += [Violation(operation.id, f"body /{name}", "not described") for name in value if name not in known]
        return found

    def mistakes(self, schema: Mapping[str, Any], value: Any) -> list[tuple[str, str]]:
        """(JSON pointer, what is wrong) for each place that does not fit."""
        key = id(schema)
        validator = self._validators.get(key)
        if validator is None:
            # The schema beside the components it refers to, so that "#/components/..." is found.
            rooted = {**schema, "components": self.raw["components"]}
            validator = self._validators[key] = Draft202012Validator(rooted, format_checker=_FORMATS)
        if validator.is_valid(value):
            return []
        found = []
        for error in validator.iter_errors(value):
            inner = best_match([error]) or error
            pointer = "".join(f"/{part}" for part in inner.absolute_path)
            found.append((pointer, _shortened(inner.message)))
        return found

    @cached_property
    def _validators(self) -> dict[int, Draft202012Validator]:
        return {}

    def _query_mistake(self, operation: Operation, name: str, value: str) -> str | None:
        plain, _, inner = name.partition("[")
        parameter = next((p for p in operation.parameters if p["in"] == "query" and p["name"] == plain), None)
        if parameter is None:
            return "not described"
        schema = self._resolved(parameter["schema"])
        for member in re.findall(r"\[([^\]]*)\]", f"[{inner}" if inner else ""):
            properties = schema.get("properties", {})
            if member not in properties:
                return "not described"
            schema = self._resolved(properties[member])
        if schema.get("type") == "object":
            return "a member in brackets is missing"
        mistakes = self.mistakes(schema, _from_query(schema, value))
        return mistakes[0][1] if mistakes else None

    # -- reading it -----------------------------------------------------------------------------------------------

    def _operations(self) -> Iterator[Operation]:
        keyed = bool(self.raw.get("security"))
        for template, item in self.raw["paths"].items():
            shared = item.get("parameters", ())
            for method in METHODS:
                if method not in item:
                    continue
                raw = item[method]
                body = raw.get("requestBody")
                yield Operation(
                    id=raw["operationId"],
                    method=method.upper(),
                    template=template,
                    summary=raw.get("summary", ""),
                    rules=tuple(raw.get("x-rules", ())),
                    secured=bool(raw["security"]) if "security" in raw else keyed,
                    parameters=tuple(self._resolved(each) for each in (*shared, *raw.get("parameters", ()))),
                    body=self._resolved(body)["content"]["application/json"]["schema"] if body else None,
                    responses={str(status): self._resolved(each) for status, each in raw["responses"].items()},
                )

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in node:
            found: Any = self.raw
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node


def _from_query(schema: Mapping[str, Any], value: str) -> Any:
    """A query value as the JSON value that its schema speaks of; as it came if it is none."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,100}", value):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."


@cache
def rooms_document() -> Document:
    """The document that comes with this package."""
    text = resources.files("emulator.contract").joinpath("rooms.openapi.yml").read_text(encoding="utf-8")
    return Document(yaml.safe_load(text))
