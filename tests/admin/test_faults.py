"""POST, GET, DELETE /_emulator/faults: rules over HTTP, per account."""

from __future__ import annotations

from typing import Any

import pytest
import telnyx
from jsonschema import Draft202012Validator

from emulator.faults import MAX_RULES
from emulator.server import Emulator
from tests.admin.caller import Caller

BROKEN = {"surface": "rest", "kind": "status", "parameters": {"status": 503}}


async def test_a_rule_is_added_listed_with_its_counts_and_removed(admin: Caller) -> None:
    added = await admin.post("faults", {**BROKEN, "match": {"method": "GET"}, "count": 1})
    assert added.status == 201
    assert added.data == {
        "id": "rest-status-1",
        "surface": "rest",
        "kind": "status",
        "parameters": {"status": 503, "headers": {}},
        "match": {"method": "GET"},
        "probability": 1,
        "count": 1,
        "after": 0,
        "seed": 0,
        "matched": 0,
        "fired": 0,
    }
    assert [(await admin.get("/v2/rooms")).status for _ in range(3)] == [503, 200, 200]
    assert (await admin.get("faults")).data == [{**added.data, "matched": 3, "fired": 1}]
    removed = await admin.call("DELETE", "faults/rest-status-1")
    assert (removed.status, removed.raw) == (204, b"")
    assert (await admin.get("faults")).data == []
    assert "rest-status-1" in (await admin.call("DELETE", "faults/rest-status-1")).refused(404)


async def test_several_are_added_or_none(admin: Caller) -> None:
    wrong = {"faults": [BROKEN, {**BROKEN, "kind": "statsu"}]}
    text = (await admin.post("faults", wrong)).refused(422, pointer="/faults/1/kind")
    assert 'did you mean "status"?' in text
    assert (await admin.get("faults")).data == []
    added = await admin.post("faults", {"faults": [BROKEN, {**BROKEN, "id": "mine"}]})
    assert added.status == 201
    assert [rule["id"] for rule in added.data] == ["rest-status-1", "mine"]


async def test_what_is_listed_can_be_sent_again(admin: Caller) -> None:
    await admin.post("faults", {"faults": [BROKEN, {"surface": "rest", "kind": "drop", "probability": 0.5}]})
    listed = (await admin.get("faults")).data
    assert (await admin.call("DELETE", "faults")).status == 204
    assert (await admin.get("faults")).data == []
    assert (await admin.post("faults", {"faults": listed})).data == listed


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/surface"),
        ({**BROKEN, "parameters": {"status": 200}}, "/parameters/status"),
        ({**BROKEN, "parameters": {}}, "/parameters/status"),
        ({**BROKEN, "match": {"event_type": "x"}}, "/match/event_type"),
        ({**BROKEN, "probability": 2}, "/probability"),
        ({"faults": BROKEN}, "/faults"),
        ({"faults": [], **BROKEN}, "/surface"),
        ({"faults": [BROKEN] * (MAX_RULES + 1)}, ""),
        ([BROKEN], ""),
    ],
)
async def test_wrong_rules_are_refused_by_pointer(admin: Caller, body: Any, pointer: str) -> None:
    (await admin.post("faults", body)).refused(422, pointer=pointer)
    assert (await admin.get("faults")).data == []


def _matching(surface: str, kind: str, **match: Any) -> dict[str, Any]:
    return {"surface": surface, "kind": kind, "match": match}


