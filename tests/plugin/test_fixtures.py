"""Each fixture as a user's test has it; these tests use the installed plugin themselves."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import telnyx
from aiohttp import web

from conftest_plugin.clock import AsyncClock, Clock
from conftest_plugin.errors import RequestRefused, WrongArgument
from conftest_plugin.faults import AsyncFaults, Faults
from conftest_plugin.participants import AsyncParticipant, Participant
from conftest_plugin.room import Room
from conftest_plugin.rooms_emulator import RoomsEmulator
from conftest_plugin.webhooks import AsyncWebhooks, Webhooks
from emulator.clients.admin_client import AdminRefused
from emulator.clients.errors import Refused

Join = Callable[..., Participant]
AsyncJoin = Callable[..., Awaitable[AsyncParticipant]]

# -- rooms and people -------------------------------------------------------------------------------------------------


def test_participants_are_in_the_tests_room_unless_told_otherwise(
    rooms_participant: Join, rooms_room: Room, rooms_emulator: RoomsEmulator
) -> None:
    alice = rooms_participant("alice", publish="self")
    bob = rooms_participant("bob", subscribe="all")
    assert alice.room_id == bob.room_id == rooms_room.id
    bob.sees(alice)
    other = rooms_emulator.create_room()
    assert rooms_participant("carol", room=other).room_id == other.id


async def test_participants_are_awaited(rooms_participant_async: AsyncJoin, rooms_room: Room) -> None:
    alice = await rooms_participant_async("alice", publish="self")
    bob = await rooms_participant_async("bob", subscribe="all")
    assert alice.room_id == rooms_room.id
    await bob.hears(alice)


def test_participants_outlast_a_move_of_the_clock_unless_their_token_is_to_run_out(
    rooms_emulator: RoomsEmulator, rooms_room: Room, rooms_participant: Join, rooms_clock: Clock
) -> None:
    alice = rooms_participant("alice")
    brief = rooms_participant("brief", token=rooms_emulator.token(rooms_room, ttl_secs=60))
    rooms_clock.advance(7 * 24 * 3600)
    alice.publish("self", video=None)
    assert "self" in alice.published
    with pytest.raises(Refused, match="401"):
        brief.publish("self", video=None)


def test_participants_of_an_unknown_room_are_refused_as_by_rest(rooms_participant: Join) -> None:
    with pytest.raises(RequestRefused, match="404"):
        rooms_participant("alice", room="00000000-0000-4000-8000-000000000000")


# -- webhooks ---------------------------------------------------------------------------------------------------------


def test_webhook_of_a_participant_is_waited_for(rooms_webhooks: Webhooks, rooms_participant: Join) -> None:
    alice = rooms_participant("alice")
    joined = rooms_webhooks.wait_for("participant.joined", {"participant_id": alice, "context.username": "al*"})
    assert joined.event_type == "video.room.participant.joined"
    assert joined.signed
    assert joined.attempt == 1
    alice.leave()
    left = rooms_webhooks.wait_for("video.room.participant.left", lambda webhook: "left_reason" in webhook.payload)
    assert left.payload["participant_id"] == alice.participant_id
    assert left.number > joined.number
    assert rooms_webhooks.received("video.room.participant.joined") == [joined]
    assert rooms_webhooks.received("participant.joined") == [joined]
    assert [delivery.state for delivery in rooms_webhooks.deliveries()][:2] == ["delivered", "delivered"]


def test_rooms_made_after_the_receiver_send_there_and_named_urls_win(
    rooms_webhooks: Webhooks, rooms_emulator: RoomsEmulator, rooms_room: Room
) -> None:
    assert rooms_room.data["webhook_event_url"] == rooms_webhooks.url
    elsewhere = "http://127.0.0.1:1/elsewhere"
    assert rooms_emulator.create_room(webhook_event_url=elsewhere).data["webhook_event_url"] == elsewhere


def test_missing_webhook_is_told_with_what_came(rooms_webhooks: Webhooks, rooms_participant: Join) -> None:
    with pytest.raises(AssertionError, match=r"within 0\.1 s; no webhook came at all"):
        rooms_webhooks.wait_for("session.ended", timeout=0.1)
    alice = rooms_participant("alice")
    rooms_webhooks.wait_for("participant.joined")
    with pytest.raises(
        AssertionError, match=r"(?s)'none' within 0\.1 s; closest: session_id is '.*what came:.*session\.started"
    ):
        rooms_webhooks.wait_for("participant.joined", {"participant_id": alice, "session_id": "none"}, timeout=0.1)


def test_webhook_that_cannot_come_is_refused_at_once(rooms_webhooks: Webhooks) -> None:
    with pytest.raises(WrongArgument, match=r"no webhook is a 'participant.join'; did you mean 'participant.joined'\?"):
        rooms_webhooks.wait_for("participant.join", timeout=3600)
    with pytest.raises(WrongArgument, match=r"did you mean 'session.ended'\?"):
        rooms_webhooks.wait_for("video.room.session.end", timeout=3600)
    with pytest.raises(WrongArgument, match=r"'call.hangup'\. There are session.started, .* all video\.room\.\.\."):
        rooms_webhooks.received("call.hangup")
    assert rooms_webhooks.received("participant.joined") == []


def test_conditions_on_webhooks_are_written_as_in_scenarios(rooms_webhooks: Webhooks, rooms_participant: Join) -> None:
    alice = rooms_participant("alice")
    for where in (
        {"context.username": "alice"},
        {"payload.context.username": "alice", "event_type": "video.room.*"},
        {"data.payload.participant_id": alice},
    ):
        rooms_webhooks.wait_for("participant.joined", where)
    with pytest.raises(AssertionError, match=r"within 0.1 s; closest: context.username is 'alice'; what came:"):
        rooms_webhooks.wait_for("participant.joined", {"participant_id": alice, "context.username": "Bob"}, timeout=0.1)


def test_bad_signature_fails_the_wait(rooms_webhooks: Webhooks, rooms_faults: Faults, rooms_participant: Join) -> None:
    kinds = {"surface": "webhooks", "kind": "bad_signature", "match": {"event_type": "*participant.joined"}}
    rooms_faults.add_all([kinds])
    rooms_participant("alice")
    with pytest.raises(AssertionError, match=r"participant\.joined came with a bad signature: the signature does not"):
        rooms_webhooks.wait_for("participant.joined")
    assert not rooms_webhooks.wait_for("participant.joined", signed=False).signed


def test_receiver_that_refuses_is_tried_again(rooms_webhooks: Webhooks, rooms_participant: Join) -> None:
    rooms_webhooks.answer(500)
    rooms_participant("alice")
    assert rooms_webhooks.wait_for("session.started").answered == 500
    rooms_webhooks.answer(200)
    again = rooms_webhooks.wait_for("session.started", lambda webhook: webhook.answered == 200)
    assert again.attempt > 1


async def test_app_in_the_tests_loop_answers_while_webhooks_are_awaited(
    rooms_webhooks_async: AsyncWebhooks, rooms_participant_async: AsyncJoin
) -> None:
    """The app here lets somebody in when it is asked to, in the very loop that waits."""
    joined = asyncio.Event()

    async def ask(_request: web.Request) -> web.Response:
        await rooms_participant_async("alice")
        joined.set()
        return web.Response()

    app = web.Application()
    app.router.add_get("/", ask)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    asking = asyncio.create_task(asyncio.to_thread(subprocess.run, ["curl", "-sf", url], check=True))
    webhook = await rooms_webhooks_async.wait_for("participant.joined", {"context.username": "alice"})
    assert webhook.signed
    await asking
    assert joined.is_set()
    await runner.cleanup()


# -- time and faults --------------------------------------------------------------------------------------------------


def test_time_is_frozen_advanced_and_runs_again(rooms_clock: Clock, rooms_emulator: RoomsEmulator) -> None:
    room = rooms_emulator.create_room()
    token = rooms_emulator.token(room, ttl_secs=600)
    frozen = rooms_clock.freeze()
    assert rooms_clock.now() == frozen
    assert rooms_clock.advance(700) == frozen + timedelta(seconds=700)
    with pytest.raises(Refused):
        rooms_emulator.participant(room, "late", token=token)
    assert rooms_clock.advance(timedelta(days=1)) == frozen + timedelta(days=1, seconds=700)
    assert rooms_clock.run() <= rooms_clock.now()
    with pytest.raises(AdminRefused, match="advance_secs"):
        rooms_clock.advance(-1)


async def test_time_is_moved_from_an_async_test(rooms_clock_async: AsyncClock) -> None:
    frozen = await rooms_clock_async.freeze()
    assert await rooms_clock_async.advance(60) == frozen + timedelta(minutes=1)
    assert await rooms_clock_async.now() == frozen + timedelta(minutes=1)
    await rooms_clock_async.run(rate=10)


def test_fault_happens_once_and_is_counted(rooms_faults: Faults, rooms_emulator: RoomsEmulator) -> None:
    rule = rooms_faults.add("rest", "status", {"status": 503}, match={"operation": "CreateRoom"}, count=1)
    with pytest.raises(RequestRefused, match="503"):
        rooms_emulator.create_room()
    rooms_emulator.create_room()
    assert (rooms_faults.rule(rule.id).matched, rooms_faults.rule(rule.id).fired) == (2, 1)
    assert [one.id for one in rooms_faults.rules()] == [rule.id]
    rooms_faults.remove(rule.id)
    with pytest.raises(LookupError, match=rule.id):
        rooms_faults.rule(rule.id)
    rooms_faults.add("rest", "drop")
    rooms_faults.clear()
    assert rooms_faults.rules() == []
    with pytest.raises(AdminRefused, match="surface"):
        rooms_faults.add("moon", "status")


async def test_faults_are_added_from_an_async_test(rooms_faults_async: AsyncFaults) -> None:
    rule = await rooms_faults_async.add("rest", "delay", {"secs": 0.01}, id="slow")
    assert (await rooms_faults_async.rule("slow")).document == rule.document


# -- the marker -------------------------------------------------------------------------------------------------------


@pytest.mark.rooms(
    time="2030-01-31T09:00:00Z", faults=[{"surface": "rest", "kind": "delay", "parameters": {"secs": 0}}]
)
def test_account_begins_as_its_marker_says(rooms_clock: Clock, rooms_faults: Faults) -> None:
    assert rooms_clock.now() == datetime(2030, 1, 31, 9, tzinfo=UTC)
    assert [rule.kind for rule in rooms_faults.rules()] == ["delay"]


@pytest.mark.rooms(seed=11)
@pytest.mark.parametrize("_attempt", [1, 2])
def test_seed_gives_the_same_ids_each_time(
    rooms_room: Room, rooms_participant: Join, _attempt: int, request: pytest.FixtureRequest
) -> None:
    drawn = (rooms_room.id, rooms_participant("alice").participant_id)
    known = request.session.stash.setdefault(DRAWN, drawn)
    assert drawn == known


DRAWN = pytest.StashKey[tuple[str, str]]()

# -- the vendor's SDK, environment, browser ---------------------------------------------------------------------------


def test_vendors_sdk_is_in_the_tests_account(telnyx_client: telnyx.Telnyx, rooms_room: Room) -> None:
    assert [room.id for room in telnyx_client.rooms.list()] == [rooms_room.id]


@pytest.mark.parametrize("_attempt", [1, 2])  # each has a loop of its own
async def test_vendors_awaitable_sdk_works_in_any_loop(
    async_telnyx_client: telnyx.AsyncTelnyx, rooms_room: Room, _attempt: int
) -> None:
    assert [room.id async for room in async_telnyx_client.rooms.list()] == [rooms_room.id]


def test_environment_reaches_processes_that_the_test_starts(rooms_env: dict[str, str], rooms_room: Room) -> None:
    code = "import telnyx; print([room.id for room in telnyx.Telnyx().rooms.list()])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.strip() == str([rooms_room.id])
    assert rooms_env.items() <= os.environ.items()


def test_what_playwright_needs(
    rooms_init_script: str,
    rooms_browser_context_args: dict[str, Any],
    rooms_browser_launch_args: list[str],
    rooms_emulator: RoomsEmulator,
) -> None:
    assert rooms_init_script.startswith(f'window.__ROOMS_EMULATOR_WS__ ??= "{rooms_emulator.ws_url}";')
    assert rooms_browser_context_args["permissions"] == ["camera", "microphone"]
    assert "--use-fake-device-for-media-stream" in rooms_browser_launch_args
