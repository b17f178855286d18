"""Our own description of the API against the vendor's public one, and against exchanges that break it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from emulator.contract.document import Document, Violation, rooms_document
from tests.contract.exercised import never_exercised

PUBLIC = Path(__file__).resolve().parents[3] / "shared" / "reference" / "telnyx-video.openapi.yml"
public = pytest.mark.skipif(not PUBLIC.exists(), reason="the vendor's public description is not beside the project")


@pytest.fixture(scope="module")
def theirs() -> Document:
    return Document(yaml.safe_load(PUBLIC.read_text(encoding="utf-8")))


def _shape(document: Document, schema: Any) -> Any:
    """What a schema says, without words, examples and references; formats and bounds stay."""
    schema = dict(document._resolved(schema))
    shape: dict[str, Any] = {}
    for word in ("type", "format", "enum", "minimum", "maximum"):
        if word in schema:
            shape[word] = sorted(schema[word]) if word == "enum" else schema[word]
    if "properties" in schema:
        shape["properties"] = {name: _shape(document, each) for name, each in schema["properties"].items()}
    if "items" in schema:
        shape["items"] = _shape(document, schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        shape["values"] = _shape(document, schema["additionalProperties"])
    return shape


def _differences(place: str, ours: Any, theirs: Any) -> list[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = []
        for key in sorted({*ours, *theirs}):
            if key not in ours or key not in theirs:
                found.append(f"{place}/{key} only {'theirs' if key in theirs else 'ours'}")
            else:
                found += _differences(f"{place}/{key}", ours[key], theirs[key])
        return found
    return [] if ours == theirs else [f"{place}: {ours} / {theirs}"]


@public
def test_the_same_operations_with_the_same_keys_and_answers(theirs: Document) -> None:
    ours = {operation.id: operation for operation in rooms_document().operations}
    assert set(ours) == {operation.id for operation in theirs.operations}
    for their in theirs.operations:
        our = ours[their.id]
        assert (our.method, our.template, our.secured) == (their.method, their.template, their.secured)
        assert our.success == their.success
        declared = {status for status in their.responses if status != "4XX"}
        assert declared <= set(our.responses), their.id
        assert set(our.responses) - declared <= {"4XX"}, their.id


@public
def test_parameters_and_bodies_are_the_same(theirs: Document) -> None:
    found = []
    for their in theirs.operations:
        our = next(operation for operation in rooms_document().operations if operation.id == their.id)
        for document, operation in ((rooms_document(), our), (theirs, their)):
            assert document is theirs or operation is our
        ours_by_name = {p["name"]: _shape(rooms_document(), p["schema"]) for p in our.parameters}
        theirs_by_name = {p["name"]: _shape(theirs, p["schema"]) for p in their.parameters}
        found += _differences(f"{their.id} parameters", ours_by_name, theirs_by_name)
        assert (our.body is None) == (their.body is None), their.id
        if our.body is not None and their.body is not None:
            found += _differences(f"{their.id} body", _shape(rooms_document(), our.body), _shape(theirs, their.body))
    assert found == [
        # The field is not in the public description, and clients send it (observed).
        "CreateRoomComposition body/properties/audio_sources only ours",
        # Its text allows "*" where its schema asks for UUIDs.
        "CreateRoomComposition body/properties/video_layout/values/properties/video_sources/items only theirs",
        "CreateRoomComposition body/properties/video_layout/values/properties/video_sources/type only theirs",
        # Only the vendor's migration guide has it.
        "CreateRoom body/properties/video_codecs only ours",
        "UpdateRoom body/properties/video_codecs only ours",
        # the vendor's own application sends the word `undefined` there.
        "RefreshRoomClientToken parameters/room_id/format only theirs",
    ]


@public
def test_resources_have_the_same_fields(theirs: Document) -> None:
    found = []
    names = {"Room": "Room", "Session": "RoomSession", "Participant": "RoomParticipant"}
    names |= {"Recording": "RoomRecording", "Composition": "RoomComposition"}
    for our_name, their_name in names.items():
        our = _shape(rooms_document(), {"$ref": f"#/components/schemas/{our_name}"})
        their = _shape(theirs, {"$ref": f"#/components/schemas/{their_name}"})
        found += _differences(our_name, our, their)
    assert found == [
        "Room/properties/video_codecs only ours",
        "Composition/properties/audio_sources only ours",
        "Composition/properties/video_layout/values/properties/video_sources/items only theirs",
        "Composition/properties/video_layout/values/properties/video_sources/type only theirs",
    ]


@pytest.mark.parametrize(
    ("method", "path", "status", "content_type", "body", "where", "what"),
    [
        ("POST", "/rooms", 200, "application/json", b'{"data":{}}', "status", "200 is not described"),
        ("POST", "/v2/rooms", 201, "text/html", b"<p>", "content-type", "got text/html"),
        ("POST", "/rooms", 201, "application/json", b"{", "answer", "no JSON"),
        ("POST", "/rooms", 201, "application/json", b'{"data":{"id":"A"}}', "answer /data", "record_type"),
        ("DELETE", "/rooms/x", 204, "", b"{}", "answer", "has no body"),
        ("GET", "/rooms/x", 404, "application/json", b'{"errors":[{"code":"1","title":"t"}]}', "answer /", "code"),
        ("GET", "/rooms", 401, "application/json", b'{"errors":[]}', "answer /errors", "[]"),
    ],
)
def test_answer_that_breaks_the_document_is_named(
    method: str, path: str, status: int, content_type: str, body: bytes, where: str, what: str
) -> None:
    operation = rooms_document().find(method, path)
    assert operation is not None
    found = rooms_document().check_answer(operation, status, content_type, body)
    assert any(violation.where == where and what in violation.what for violation in found), found


def test_request_that_breaks_the_document_is_named() -> None:
    listing, making = rooms_document().find("GET", "/rooms"), rooms_document().find("POST", "/rooms")
    assert listing is not None
    assert making is not None
    query = {"page[size]": "251", "filter[date_created_at][gte]": "2021-02-3", "filter[colour]": "red", "sort": "id"}
    found = rooms_document().check_request(listing, query, b"")
    assert [violation.where for violation in found] == [f"query {name}" for name in query]
    found = rooms_document().check_request(making, {}, b'{"max_participants": 51, "colour": "red"}')
    assert [violation.where for violation in found] == ["body /max_participants", "body /colour"]
    good = {"page[size]": "250", "filter[unique_name]": "x", "include_sessions": "true"}
    assert rooms_document().check_request(listing, good, b"") == []
    assert rooms_document().check_request(making, {}, b'{"max_participants": 50}') == []
    assert rooms_document().check_request(making, {}, b"") == [Violation("CreateRoom", "body", "missing")]


def test_what_nobody_produced_is_listed() -> None:
    everything = {
        f"{operation.id} {status.replace('XX', '00')}"
        for operation in rooms_document().operations
        for status in operation.responses
    }
    assert never_exercised(everything) == []
    assert never_exercised(everything - {"DeleteRoom 204"}) == ["DELETE /rooms/{room_id}: 204"]
