"""Webhooks of a running emulator, looked at and sent again over HTTP."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from telnyx.lib.webhook_verification import verify_webhook_signature

from emulator.config import Config
from emulator.rooms.account import Account
from emulator.rooms.room import RoomSettings
from emulator.server import Emulator
from tests.admin.caller import KEY, Caller
from tests.webhooks.receiver import Receiver, unused_url

WAIT_SECS = 20.0


def account_of(emulator: Emulator, key: str = KEY) -> Account:
    account = emulator.accounts.by_key(key)
    assert account is not None
    return account


async def meet(admin: Caller, url: str, *, context: str = "Alice", **settings: Any) -> str:
    """Somebody comes into a new room and leaves it: four webhooks. Returns the room's id."""
    room = await admin.room(webhook_event_url=url, **settings)
    account = account_of(admin.emulator, admin.key or "")
    person = account.join(room["id"], str(uuid.uuid4()), context=context, connection=account.new_connection())
    account.leave(person.id, connection=person.connection, reason="left")
    room_id: str = room["id"]
    return room_id


async def drained(admin: Caller) -> None:
    async with asyncio.timeout(WAIT_SECS):
        await admin.emulator.webhooks.drained(account_of(admin.emulator, admin.key or ""))


async def test_running_emulator_posts_signed_webhooks(admin: Caller, receiver: Receiver) -> None:
    """R-102, R-105: with the public key that the emulator tells."""
    await meet(admin, receiver.url)
    await drained(admin)
    assert receiver.types == ["session.started", "participant.joined", "participant.left", "session.ended"]
    key = (await admin.get("info")).body["webhook_public_key"]
    for posted in receiver.posted:
        verify_webhook_signature(posted.body, posted.headers, key)


async def test_every_attempt_is_listed(admin: Caller, receiver: Receiver) -> None:
    receiver.answers = [500]
    room_id = await meet(admin, receiver.url)
    await drained(admin)
    reply = await admin.get("webhooks")
    assert reply.body["meta"] == {"total_results": 4, "pending": 0, "dropped": 0, "forgotten": 0}
    first = reply.data[0]
    assert first["event_type"] == "video.room.session.started"
    assert first["state"] == "delivered"
    assert first["room_id"] == room_id
    assert first["url"] == receiver.url
    told = [(one["attempt"], one["url"], one["status"], one["answer"]) for one in first["attempts"]]
    assert told == [(1, receiver.url, 500, "answer 500"), (2, receiver.url, 200, "answer 200")]
    assert all(one["duration_ms"] >= 0 and one["started_at"].endswith("Z") for one in first["attempts"])
    assert "data" not in first


async def test_failures_say_why(admin: Caller) -> None:
    account = account_of(admin.emulator)
    await meet(admin, unused_url())
    await admin.post("clock", {"advance_secs": 60})
    await meet(admin, "http://192.0.2.1/hook")
    await drained(admin)
    states = [one["state"] for one in (await admin.get("webhooks")).data]
    assert states == ["failed"] * 4 + ["refused"] * 4
    [failed, *_] = (await admin.get("webhooks?state=failed")).data
    assert "onnect" in failed["reason"]
    assert [one["attempt"] for one in failed["attempts"]] == [1, 2, 3]
    assert "status" not in failed["attempts"][0]
    [refused, *_] = (await admin.get("webhooks?state=refused")).data
    assert "192.0.2.1 is not this machine" in refused["reason"]
    assert account.records.rooms


async def test_list_can_be_narrowed(admin: Caller, receiver: Receiver) -> None:
    first, second = await meet(admin, receiver.url), await meet(admin, receiver.url)
    await drained(admin)

    async def types(query: str) -> list[str]:
        data = (await admin.get(f"webhooks?{query}")).data
        return [one["event_type"].removeprefix("video.room.") for one in data]

    assert len(await types(f"room_id={first}")) == 4
    assert await types(f"room_id={second}&event_type=video.room.session.ended") == ["session.ended"]
    assert await types(f"room_id={first}&limit=2") == ["participant.left", "session.ended"]
    assert await types("room_id=nobody") == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("event_type=joined", "event_type"), ("state=gone", "state"), ("limit=0", "limit"), ("limit=1001", "limit")],
)
async def test_wrong_filters_are_refused_by_name(admin: Caller, query: str, parameter: str) -> None:
    (await admin.get(f"webhooks?{query}")).refused(422, parameter=parameter)


async def test_single_webhook_shows_what_it_tells(admin: Caller, receiver: Receiver) -> None:
    await meet(admin, receiver.url)
    await drained(admin)
    event_id = receiver.posted[1].data["id"]
    assert (await admin.get(f"webhooks/{event_id}")).data["data"] == receiver.posted[1].data
    assert "no longer remembered" in (await admin.get(f"webhooks/{uuid.uuid4()}")).refused(404)


