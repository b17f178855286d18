"""Holds success bodies against the vendor's public OpenAPI document, when that file lies beside the project."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

from tests.api.served import DOCUMENT

_formats = FormatChecker()
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


@_formats.checks("uuid")
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or _UUID.fullmatch(value) is not None


@_formats.checks("date-time")
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or _DATE_TIME.fullmatch(value) is not None


@_formats.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", value) is not None


class PublicDocument:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), item) for path, item in document["paths"].items()
        ]

    def operations(self) -> set[tuple[str, str]]:
        return {
            (method.upper(), path)
            for path, item in self.document["paths"].items()
            for method in item
            if method in ("get", "post", "patch", "delete", "put")
        }

    def check(self, method: str, path: str, status: int, raw: bytes) -> None:
        """AssertionError unless the document declares this answer and the body has the declared form."""
        plain = path.partition("?")[0].removeprefix("/v2")
        item = next(item for pattern, item in self._paths if pattern.fullmatch(plain))
        responses = item[method.lower()]["responses"]
        assert str(status) in responses, f"{method} {path} declares {sorted(responses)}, got {status}"
        self.check_response(responses[str(status)], raw)

    def check_response(self, response: dict[str, Any], raw: bytes) -> None:
        if "$ref" in response:
            response = self._component(response["$ref"])
        if "content" not in response:
            assert raw == b"", "the document declares no body"
            return
        self.validate(response["content"]["application/json"]["schema"], json.loads(raw))

    def validate(self, schema: dict[str, Any], value: Any) -> None:
        # The schema beside the components it refers to, so that "#/components/..." is found.
        rooted = {**schema, "components": self.document["components"]}
        errors = list(Draft202012Validator(rooted, format_checker=_formats).iter_errors(value))
        assert not errors, [f"{error.json_path}: {error.message}" for error in errors]

    def _component(self, ref: str) -> dict[str, Any]:
        found: Any = self.document
        for part in ref.removeprefix("#/").split("/"):
            found = found[part]
        assert isinstance(found, dict)
        return found

    def schema(self, name: str) -> dict[str, Any]:
        return self._component(f"#/components/schemas/{name}")


@cache
def public_document() -> PublicDocument:
    return PublicDocument(yaml.safe_load(DOCUMENT.read_text()))