@pytest.mark.parametrize(
    ("rule", "pointer", "meant"),
    [
        ({**BROKEN, "match": {"operation": "CreateRom"}}, "/match/operation", "CreateRoom"),
        ({**BROKEN, "match": {"operation": ["ListRooms", "create*"]}}, "/match/operation/1", "CreateRoom"),
        ({**BROKEN, "match": {"method": "get"}}, "/match/method", "GET"),
        (_matching("signaling", "lose", direction="inn"), "/match/direction", "in"),
        (_matching("signaling", "lose", janus="keep_alive"), "/match/janus", "keepalive"),
        (_matching("webhooks", "drop", event_type="participant.joined"), "/match/event_type", "participant.joined"),
    ],
)
async def test_words_that_no_request_can_ever_match_are_refused(
    admin: Caller, rule: Any, pointer: str, meant: str
) -> None:
    told = (await admin.post("faults", rule)).refused(422, pointer=pointer)
    assert told.startswith(f"{pointer}: expected one of these, or a glob that fits some (")
    assert told.partition('; did you mean "')[2].endswith(f'{meant}"?')
    assert (await admin.get("faults")).data == []


async def test_globs_that_fit_some_words_are_taken(admin: Caller) -> None:
    match = {"operation": ["Create*", "ListRooms"], "method": "P*"}
    assert (await admin.post("faults", {**BROKEN, "match": match})).data["match"] == match


async def test_rules_are_of_the_account_whose_key_is_sent(admin: Caller) -> None:
    await admin.post("faults", BROKEN)
    other = admin.with_key("KEY_somebody_else")
    assert (await other.get("/v2/rooms")).status == 200
    assert (await other.get("faults")).data == []
    await other.call("DELETE", "faults")
    assert (await admin.get("/v2/rooms")).status == 503
    for method, path in (("GET", "faults"), ("POST", "faults"), ("DELETE", "faults"), ("DELETE", "faults/x")):
        (await admin.with_key(None).call(method, path)).refused(401)


async def test_a_forgotten_account_leaves_no_rules_to_the_next_one_with_its_key(
    admin: Caller, emulator: Emulator
) -> None:
    await admin.post("faults", BROKEN)
    assert admin.key is not None
    emulator.forget_account(admin.key)
    assert (await admin.get("/v2/rooms")).status == 200
    assert (await admin.get("faults")).data == []


async def test_kinds_say_what_can_go_wrong_where(admin: Caller) -> None:
    kinds = (await admin.with_key(None).get("faults/kinds")).data
    named = {(kind["surface"], kind["kind"]): kind for kind in kinds}
    assert {("rest", "status"), ("rest", "delay"), ("rest", "drop"), ("rest", "malformed")} <= set(named)
    for kind in kinds:
        assert kind["summary"].endswith(".")
        Draft202012Validator.check_schema(kind["parameters"])
    assert named["rest", "status"]["parameters"]["required"] == ["status"]
    assert "operation" in named["rest", "status"]["facts"]


async def test_the_published_schema_takes_the_rules_that_are_taken(admin: Caller) -> None:
    operation = (await admin.get("openapi.json")).body["paths"]["/_emulator/faults"]["post"]
    validator = Draft202012Validator(operation["requestBody"]["content"]["application/json"]["schema"])
    for body in (BROKEN, {"faults": [BROKEN, {**BROKEN, "match": {"path": ["/rooms", "*"]}, "seed": 3}]}):
        validator.validate(body)
        reply = await admin.post("faults", body)
        answer = operation["responses"]["201"]["content"]["application/json"]["schema"]
        Draft202012Validator(answer).validate(reply.body)
    assert not validator.is_valid({**BROKEN, "kind": "statsu"})


async def test_once_then_succeed_from_the_official_sdk(admin: Caller, emulator: Emulator) -> None:
    """The SDK can post to the admin API as well; its own retries (1.3) get it over the fault."""
    async with telnyx.AsyncTelnyx(api_key=admin.key, base_url=emulator.rest_url) as sdk:
        await admin.post(
            "faults", {**BROKEN, "parameters": {"status": 503, "headers": {"retry-after-ms": "1"}}, "count": 1}
        )
        assert (await sdk.rooms.create(unique_name="standup")).data is not None
    assert [(rule["matched"], rule["fired"]) for rule in (await admin.get("faults")).data] == [(2, 1)]
