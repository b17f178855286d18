"""Attempts, failures, failover, timeouts and order, at real receivers."""

from __future__ import annotations

import asyncio
import logging
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from emulator.rooms import happenings as h
from emulator.travelling_clock import TravellingClock
from emulator.webhooks.account_webhooks import StillPending
from emulator.webhooks.delivery_log import UnknownDelivery
from emulator.webhooks.poster import MAX_ANSWER_BYTES, Outcome, Poster
from emulator.webhooks.queue import RETRIES_AT_ONCE
from tests.webhooks.conftest import MakeWorld
from tests.webhooks.receiver import Receiver, unused_url
from tests.webhooks.world import World


async def join_and_wait(world: World, receiver_url: str, failover_url: str | None = None, **settings: int) -> None:
    """Two events: session.started, participant.joined."""
    world.join(world.room(receiver_url, failover_url, **settings))
    await world.drained()


# -- success and failure -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_ends_the_delivery(world: World, receiver: Receiver, status: int) -> None:
    """R-111."""
    receiver.standard = status
    await join_and_wait(world, receiver.url)
    assert receiver.types == ["session.started", "participant.joined"]
    assert world.states == ["delivered", "delivered"]


@pytest.mark.parametrize("status", [301, 302, 304, 307, 400, 404, 410, 429, 500, 503])
async def test_any_other_status_leads_to_another_attempt(world: World, receiver: Receiver, status: int) -> None:
    """R-108; a redirect is not followed, it is a failure."""
    receiver.answers = [lambda _: web.Response(status=status, headers={"Location": receiver.url})]
    await join_and_wait(world, receiver.url)
    by_attempt = sorted((posted.event_type, posted.meta["attempt"]) for posted in receiver.posted)
    assert by_attempt == [("participant.joined", 1), ("session.started", 1), ("session.started", 2)]
    assert world.states == ["delivered", "delivered"]


def vanish(request: web.Request) -> web.StreamResponse:
    """Close the connection instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_connection_closed_without_an_answer_leads_to_another_attempt(world: World, receiver: Receiver) -> None:
    """R-108."""
    receiver.answers = [vanish]
    await join_and_wait(world, receiver.url)
    first, second = world.deliveries[0].attempts
    assert first.error == "the connection was closed without an answer"
    assert second.status == 200


async def test_refused_connection_is_tried_three_times_and_then_given_up(world: World) -> None:
    """R-108."""
    await join_and_wait(world, unused_url())
    assert world.states == ["failed", "failed"]
    for delivery in world.deliveries:
        assert [attempt.number for attempt in delivery.attempts] == [1, 2, 3]
        assert all("onnect" in (attempt.error or "") for attempt in delivery.attempts)
        assert delivery.reason == delivery.attempts[-1].error


async def test_timeout_leads_to_another_attempt(make_world: MakeWorld, receiver: Receiver) -> None:
    """R-108, R-109: the default timeout, in real time."""
    world = make_world(default_timeout_secs=0.5)
    receiver.gate.clear()
    world.join(world.room(receiver.url, webhook_timeout_secs=0))  # 0 is the default, not "at once"
    posted = await receiver.wait_for(2)
    assert posted[0].meta["attempt"] == 1
    receiver.gate.set()
    await world.drained()
    first = world.deliveries[0].attempts[0]
    assert first.error == "no answer within 0.5 s"
    assert 500 <= first.duration_ms < 10_000
    assert world.states == ["delivered", "delivered"]


async def test_webhook_timeout_secs_bounds_the_wait(make_world: MakeWorld, receiver: Receiver) -> None:
    """R-109: the room's own, not the default."""
    world = make_world(default_timeout_secs=30.0, attempts=1)
    receiver.gate.clear()
    began = asyncio.get_running_loop().time()
    world.join(world.room(receiver.url, webhook_timeout_secs=1))
    await receiver.wait_for(2)  # the second comes when the first is given up
    waited = asyncio.get_running_loop().time() - began
    receiver.gate.set()
    await world.drained()
    assert 1 <= waited < 10
    assert world.deliveries[0].attempts[0].error == "no answer within 1 s"


async def test_status_decides_though_the_body_does_not_end(make_world: MakeWorld, receiver: Receiver) -> None:
    """Only the beginning of an answer is read."""

    class Endless(web.StreamResponse):
        async def write_eof(self, data: bytes = b"") -> None:
            for _ in range(20):
                await self.write(b"x" * 1024)

    world = make_world()
    receiver.answers = [lambda _: Endless(status=200)]
    await join_and_wait(world, receiver.url)
    assert world.states == ["delivered", "delivered"]
    assert world.deliveries[0].attempts[0].answer == "x" * MAX_ANSWER_BYTES


