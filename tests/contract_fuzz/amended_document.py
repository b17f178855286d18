"""The public description with what it leaves out about errors, and nothing else changed.

It declares 401 for one operation only, and 400, 405, 413 and 415 for none; the reference says which bodies errors have
(rest-and-webhooks.md 1.1, 1.2; R-19, R-20). Where a status is declared, the body must have the declared form as well.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

ERROR_STATUSES = (400, 401, 403, 404, 405, 413, 415, 422)
BARE_AS_WELL = (403, 404)
"""Their bodies repeat the first error at the top level (R-20)."""

METHODS = ("get", "post", "patch", "delete", "put")
_ERROR = {"$ref": "#/components/schemas/video_Error"}
_ENVELOPE: dict[str, Any] = {
    "type": "object",
    "required": ["errors"],
    "properties": {"errors": {"type": "array", "minItems": 1, "items": _ERROR}},
}


def amended(source: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(source.read_text())
    for item in document["paths"].values():
        for method in METHODS:
            if method in item:
                _amend(document, item[method]["responses"])
    return document


def _amend(document: dict[str, Any], responses: dict[str, Any]) -> None:
    declared_for_all = responses.get("4XX")
    for status in ERROR_STATUSES:
        declared = responses.get(str(status), declared_for_all)
        responses[str(status)] = {
            "description": f"Error {status}.",
            "content": {"application/json": {"schema": _body(document, status, declared)}},
        }


def _body(document: dict[str, Any], status: int, declared: dict[str, Any] | None) -> dict[str, Any]:
    forms: list[Any] = [_ENVELOPE]
    if status in BARE_AS_WELL:
        forms.append(_ERROR)
    if declared is not None:
        content = _resolved(document, declared).get("content", {})
        if "application/json" in content:
            forms.append(copy.deepcopy(content["application/json"]["schema"]))
    return {"allOf": forms}


def _resolved(document: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    found: Any = response
    while "$ref" in found:
        path = found["$ref"].removeprefix("#/").split("/")
        found = document
        for part in path:
            found = found[part]
    return dict(found)
