"""The sink: a receiver of webhooks for people who have none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from emulator.admin.sink import MAX_BODY_BYTES
from emulator.admin.sinks import MAX_KEPT, MAX_SINKS, Sinks
from emulator.server import Emulator
from tests.admin.caller import Caller
from tests.admin.test_webhooks import drained, meet


def sink_url(emulator: Emulator, name: str = "mine") -> str:
    return f"{emulator.admin_url}/sink/{name}"


async def test_webhooks_arrive_in_order_and_verified(admin: Caller, emulator: Emulator) -> None:
    room_id = await meet(admin, sink_url(emulator))
    await drained(admin)
    reply = await admin.get("sink/mine")
    assert reply.body["meta"] == {"last_number": 4, "status": 200, "delay_ms": 0}
    assert [one["number"] for one in reply.data] == [1, 2, 3, 4]
    assert [one["json"]["data"]["event_type"].removeprefix("video.room.") for one in reply.data] == [
        "session.started",
        "participant.joined",
        "participant.left",
        "session.ended",
    ]
    for one in reply.data:
        assert one["signature"] == {"valid": True}
        assert one["json"]["data"]["payload"]["room_id"] == room_id
        assert json.loads(one["body"]) == one["json"]
        assert set(one["headers"]) >= {"content-type", "telnyx-timestamp", "telnyx-signature-ed25519"}


async def test_what_is_not_signed_is_said_to_be_so(admin: Caller, emulator: Emulator) -> None:
    await admin.post("sink/mine", raw=b"hello")
    await meet(admin, sink_url(emulator))
    await drained(admin)
    first, second = (await admin.get("sink/mine")).data[:2]
    assert first["signature"]["valid"] is False
    assert "missing" in first["signature"]["problem"]
    assert "json" not in first
    forged = second["body"].replace("session", "Session").encode()
    await admin.post("sink/mine", raw=forged, headers=second["headers"])
    assert (await admin.get("sink/mine?after=5")).data[0]["signature"] == {
        "valid": False,
        "problem": "the signature does not fit the body and the timestamp",
    }


async def test_settings_that_a_sink_does_not_have_are_named(admin: Caller) -> None:
    told = (await admin.call("PUT", "sink/mine", {"stauts": 500})).refused(422, pointer="/stauts")
    assert told == '/stauts: expected a member (delay_ms, status), got "stauts"; did you mean "status"?'
    assert (await admin.get("sink/mine")).body["meta"]["status"] == 200


async def test_sink_answers_as_it_is_told(admin: Caller, emulator: Emulator) -> None:
    assert (await admin.call("PUT", "sink/mine", {"status": 500})).data == {"status": 500, "delay_ms": 0}
    await admin.post("clock", {"freeze": True})
    await meet(admin, sink_url(emulator))
    await admin.post("clock", {"advance_secs": 0})
    await admin.call("PUT", "sink/mine", {"status": 204, "delay_ms": 1})
    await admin.post("clock", {"advance_secs": 1})
    data = (await admin.get("webhooks")).data
    assert [[attempt["status"] for attempt in one["attempts"]] for one in data] == [[500, 204]] * 4
    assert [one["status"] for one in (await admin.get("sink/mine")).data] == [500] * 4 + [204] * 4


async def test_waiting_ends_when_something_comes(admin: Caller) -> None:
    waiting = asyncio.ensure_future(admin.get("sink/mine?wait=30&after=1"))
    await admin.post("sink/mine", raw=b"first")
    assert not waiting.done()
    await admin.post("sink/mine", raw=b"second")
    assert [one["body"] for one in (await waiting).data] == ["second"]
    assert [one["body"] for one in (await admin.get("sink/mine?wait=30&after=1")).data] == ["second"]


async def test_waiting_ends_when_the_time_is_over(admin: Caller) -> None:
    assert (await admin.get("sink/mine?wait=0.05")).data == []


@pytest.mark.parametrize("end", [lambda sinks: sinks.remove("mine"), Sinks.close], ids=["deleted", "stopped"])
async def test_waiting_ends_with_the_sink_and_with_the_emulator(end: Callable[[Sinks], None]) -> None:
    sinks = Sinks()
    waiting = asyncio.ensure_future(sinks.of("mine").wait(0, 60))
    await asyncio.sleep(0)  # it waits now
    end(sinks)
    async with asyncio.timeout(10):
        await waiting


async def test_deleted_sink_is_as_new(admin: Caller) -> None:
    await admin.call("PUT", "sink/mine", {"status": 500, "delay_ms": 5})
    await admin.post("sink/mine", raw=b"x")
    assert (await admin.call("DELETE", "sink/mine")).status == 204
    reply = await admin.get("sink/mine")
    assert reply.body == {"data": [], "meta": {"last_number": 0, "status": 200, "delay_ms": 0}}
    assert (await admin.call("DELETE", "sink/mine")).status == 204


async def test_sinks_are_by_name_and_of_no_account(admin: Caller) -> None:
    await admin.with_key(None).post("sink/one", raw=b"x")
    assert len((await admin.with_key("KEY_other").get("sink/one")).data) == 1
    assert (await admin.get("sink/two")).data == []


async def test_sink_keeps_only_so_much(admin: Caller) -> None:
    for number in range(MAX_KEPT + 5):
        await admin.post("sink/mine", raw=str(number).encode())
    reply = await admin.get("sink/mine")
    assert len(reply.data) == MAX_KEPT
    assert reply.data[0]["number"] == 6
    assert reply.body["meta"]["last_number"] == MAX_KEPT + 5
    (await admin.post("sink/mine", raw=b"x" * (MAX_BODY_BYTES + 1))).refused(413)


async def test_there_are_only_so_many_sinks(admin: Caller) -> None:
    for number in range(MAX_SINKS):
        await admin.post(f"sink/{number}", raw=b"x")
    assert "DELETE one first" in (await admin.post("sink/more", raw=b"x")).refused(422)
    assert (await admin.get("sink/more")).data == []
    await admin.call("DELETE", "sink/0")
    assert (await admin.post("sink/more", raw=b"x")).status == 200


@pytest.mark.parametrize("query", ["wait=-1", "wait=61", "wait=nan", "wait=soon", "after=-1", "after=x"])
async def test_wrong_queries_are_refused_by_name(admin: Caller, query: str) -> None:
    (await admin.get(f"sink/mine?{query}")).refused(422, parameter=query.partition("=")[0])


@pytest.mark.parametrize(
    "body", [{"status": 199}, {"status": 600}, {"status": "200"}, {"delay_ms": -1}, {"delay_ms": True}]
)
async def test_wrong_answers_are_refused_by_name(admin: Caller, body: dict[str, Any]) -> None:
    (await admin.call("PUT", "sink/mine", body)).refused(422, pointer=f"/{next(iter(body))}")


async def test_names_that_are_none_are_not_found(admin: Caller) -> None:
    for name in ("a%20b", "x" * 65, "%2e%2e%2f"):
        assert (await admin.get(f"sink/{name}")).status == 404