async def test_certificate_that_nobody_vouches_for_is_a_failure(make_world: MakeWorld, tmp_path: Path) -> None:
    """Section 5: certificates are checked."""
    world = make_world(attempts=1)
    async with Receiver(tls=self_signed(tmp_path)) as receiver:
        await join_and_wait(world, receiver.url)
        assert receiver.posted == []
    assert world.states == ["failed", "failed"]
    assert "certificate verify failed" in (world.deliveries[0].reason or "")


def self_signed(folder: Path) -> ssl.SSLContext:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, None)
    )
    pem = folder / "receiver.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


# -- retries and failover ----------------------------------------------------------------------------------------------


async def test_failover_gets_the_same_data_with_a_higher_attempt(
    world: World, receiver: Receiver, failover: Receiver
) -> None:
    """R-110: three on the primary, then the failover; R-115: one id over all attempts."""
    receiver.standard = 500
    failover.answers = [500, 500]
    await join_and_wait(world, receiver.url, failover.url)
    for event_type in ("session.started", "participant.joined"):
        attempts = [posted for posted in receiver.posted + failover.posted if posted.event_type == event_type]
        numbers = [posted.meta["attempt"] for posted in attempts]
        assert numbers == list(range(1, len(attempts) + 1))
        assert [posted.meta["delivered_to"] for posted in attempts[:3]] == [receiver.url] * 3
        assert {posted.meta["delivered_to"] for posted in attempts[3:]} == {failover.url}
        assert all(posted.data == attempts[0].data for posted in attempts)
    ids = {posted.data["id"] for posted in receiver.posted}
    assert len(ids) == 2
    assert world.states == ["delivered", "delivered"]


async def test_both_urls_are_tried_three_times(world: World, receiver: Receiver, failover: Receiver) -> None:
    receiver.standard = failover.standard = 500
    await join_and_wait(world, receiver.url, failover.url)
    assert (len(receiver.posted), len(failover.posted)) == (6, 6)
    assert world.states == ["failed", "failed"]
    assert world.deliveries[0].reason == "the last answer was 500"
    assert [attempt.answer for attempt in world.deliveries[0].attempts] == ["answer 500"] * 6


async def test_attempts_can_be_set(make_world: MakeWorld, receiver: Receiver) -> None:
    world = make_world(attempts=5)
    receiver.standard = 500
    await join_and_wait(world, receiver.url)
    assert [len(delivery.attempts) for delivery in world.deliveries] == [5, 5]


async def test_backoff_doubles_on_the_clock_of_the_account(
    frozen: World, receiver: Receiver, failover: Receiver
) -> None:
    """From 0.5 s; the failover is tried at once. Nothing of it takes real time."""
    assert isinstance(frozen.clock, TravellingClock)
    receiver.standard = failover.standard = 500
    room = frozen.room(receiver.url, failover.url)
    frozen.join(room)
    await frozen.clock.advance(timedelta(0))
    assert [len(delivery.attempts) for delivery in frozen.deliveries] == [1, 1]
    await frozen.clock.advance(timedelta(hours=1))
    assert frozen.states == ["failed", "failed"]
    seconds = [attempt.started_at[17:23] for attempt in frozen.deliveries[0].attempts]
    assert seconds == ["00.123", "00.623", "01.623", "01.623", "02.123", "03.123"]


async def test_advance_waits_for_each_attempt_at_most_its_timeout(make_world: MakeWorld, receiver: Receiver) -> None:
    """Time does not run away from an attempt that is under way, nor is it held for ever."""
    clock = TravellingClock(frozen_at=datetime(2026, 9, 17, tzinfo=UTC))
    world = make_world(clock=clock, default_timeout_secs=0.1, backoff_secs=10.0, attempts=2)
    receiver.gate.clear()
    world.join(world.room(receiver.url))
    began = asyncio.get_running_loop().time()
    await clock.advance(timedelta(hours=1))
    assert asyncio.get_running_loop().time() - began < 15
    assert world.states == ["failed", "failed"]
    assert [attempt.started_at[11:19] for attempt in world.deliveries[0].attempts] == ["00:00:00", "00:00:10"]


async def test_each_attempt_is_signed_with_the_time_of_that_attempt(frozen: World, receiver: Receiver) -> None:
    """R-107: the real one, wherever the account's clock is."""
    assert isinstance(frozen.clock, TravellingClock)
    receiver.answers = [500]
    frozen.join(frozen.room(receiver.url))
    before = datetime.now(UTC).timestamp()
    await frozen.clock.advance(timedelta(days=10))
    stamps = [int(posted.headers["telnyx-timestamp"]) for posted in receiver.posted]
    assert all(before - 1 <= stamp <= datetime.now(UTC).timestamp() for stamp in stamps)
    signatures = {posted.headers["telnyx-signature-ed25519"] for posted in receiver.posted}
    assert len(signatures) == len(receiver.posted) == 3


