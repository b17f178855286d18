"""POST, GET, DELETE /_emulator/impairments: bad networks over HTTP, seen and heard by other participants."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from emulator.clients import RoomClient
from emulator.clients.events import MessageReceived
from emulator.media.impairments import MAX_IMPAIRMENTS
from emulator.server import Emulator
from tests.admin.caller import Caller
from tests.admin.conftest import MakeClient

LOSS = {"participant_id": "ada", "kind": "loss", "parameters": {"p": 0.05}}


async def impair(admin: Caller, client: RoomClient, kind: str, direction: str, **more: Any) -> Any:
    document = {"participant_id": client.participant_id, "kind": kind, "direction": direction, **more}
    return (await admin.post("impairments", document)).data


async def test_an_impairment_is_added_listed_with_its_counts_and_removed(admin: Caller) -> None:
    added = await admin.post("impairments", {**LOSS, "direction": "up"})
    assert added.status == 201
    nothing = {"datagrams": 0, "dropped": 0, "duplicated": 0, "held": 0}
    assert added.data == {
        "id": "loss-1",
        "participant_id": "ada",
        "direction": "up",
        "kind": "loss",
        "parameters": {"traffic": "media", "model": "random", "p": 0.05},
        "seed": 0,
        "up": nothing,
    }
    both = (await admin.post("impairments", {**LOSS, "for_secs": 60})).data
    assert (both["id"], both["direction"], both["up"], both["down"]) == ("loss-2", "both", nothing, nothing)
    assert 0 < both["remaining_secs"] <= both["for_secs"] == 60
    assert [each["id"] for each in (await admin.get("impairments")).data] == ["loss-1", "loss-2"]
    removed = await admin.call("DELETE", "impairments/loss-1")
    assert (removed.status, removed.raw) == (204, b"")
    assert "loss-1" in (await admin.call("DELETE", "impairments/loss-1")).refused(404)
    assert (await admin.call("DELETE", "impairments")).status == 204
    assert (await admin.get("impairments")).data == []


async def test_a_publishers_blackout_is_seen_and_heard_by_the_others_and_passes(
    admin: Caller, make: MakeClient
) -> None:
    """One impairment acts on the stream and on the mixer leg; nobody else is touched."""
    ada, ben, cleo = await make("Ada"), await make("Ben"), await make("Cleo")
    await asyncio.gather(*(client.connect() for client in (ada, ben, cleo)))
    await asyncio.gather(ada.publish(), cleo.publish())
    await asyncio.gather(ben.subscribe(ada), ben.subscribe(cleo))
    await asyncio.gather(ben.sees(ada), ben.hears(ada), ben.sees(cleo), ben.hears(cleo))
    made = await impair(admin, ada, "blackout", "up")
    await asyncio.gather(
        ben.frozen(ada, for_seconds=0.8, within=4),
        ben.hears_not(ada, for_seconds=0.5, within=4),
        ben.frame_rate(cleo, at_least=2, over=1),
    )
    (listed,) = (await admin.get("impairments")).data
    assert listed["id"] == made["id"]
    assert listed["up"]["dropped"] == listed["up"]["datagrams"] > 20
    await admin.call("DELETE", "impairments")
    await asyncio.gather(ben.sees(ada, within=10), ben.hears(ada, within=10))


async def test_a_viewers_network_is_theirs_alone_and_follows_them_to_later_connections(
    admin: Caller, make: MakeClient
) -> None:
    ada, ben, cleo = await make("Ada"), await make("Ben"), await make("Cleo")
    impairment = await impair(admin, ben, "blackout", "down", parameters={"traffic": "media"})
    await asyncio.gather(*(client.connect() for client in (ada, ben, cleo)))
    await ada.publish()
    await asyncio.gather(ben.subscribe(ada), cleo.subscribe(ada))
    await asyncio.gather(cleo.sees(ada), cleo.hears(ada))
    await asyncio.gather(ben.frozen(ada, for_seconds=0.5), ben.hears_not(ada, for_seconds=0.5))
    (listed,) = (await admin.get("impairments")).data
    assert listed["down"]["dropped"] == listed["down"]["datagrams"] > 0
    await admin.call("DELETE", f"impairments/{impairment['id']}")
    await asyncio.gather(ben.sees(ada, within=10), ben.hears(ada, within=10))


async def test_messages_go_over_the_same_bad_network(admin: Caller, make: MakeClient) -> None:
    """A data channel loses nothing: what is delayed comes late, what a blackout swallows comes again after it."""
    ada, ben, cleo = [await make(name, messages=True) for name in ("Ada", "Ben", "Cleo")]
    late = {"parameters": {"secs": 0.6, "traffic": "all"}}
    first = await impair(admin, ada, "delay", "up", **late)  # also of a connection that is made later
    await asyncio.gather(*(client.connect() for client in (ada, ben, cleo)))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await ada.send_message("one", kind="late")
    await ben.wait_for(MessageReceived, {"payload": "one"}, timeout=30)
    assert loop.time() - began > 0.6
    await admin.call("DELETE", f"impairments/{first['id']}")
    await ada.send_message("two")
    blackout = await impair(admin, ada, "blackout", "both")
    swallowed = asyncio.create_task(ada.send_message("three"))
    await cleo.send_message("four")
    await ben.wait_for(MessageReceived, {"payload": "four"}, timeout=30)
    (listed,) = (await admin.get("impairments")).data
    assert listed["up"]["dropped"] == listed["up"]["datagrams"] > 0
    assert not swallowed.done()
    assert [event.payload for event in ben.events if isinstance(event, MessageReceived)] == ["one", "two", "four"]
    await admin.call("DELETE", f"impairments/{blackout['id']}")
    await asyncio.gather(swallowed, ben.wait_for(MessageReceived, {"payload": "three"}, timeout=30))
    await ada.wait_for(MessageReceived, {"payload": "four"}, timeout=30)


async def test_several_are_added_or_none(admin: Caller) -> None:
    wrong = {"impairments": [LOSS, {**LOSS, "kind": "los"}]}
    text = (await admin.post("impairments", wrong)).refused(422, pointer="/impairments/1/kind")
    assert 'did you mean "loss"?' in text
    assert (await admin.get("impairments")).data == []
    added = await admin.post("impairments", {"impairments": [LOSS, {**LOSS, "id": "mine"}]})
    assert [each["id"] for each in added.data] == ["loss-1", "mine"]
    listed = (await admin.get("impairments")).data
    await admin.call("DELETE", "impairments")
    assert (await admin.post("impairments", {"impairments": listed})).data == listed


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/kind"),
        ({"kind": "loss", "parameters": {"p": 0.1}}, "/participant_id"),
        ({**LOSS, "parameters": {}}, "/parameters/p"),
        ({**LOSS, "parameters": {"p": 1.5}}, "/parameters/p"),
        ({**LOSS, "parameters": {"p": 0.1, "model": "gilbert"}}, "/parameters"),
        ({**LOSS, "parameters": {"probability": 0.1}}, "/parameters/probability"),
        ({**LOSS, "parameters": 3}, "/parameters"),
        ({**LOSS, "kind": 3}, "/kind"),
        ({**LOSS, "direction": "sideways"}, "/direction"),
        ({**LOSS, "for_secs": 0}, "/for_secs"),
        ({**LOSS, "for": 3}, "/for"),
        ({**LOSS, "seed": "x"}, "/seed"),
        ({**LOSS, "participant_id": 7}, "/participant_id"),
        ({"impairments": LOSS}, "/impairments"),
        ({"impairments": [], **LOSS}, "/participant_id"),
        ({"impairments": [{**LOSS, "id": "a"}, {**LOSS, "id": "a"}]}, "/impairments/1/id"),
        ({"impairments": [LOSS] * (MAX_IMPAIRMENTS + 1)}, ""),
        ([LOSS], ""),
    ],
)
async def test_wrong_ones_are_refused_by_pointer(admin: Caller, body: Any, pointer: str) -> None:
    (await admin.post("impairments", body)).refused(422, pointer=pointer)
    assert (await admin.get("impairments")).data == []


async def test_they_are_of_the_account_whose_key_is_sent(admin: Caller, emulator: Emulator) -> None:
    await admin.post("impairments", LOSS)
    other = admin.with_key("KEY_somebody_else")
    assert (await other.get("impairments")).data == []
    await other.call("DELETE", "impairments")
    assert len((await admin.get("impairments")).data) == 1
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", ""), ("DELETE", "/x")):
        (await admin.with_key(None).call(method, f"impairments{path}")).refused(401)
    await admin.post("reset")
    assert (await admin.get("impairments")).data == []
    await admin.post("impairments", LOSS)
    assert admin.key is not None
    emulator.forget_account(admin.key)
    assert (await admin.get("impairments")).data == []


async def test_beginning_and_end_are_in_the_wire_log(admin: Caller) -> None:
    await admin.post("impairments", {**LOSS, "direction": "up"})
    await admin.call("DELETE", "impairments")
    told = (await admin.get("wire?kind=fault")).data["entries"]
    assert [(one["id"], one["surface"], one["what"], one["phase"]) for one in told] == [
        ("loss-1", "media", "loss", "began"),
        ("loss-1", "media", "loss", "ended"),
    ]
    assert told[0]["about"] == {"participant_id": "ada", "direction": "up"}


async def test_kinds_say_what_can_be_wrong(admin: Caller) -> None:
    kinds = {kind["kind"]: kind for kind in (await admin.with_key(None).get("impairments/kinds")).data}
    assert set(kinds) == {"bandwidth", "blackout", "delay", "duplicate", "jitter", "loss", "reorder"}
    for kind in kinds.values():
        assert kind["summary"].endswith(".")
        Draft202012Validator.check_schema(kind["parameters"])
    assert kinds["bandwidth"]["parameters"]["required"] == ["bits_per_sec"]


async def test_the_published_schema_takes_what_is_taken_and_describes_what_is_answered(admin: Caller) -> None:
    operation = (await admin.get("openapi.json")).body["paths"]["/_emulator/impairments"]["post"]
    validator = Draft202012Validator(operation["requestBody"]["content"]["application/json"]["schema"])
    answer = Draft202012Validator(operation["responses"]["201"]["content"]["application/json"]["schema"])
    bodies: list[Any] = [LOSS, {**LOSS, "for_secs": 3}, {"participant_id": "ben", "kind": "blackout"}]
    for body in (*bodies, {"impairments": bodies}):
        validator.validate(body)
        answer.validate((await admin.post("impairments", body)).body)
    for wrong in ({**LOSS, "kind": "los"}, {"kind": "blackout"}, {**LOSS, "parameters": {"q": 1}}):
        assert not validator.is_valid(wrong)
