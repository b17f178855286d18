"""The admin API as a whole: its document, its page, its refusals, its headers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from emulator.admin.edge import is_admin_path
from emulator.server import Emulator
from tests.admin.caller import Caller


def served(emulator: Emulator) -> set[tuple[str, str]]:
    """(method, path template) of every route below /_emulator/ that the application really has."""
    assert emulator._runner is not None
    app = emulator._runner.app
    assert app is not None
    return {
        (route.method, re.sub(r"\{(\w+):[^{}]*\}", r"{\1}", route.resource.canonical))
        for route in app.router.routes()
        if route.resource is not None and is_admin_path(route.resource.canonical)
    }


async def openapi(admin: Caller) -> dict[str, Any]:
    document: dict[str, Any] = (await admin.with_key(None).get("openapi.json")).body
    return document


async def test_document_describes_exactly_the_routes_there_are(admin: Caller, emulator: Emulator) -> None:
    document = await openapi(admin)
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    real = {(method, path) for method, path in served(emulator) if method != "HEAD"}
    assert described == real - {("GET", "/_emulator")}  # which only leads to the page
    assert ("POST", "/_emulator/clock") in described


async def test_document_is_an_openapi_3_1_document_with_a_version(admin: Caller) -> None:
    reply = await admin.get("openapi.json")
    document = reply.body
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"].split(".")[0] == reply.headers["x-emulator-api-version"]
    operations = [item for path in document["paths"].values() for item in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for operation in operations:
        assert operation["summary"].endswith(".")
        assert any(status.startswith("2") for status in operation["responses"])
        assert operation["security"]
    assert document["paths"]["/_emulator/info"]["get"]["security"] == [{}]
    assert {"account": []} in document["paths"]["/_emulator/clock"]["post"]["security"]


async def test_every_reference_and_schema_of_the_document_is_sound(admin: Caller) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    document = await openapi(admin)

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                target: Any = document
                for part in node["$ref"].removeprefix("#/").split("/"):
                    target = target[part]
            if isinstance(node.get("schema"), dict):
                jsonschema.Draft202012Validator.check_schema(node["schema"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)


async def test_path_parameters_are_described(admin: Caller) -> None:
    for path, item in (await openapi(admin))["paths"].items():
        for operation in item.values():
            named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))


async def test_answers_are_as_described(admin: Caller) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    document = await openapi(admin)
    room = await admin.room(unique_name="described")
    assert room["id"]
    calls = [
        ("GET", "info", None),
        ("GET", "clock", None),
        ("POST", "clock", {"freeze": True}),
        ("GET", "events", None),
    ]
    for method, path, body in calls:
        described = document["paths"][f"/_emulator/{path}"][method.lower()]
        schema = described["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate((await admin.call(method, path, body)).body, schema)
    refused = (await admin.post("clock", {})).body
    jsonschema.validate(refused, document["components"]["schemas"]["Errors"])


@pytest.mark.parametrize("path", ["unknown", "clock/x", "clock/", "/_emulator//"])
async def test_unknown_path_is_404_in_the_envelope(admin: Caller, path: str) -> None:
    reply = await admin.get(path)
    reply.refused(404)
    assert reply.body["errors"][0]["code"] == "10005"
    assert reply.headers["x-emulator-api-version"] == "1"


async def test_wrong_method_is_405_with_allow(admin: Caller) -> None:
    reply = await admin.call("DELETE", "clock")
    reply.refused(405)
    assert set(reply.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert reply.headers["x-emulator-api-version"] == "1"


@pytest.mark.parametrize("path", ["", "info", "redirect.js", "probe.js", "clock", "events", "openapi.json"])
async def test_every_answer_names_the_version_of_the_api(admin: Caller, path: str) -> None:
    reply = await admin.get(path)
    assert reply.status == 200
    assert reply.headers["x-emulator-api-version"] == "1"
    head = await admin.call("HEAD", path)
    assert (head.status, head.raw, head.headers["x-emulator-api-version"]) == (200, b"", "1")


async def test_operation_on_an_account_says_which_header_it_wants(admin: Caller) -> None:
    document = await openapi(admin)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if operation["security"][0] == {}:
                continue
            place = re.sub(r"\{\w+\}", "x", path)
            text = (await admin.with_key(None).call(method.upper(), place)).refused(401)
            assert "Authorization: Bearer" in text, (method, path)
            basic = {"Authorization": "Basic eDp5"}
            (await admin.with_key(None).call(method.upper(), place, headers=basic)).refused(401)


@pytest.mark.parametrize("raw", [b"{", b"[]", b"null", b"", b'{"a": NaN}', b"\xff"])
async def test_body_that_is_no_object_is_refused_in_the_envelope(admin: Caller, raw: bytes) -> None:
    reply = await admin.post("clock", raw=raw)
    assert reply.status in (400, 422)
    reply.refused(reply.status)


async def test_body_above_the_bound_is_413(admin: Caller) -> None:
    (await admin.post("clock", raw=b'{"advance_secs": 1, "note": "' + b"x" * 300_000 + b'"}')).refused(413)
    assert (await admin.get("clock")).data["frozen"] is False


async def test_index_lists_every_operation_as_text_and_as_a_page(admin: Caller) -> None:
    text = await admin.get("")
    page = await admin.get("", headers={"Accept": "text/html,*/*"})
    assert text.headers["Content-Type"].startswith("text/plain")
    assert page.headers["Content-Type"].startswith("text/html")
    for path in (await openapi(admin))["paths"]:
        assert path in text.raw.decode()
        assert path in page.raw.decode()
    assert '<a href="/_emulator/openapi.json">' in page.raw.decode()
    assert '<a href="/_emulator/problems" class="keyed">' in page.raw.decode()
    assert '<a href="/_emulator/ca.pem"' not in page.raw.decode()  # it would be answered 404


async def test_bare_addresses_lead_to_the_index(admin: Caller) -> None:
    for path in ("/", "/_emulator"):
        reply = await admin.get(path)
        assert (reply.status, reply.headers["Location"]) == (302, "/_emulator/")