async def test_timestamp_may_follow_the_account(make_world: MakeWorld, receiver: Receiver) -> None:
    """The switch of R-107."""
    clock = TravellingClock(frozen_at=datetime(2026, 9, 17, tzinfo=UTC))
    world = make_world(clock=clock, timestamps="account", backoff_secs=20.0)
    receiver.answers = [500]
    world.join(world.room(receiver.url))
    await clock.advance(timedelta(minutes=1))
    start = int(datetime(2026, 9, 17, tzinfo=UTC).timestamp())
    assert [int(posted.headers["telnyx-timestamp"]) - start for posted in receiver.posted] == [0, 0, 20]


# -- order and independence --------------------------------------------------------------------------------------------


async def test_first_attempts_keep_the_order_of_events(world: World, receiver: Receiver) -> None:
    room = world.room(receiver.url, max_participants=50)
    people = [world.join(room, context=str(number)) for number in range(20)]
    for person in people:
        world.leave(person)
    await world.drained()
    assert receiver.types == (
        ["session.started"] + ["participant.joined"] * 20 + ["participant.left"] * 20 + ["session.ended"]
    )
    contexts = [posted.data["payload"]["context"] for posted in receiver.posted[1:21]]
    assert contexts == [str(number) for number in range(20)]


async def test_retry_does_not_hold_later_events_back(frozen: World, receiver: Receiver) -> None:
    assert isinstance(frozen.clock, TravellingClock)
    receiver.answers = [500]
    frozen.leave(frozen.join(frozen.room(receiver.url)))
    await frozen.clock.advance(timedelta(0))
    assert receiver.types == ["session.started", "participant.joined", "participant.left", "session.ended"]
    await frozen.clock.advance(timedelta(seconds=1))
    assert receiver.types[4:] == ["session.started"]


async def test_slow_receiver_delays_no_other_room_and_no_command(
    world: World, receiver: Receiver, failover: Receiver
) -> None:
    """R-112."""
    receiver.gate.clear()
    slow, quick = world.room(receiver.url, webhook_timeout_secs=30), world.room(failover.url)
    alice = world.join(slow)
    world.leave(alice)
    world.join(quick)
    await failover.wait_for(2)
    assert receiver.types == ["session.started"]
    assert world.mine.pending == 4 + (2 - len([state for state in world.states if state == "delivered"]))
    receiver.gate.set()
    await world.drained()
    assert receiver.types == ["session.started", "participant.joined", "participant.left", "session.ended"]


async def test_dead_receiver_takes_few_connections_at_once(frozen: World, receiver: Receiver) -> None:
    """However many retries fall due: the files that a process may have open are few."""
    assert isinstance(frozen.clock, TravellingClock)
    receiver.answers = [500] * 21
    room = frozen.room(receiver.url, max_participants=50, webhook_timeout_secs=30)
    for number in range(20):
        frozen.join(room, context=str(number))
    await receiver.wait_for(21)
    receiver.gate.clear()
    advance = asyncio.ensure_future(frozen.clock.advance(timedelta(seconds=1)))
    await receiver.wait_for(21 + RETRIES_AT_ONCE)
    receiver.gate.set()
    await advance
    assert frozen.states == ["delivered"] * 21
    assert receiver.most_at_once == RETRIES_AT_ONCE


