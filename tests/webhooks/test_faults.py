"""Faults of webhooks, measured at a real receiver."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from telnyx.lib.webhook_verification import WebhookVerificationError, verify_webhook_signature

from emulator.faults import BadFault, Catalogue
from emulator.travelling_clock import TravellingClock
from emulator.webhooks.faults import WEBHOOKS
from tests.webhooks.receiver import Receiver
from tests.webhooks.world import World

JOINED = "video.room.participant.joined"


def come_and_go(world: World, receiver: Receiver) -> None:
    """Four events: session.started, participant.joined, participant.left, session.ended."""
    world.leave(world.join(world.room(receiver.url)))


def test_every_kind_of_the_surface_is_registered() -> None:
    assert set(WEBHOOKS.kinds) == {"bad_signature", "delay", "drop", "duplicate", "reorder", "stale_timestamp"}
    assert all(kind.summary for kind in WEBHOOKS.kinds.values())


async def test_duplicate_posts_the_same_bytes_again(world: World, receiver: Receiver) -> None:
    world.fault("duplicate", parameters={"copies": 3}, match={"event_type": "*.participant.joined"})
    come_and_go(world, receiver)
    await world.drained()
    assert receiver.types == ["session.started"] + ["participant.joined"] * 3 + ["participant.left", "session.ended"]
    copies = receiver.posted[1:4]
    assert {posted.body for posted in copies} == {copies[0].body}
    for posted in copies:
        verify_webhook_signature(posted.body, posted.headers, world.signer.public_key)
    assert world.states == ["delivered"] * 4
    assert [attempt.faults for attempt in world.deliveries[1].attempts] == [("webhooks-duplicate-1",)] * 3


async def test_reorder_lets_the_next_event_go_first(world: World, receiver: Receiver) -> None:
    world.fault("reorder", match={"event_type": JOINED})
    come_and_go(world, receiver)
    await world.drained()
    assert receiver.types == ["session.started", "participant.left", "participant.joined", "session.ended"]
    assert [posted.meta["attempt"] for posted in receiver.posted] == [1, 1, 1, 1]


async def test_reorder_by_several_places(world: World, receiver: Receiver) -> None:
    world.fault("reorder", parameters={"places": 3}, count=1)
    come_and_go(world, receiver)
    await world.drained()
    assert receiver.types == ["participant.joined", "participant.left", "session.ended", "session.started"]


async def test_reorder_waits_only_so_long_for_others(frozen: World, receiver: Receiver) -> None:
    assert isinstance(frozen.clock, TravellingClock)
    frozen.fault("reorder", parameters={"places": 100, "within_secs": 10}, match={"event_type": JOINED})
    come_and_go(frozen, receiver)
    await frozen.clock.advance(timedelta(seconds=9))
    assert receiver.types == ["session.started", "participant.left", "session.ended"]
    await frozen.clock.advance(timedelta(seconds=2))
    assert receiver.types[3:] == ["participant.joined"]


async def test_delay_holds_an_attempt_back_by_the_clock_of_the_account(frozen: World, receiver: Receiver) -> None:
    assert isinstance(frozen.clock, TravellingClock)
    frozen.fault("delay", parameters={"secs": 30}, match={"event_type": JOINED})
    come_and_go(frozen, receiver)
    await frozen.clock.advance(timedelta(seconds=29))
    assert receiver.types == ["session.started"]
    await frozen.clock.advance(timedelta(seconds=2))
    assert receiver.types == ["session.started", "participant.joined", "participant.left", "session.ended"]
    assert frozen.deliveries[1].attempts[0].started_at == "2026-09-17T20:00:30.123456Z"


async def test_drop_once_loses_an_attempt_and_the_retry_arrives(world: World, receiver: Receiver) -> None:
    world.fault("drop", match={"event_type": JOINED}, count=1)
    come_and_go(world, receiver)
    await world.drained()
    [joined] = [posted for posted in receiver.posted if posted.event_type == "participant.joined"]
    assert joined.meta["attempt"] == 2
    assert world.deliveries[1].attempts[0].error == "lost on the way (a fault)"
    assert world.states == ["delivered"] * 4


async def test_drop_without_a_count_loses_the_event(world: World, receiver: Receiver) -> None:
    world.fault("drop", match={"event_type": JOINED})
    come_and_go(world, receiver)
    await world.drained()
    assert receiver.types == ["session.started", "participant.left", "session.ended"]
    assert world.states == ["delivered", "failed", "delivered", "delivered"]


async def test_bad_signature_is_refused_by_the_verifier(world: World, receiver: Receiver) -> None:
    """Only on the first attempts: the retry after a 400 is good."""
    world.fault("bad_signature", match={"attempt": 1, "event_type": JOINED})
    receiver.answers = [200, 400]
    come_and_go(world, receiver)
    await world.drained()
    bad, good = [posted for posted in receiver.posted if posted.event_type == "participant.joined"]
    with pytest.raises(WebhookVerificationError, match="signature does not match"):
        verify_webhook_signature(bad.body, bad.headers, world.signer.public_key)
    verify_webhook_signature(good.body, good.headers, world.signer.public_key)


@pytest.mark.parametrize(("parameters", "shift"), [({}, -600), ({"age_secs": 301}, -301), ({"age_secs": -900}, 900)])
async def test_stale_timestamp_is_refused_by_the_verifier(
    world: World, receiver: Receiver, parameters: dict[str, int], shift: int
) -> None:
    world.fault("stale_timestamp", parameters=parameters, count=1)
    come_and_go(world, receiver)
    await world.drained()
    first, second = receiver.posted[:2]
    stamps = [int(posted.headers["telnyx-timestamp"]) for posted in (first, second)]
    assert abs(stamps[0] - stamps[1] - shift) <= 5
    with pytest.raises(WebhookVerificationError, match="too old or too new"):
        verify_webhook_signature(first.body, first.headers, world.signer.public_key)
    verify_webhook_signature(second.body, second.headers, world.signer.public_key)


async def test_rules_match_url_room_and_attempt(world: World, receiver: Receiver, failover: Receiver) -> None:
    """The primary is broken, the failover not."""
    room = world.room(receiver.url, failover.url)
    other = world.room(receiver.url)
    world.fault("drop", match={"url": receiver.url, "room_id": room.id})
    world.join(room)
    world.join(other)
    await world.drained()
    assert receiver.types == ["session.started", "participant.joined"]
    assert [posted.data["payload"]["room_id"] for posted in receiver.posted] == [other.id] * 2
    assert sorted(posted.meta["attempt"] for posted in failover.posted) == [4, 4]


async def test_closing_while_an_event_is_held_back_leaves_nothing_behind(frozen: World, receiver: Receiver) -> None:
    assert isinstance(frozen.clock, TravellingClock)
    frozen.fault("reorder", parameters={"places": 100, "within_secs": 10}, match={"event_type": JOINED})
    frozen.fault("delay", parameters={"secs": 30}, match={"event_type": "*.left"})
    come_and_go(frozen, receiver)
    await receiver.wait_for(1)
    async with asyncio.timeout(5):
        await frozen.webhooks.close()
    await frozen.clock.advance(timedelta(minutes=1))
    assert receiver.types == ["session.started"]


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "duplicate", "parameters": {"copies": 1}},
        {"kind": "delay"},
        {"kind": "reorder", "parameters": {"places": 0}},
        {"kind": "stale_timestamp", "parameters": {"age_secs": "old"}},
        {"kind": "drop", "match": {"participant": "x"}},
    ],
)
def test_wrong_parameters_are_refused(rule: dict[str, object]) -> None:
    with pytest.raises(BadFault):
        Catalogue([WEBHOOKS]).read({"surface": "webhooks", **rule})
