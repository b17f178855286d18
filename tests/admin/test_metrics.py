"""GET /_emulator/metrics, read by Prometheus's own parser."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from prometheus_client.parser import text_string_to_metric_families

from emulator.clients import RoomClient
from emulator.clients.errors import ClientError
from emulator.server import Emulator
from tests.admin.caller import Caller
from tests.webhooks.receiver import Receiver

Sample = tuple[str, frozenset[tuple[str, str]]]


def sample(name: str, **labels: str) -> Sample:
    return f"rooms_emulator_{name}", frozenset(labels.items())


async def scrape(admin: Caller) -> dict[Sample, float]:
    reply = await admin.with_key(None).get("metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(reply.raw.decode()))
    assert len({family.name for family in families}) == len(families)
    assert all(family.documentation and family.type in ("counter", "gauge") for family in families)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


async def test_what_happens_is_counted(admin: Caller, emulator: Emulator, receiver: Receiver) -> None:
    before = await scrape(admin)
    room = await admin.room(webhook_event_url=receiver.url)
    assert (await admin.get("/v2/rooms/nonsense")).status == 404
    await admin.post("faults", {"surface": "rest", "kind": "status", "parameters": {"status": 503}, "count": 1})
    assert (await admin.get("/v2/rooms")).status == 503
    await admin.post("impairments", {"participant_id": "x", "kind": "loss", "parameters": {"p": 0}})
    token = (await admin.tokens(room["id"]))["token"]
    where = {"ws_url": emulator.ws_url, "room_id": room["id"], "token": token}
    async with (
        RoomClient(name="Ada", rng=Random(1), **where) as ada,
        RoomClient(name="Ben", rng=Random(2), **where) as ben,
    ):
        await ada.publish()
        await ben.subscribe(ada)
        await asyncio.gather(ben.sees(ada), ben.hears(ada))
        during = await scrape(admin)
    assert admin.key is not None
    account = emulator.accounts.by_key(admin.key)
    assert account is not None
    await emulator.webhooks.drained(account)
    after = await scrape(admin)

    calls = sample("http_requests_total", surface="rest", method="POST", route="/v2/rooms", status="201")
    assert during[calls] == 1
    unavailable = sample("http_requests_total", surface="rest", method="GET", route="/v2/rooms", status="503")
    assert during[unavailable] == 1
    assert during[sample("faults_total", surface="rest", kind="status")] == 1
    assert during[sample("faults_total", surface="media", kind="loss")] == during[sample("impairments")] == 1
    assert (during[sample("rooms")], during[sample("sessions")], during[sample("participants")]) == (1, 1, 2)
    assert (during[sample("signaling_connections")], after[sample("signaling_connections")]) == (2, 0)
    assert after[sample("signaling_connections_opened_total")] == 2
    assert during[sample("media_legs", kind="publisher")] == during[sample("media_legs", kind="subscriber")] == 1
    assert during[sample("media_legs", kind="mixer")] == 2
    assert during[sample("media_peers", state="connected")] == 4
    assert after[sample("participants")] == after[sample("media_legs", kind="mixer")] == 0
    delivered = sample("webhook_attempts_total", status="200")
    assert after[delivered] == len(receiver.posted) >= 4
    for way in ("in", "out"):
        datagrams, size = sample("media_datagrams_total", direction=way), sample("media_bytes_total", direction=way)
        assert before[datagrams] == 0 < during[datagrams] <= after[datagrams]
        assert during[size] > 12 * during[datagrams]
        frames = sample("signaling_frames_total", direction=way, channel="socket")
        assert 5 < during[frames] <= after[frames]
    assert before["process_cpu_seconds_total", frozenset()] <= after["process_cpu_seconds_total", frozenset()]
    assert after["process_resident_memory_bytes", frozenset()] > 20e6


async def test_refusals_are_counted_as_problems(admin: Caller, emulator: Emulator) -> None:
    room = await admin.room()
    client = RoomClient(ws_url=emulator.ws_url, room_id=room["id"], token="nonsense", name="Eve")
    with pytest.raises(ClientError):
        await client.connect()
    await client.leave()
    assert (await scrape(admin))[sample("problems_total")] >= 1


async def test_it_needs_no_account(admin: Caller) -> None:
    document = (await admin.get("openapi.json")).body
    assert {} in document["paths"]["/_emulator/metrics"]["get"]["security"]