async def test_redelivery_sends_the_same_event_again(admin: Caller, receiver: Receiver) -> None:
    """R-115: the same id and data, the next attempt's number."""
    await meet(admin, receiver.url)
    await drained(admin)
    event_id = receiver.posted[0].data["id"]
    reply = await admin.post(f"webhooks/{event_id}/redeliver")
    assert reply.status == 202
    assert reply.data["state"] == "pending"
    await drained(admin)
    again = receiver.posted[4]
    assert again.data == receiver.posted[0].data
    assert again.meta["attempt"] == 2
    (await admin.post(f"webhooks/{uuid.uuid4()}/redeliver")).refused(404)


async def test_what_is_still_on_its_way_is_not_sent_again(admin: Caller, receiver: Receiver) -> None:
    receiver.gate.clear()
    await meet(admin, receiver.url, webhook_timeout_secs=30)
    await receiver.wait_for(1)
    refusal = await admin.post(f"webhooks/{receiver.posted[0].data['id']}/redeliver")
    assert "still being delivered" in refusal.refused(409)


async def test_slow_receiver_delays_no_api_call(admin: Caller, receiver: Receiver, failover: Receiver) -> None:
    """R-112: nor the events of another room, nor those of another account."""
    receiver.gate.clear()
    other = admin.with_key("KEY_other")
    await meet(admin, receiver.url, webhook_timeout_secs=30)
    await receiver.wait_for(1)
    await meet(admin, failover.url)
    await meet(other, failover.url)
    assert (await admin.get("/v2/rooms")).status == 200
    await failover.wait_for(8)
    assert len(receiver.posted) == 1


async def test_accounts_see_only_their_own(admin: Caller, receiver: Receiver) -> None:
    await meet(admin, receiver.url)
    await drained(admin)
    other = admin.with_key("KEY_other")
    assert (await other.get("webhooks")).data == []
    (await other.get(f"webhooks/{receiver.posted[0].data['id']}")).refused(404)
    (await admin.with_key(None).get("webhooks")).refused(401)


async def test_faults_are_set_over_http(admin: Caller, receiver: Receiver) -> None:
    rule = {"surface": "webhooks", "kind": "duplicate", "match": {"event_type": "*.session.ended"}}
    assert (await admin.post("faults", rule)).status == 201
    await meet(admin, receiver.url)
    await drained(admin)
    assert receiver.types[3:] == ["session.ended", "session.ended"]


async def test_reset_leaves_no_webhook_on_its_way(admin: Caller, receiver: Receiver) -> None:
    receiver.standard = 500
    await meet(admin, receiver.url)
    await admin.post("reset")
    await drained(admin)
    assert (await admin.get("webhooks")).data == []


async def test_time_travel_runs_the_retries(admin: Caller, receiver: Receiver) -> None:
    """Backoff is the account's time: 0.5 s and 1 s are over at once."""
    await admin.post("clock", {"freeze": True})
    receiver.standard = 500
    await meet(admin, receiver.url)
    await admin.post("clock", {"advance_secs": 1.4})
    assert [len(one["attempts"]) for one in (await admin.get("webhooks")).data] == [2] * 4
    await admin.post("clock", {"advance_secs": 0.2})
    assert [one["state"] for one in (await admin.get("webhooks")).data] == ["failed"] * 4


async def test_forgotten_account_posts_nothing_more(emulator: Emulator, admin: Caller, receiver: Receiver) -> None:
    receiver.gate.clear()
    await meet(admin, receiver.url)
    await receiver.wait_for(1)
    account = account_of(emulator)
    emulator.forget_account(KEY)
    receiver.gate.set()
    await emulator.webhooks.drained(account)
    assert (await admin.get("webhooks")).data == []
    assert len(receiver.posted) == 1


async def test_restart_tells_of_the_sessions_it_ended(receiver: Receiver, tmp_path: Path) -> None:
    """State that lasts: whoever was there has left, and the URL of the room is known without its events."""
    config = Config(port=0, data_dir=tmp_path / "data")
    async with Emulator(config) as first:
        account = account_of(first)
        room = account.create_room(RoomSettings(webhook_event_url=receiver.url))
        account.join(room.id, str(uuid.uuid4()), context="Alice", connection=account.new_connection())
        await receiver.wait_for(2)
        key = first.webhook_public_key
    async with Emulator(config):
        await receiver.wait_for(4)
    assert receiver.types == ["session.started", "participant.joined", "participant.left", "session.ended"]
    assert receiver.posted[2].data["payload"]["context"] == "Alice"
    assert receiver.posted[3].data["payload"]["ended_reason"] == "Emulator restarted"
    assert len({posted.data["id"] for posted in receiver.posted}) == 4
    for posted in receiver.posted:
        verify_webhook_signature(posted.body, posted.headers, key)