async def test_full_queue_drops_what_comes_on_top_and_says_so(
    make_world: MakeWorld, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(queue_limit=3)
    receiver.gate.clear()
    room = world.room(receiver.url, max_participants=50)
    other = world.room(receiver.url)
    for number in range(5):
        world.join(room, context=str(number))
    world.join(other)
    assert world.states == ["pending"] * 3 + ["dropped"] * 3 + ["pending"] * 2
    assert world.mine.log.dropped == 3
    assert world.deliveries[3].reason == "3 webhooks of this room were waiting already"
    assert [record.getMessage() for record in caplog.records if "dropped" in record.getMessage()] == [
        f"room {room.id}: webhooks are dropped, 3 webhooks of this room were waiting already"
    ]
    receiver.gate.set()
    await world.drained()
    assert len(receiver.posted) == 5
    world.mine.redeliver(world.deliveries[3].id)
    await world.drained()
    assert world.states[3] == "delivered"


async def test_log_remembers_only_so_many(make_world: MakeWorld, receiver: Receiver) -> None:
    world = make_world(log_limit=3)
    world.leave(world.join(world.room(receiver.url)))
    await world.drained()
    assert [delivery.event_type for delivery in world.deliveries] == [
        "video.room.participant.joined",
        "video.room.participant.left",
        "video.room.session.ended",
    ]
    assert world.mine.log.forgotten == 1
    assert len(receiver.posted) == 4


async def test_accounts_are_apart(world: World, receiver: Receiver) -> None:
    other = world.another()
    await join_and_wait(world, receiver.url)
    assert len(world.deliveries) == 2
    assert world.webhooks.of(other).log.select() == []


# -- once more ---------------------------------------------------------------------------------------------------------


async def test_redelivery_has_the_same_data_and_counts_on(world: World, receiver: Receiver) -> None:
    """R-115."""
    receiver.standard = 500
    world.join(world.room(receiver.url))
    await world.drained()
    receiver.standard = 200
    delivery = world.mine.redeliver(world.deliveries[0].id)
    await world.drained()
    assert delivery.state == "delivered"
    again = [posted for posted in receiver.posted if posted.data["id"] == delivery.id]
    assert [posted.meta["attempt"] for posted in again] == [1, 2, 3, 4]
    assert all(posted.data == again[0].data for posted in again)


async def test_what_is_pending_or_unknown_is_not_redelivered(world: World, receiver: Receiver) -> None:
    receiver.gate.clear()
    world.join(world.room(receiver.url))
    with pytest.raises(StillPending):
        world.mine.redeliver(world.deliveries[0].id)
    with pytest.raises(UnknownDelivery):
        world.mine.redeliver("no-such-id")


# -- errors of our own ------------------------------------------------------------------------------------------------


@pytest.mark.errors_expected
async def test_error_of_our_own_stops_no_other_webhook(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Poster.post
    calls = iter([True, False, False])

    async def break_once(self: Poster, url: str, *args: Any, **more: Any) -> Outcome:
        if next(calls):
            raise RuntimeError("provoked")
        return await post(self, url, *args, **more)

    monkeypatch.setattr(Poster, "post", break_once)
    await join_and_wait(world, receiver.url)
    assert world.states == ["failed", "delivered"]
    assert "own" in (world.deliveries[0].reason or "")


# -- the end -----------------------------------------------------------------------------------------------------------


async def test_forgotten_account_posts_nothing_more(world: World, receiver: Receiver) -> None:
    receiver.gate.clear()
    room = world.room(receiver.url)
    alice = world.join(room)
    await receiver.wait_for(1)
    world.webhooks.forget(world.account)
    world.leave(alice)
    receiver.gate.set()
    await world.webhooks.drained(world.account)
    await world.webhooks.close()
    assert receiver.types == ["session.started"]


async def test_closing_breaks_off_what_is_under_way(
    make_world: MakeWorld, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Attempts, waits for a retry, waits for recordings: no task is left, nobody waits for ever."""
    world = make_world(backoff_secs=60.0, default_timeout_secs=30.0)
    receiver.answers = [500]
    room = world.room(receiver.url)
    world.join(room)
    await receiver.wait_for(2)
    receiver.gate.clear()
    world.join(room, context="Bob")
    await receiver.wait_for(3)
    waiting = asyncio.ensure_future(world.drained())
    await asyncio.sleep(0)
    tasks_before = {task for task in asyncio.all_tasks() if "_first_attempts" in repr(task) or "_retries" in repr(task)}
    assert len(tasks_before) == 2
    await world.webhooks.close()
    await waiting
    assert all(task.done() for task in tasks_before)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_loaded_state_begins_without_old_webhooks(frozen: World, receiver: Receiver) -> None:
    """What was on its way belongs to the state before."""
    receiver.standard = 500
    room = frozen.room(receiver.url)
    frozen.join(room)
    await receiver.wait_for(2)
    with frozen.account.log.command():
        frozen.account.log.append(h.StateLoaded({}))
    await frozen.drained()
    assert frozen.deliveries == []


async def test_what_the_records_say_is_known_to_who_begins_to_watch(world: World, receiver: Receiver) -> None:
    """Who was there, since when, and where to tell it: although no event has said so."""
    room = world.room(receiver.url)
    alice = world.join(room)
    await world.drained()
    world.webhooks.forget(world.account)
    world.webhooks.watch(world.account)
    world.account.delete_room(room.id)
    await world.drained()
    told = [posted.data["payload"] for posted in receiver.posted[2:]]
    assert [payload.get("participant_id") for payload in told] == [alice.id, None]
    assert told[0]["context"] == "Alice"
