"""/_emulator/tokens, and participants of the emulator's own who outlast any move of the clock by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from emulator.clients.errors import Refused
from emulator.clients.room_client import RoomClient
from emulator.config import Config
from emulator.scenario.errors import StageError
from emulator.scenario.loader import loads
from emulator.scenario.rest import RestClient
from emulator.scenario.runner import run_scenario_on
from emulator.server import Emulator
from tests.admin.caller import KEY, Caller

WEEK = 7 * 24 * 3600
SECRET = "open-sesame"
TEXT = """\
version: 1
name: a long meeting
room: {unique_name: lunch}
participants:
  alice: {streams: {self: {video: {size: 320x180}, audio: tone}}}
  bob: {subscribe: all}
timeline:
  - at: 0s
    do:
      - {alice: join, bob: join}
      - {clock: {advance: 3h}}
      - {alice: {publish: self}}
      - {expect: {bob: {sees: alice}}}
      - {wait_for: {event: stream_published}}
finally:
  expect: {webhooks: {undelivered: 0}}
"""


async def test_a_lasting_token_opens_its_room_years_later_and_no_other(admin: Caller, emulator: Emulator) -> None:
    room, other = await admin.room(), await admin.room()
    told = (await admin.post("tokens", {"room_id": room["id"]})).data
    assert datetime.fromisoformat(told["token_expires_at"]) > datetime(8000, 1, 1, tzinfo=UTC)
    await admin.post("clock", {"advance_secs": 500 * WEEK})
    async with RoomClient(ws_url=emulator.ws_url, room_id=room["id"], token=told["token"]) as alice:
        assert alice.status == "connected"
    astray = RoomClient(ws_url=emulator.ws_url, room_id=other["id"], token=told["token"])
    with pytest.raises(Refused, match="403"):
        await astray.connect()


async def test_a_room_may_be_called_by_its_name(admin: Caller, emulator: Emulator) -> None:
    room = await admin.room(unique_name="Lunch")
    told = (await admin.post("tokens", {"room_id": "Lunch"})).data
    assert told["room_id"] == room["id"]
    async with RoomClient(ws_url=emulator.ws_url, room_id=room["id"], token=told["token"]) as alice:
        assert alice.status == "connected"


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"room_id": "breakfast"}, 404, "room"),
        ({"room_id": "00000000-0000-4000-8000-000000000000"}, 404, "room"),
        ({}, 422, "the id or the unique name of a room"),
        ({"room_id": 7}, 422, "the id or the unique name of a room"),
        ({"room": "lunch"}, 422, 'did you mean "room_id"?'),
    ],
)
async def test_a_wish_for_a_token_that_is_none_is_refused(
    admin: Caller, body: dict[str, Any], status: int, detail: str
) -> None:
    assert detail in (await admin.post("tokens", body)).refused(status)


async def test_participants_outlast_a_move_of_the_clock_unless_their_token_is_to_run_out(admin: Caller) -> None:
    await admin.room(unique_name="lunch")
    alice = (await admin.post("participants", {"room": "lunch", "name": "alice"})).data
    brief = (await admin.post("participants", {"room": "lunch", "name": "brief", "token_ttl_secs": 60})).data
    await admin.post("clock", {"advance_secs": WEEK})
    published = (await admin.post(f"participants/{alice['id']}/actions/publish", {"video": None})).data
    assert (published["status"], published["publishes"]) == ("connected", ["self"])
    assert "401" in (await admin.post(f"participants/{brief['id']}/actions/publish", {"video": None})).refused(409)
    assert (await admin.get(f"participants/{brief['id']}")).data["status"] == "disconnected"
    (left,) = (await admin.get("events?type=participant_left")).data
    assert (left["payload"]["participant_id"], left["payload"]["reason"]) == (brief["id"], "token_expired")


@pytest.mark.parametrize("ttl", [9, 3601, "60", True])
async def test_how_long_a_participants_token_lasts_is_checked(admin: Caller, ttl: Any) -> None:
    await admin.room(unique_name="lunch")
    wish = {"room": "lunch", "token_ttl_secs": ttl}
    (await admin.post("participants", wish)).refused(422, pointer="/token_ttl_secs")


# -- where the admin API asks for a token of its own -------------------------------------------------------------------


@pytest.fixture
async def guarded() -> AsyncIterator[Emulator]:
    async with Emulator(Config(port=0, admin_token=SECRET)) as emulator:
        yield emulator


async def test_a_scenario_over_hours_runs_where_the_admin_api_asks_for_a_token(guarded: Emulator) -> None:
    where: Any = {"rest_url": guarded.rest_url, "ws_url": guarded.ws_url, "api_key": KEY}
    with pytest.raises(StageError, match="x-emulator-token"):
        await run_scenario_on(loads(TEXT), **where)
    report = await run_scenario_on(loads(TEXT), **where, admin_token=guarded.admin_token)
    assert report.ok, report.describe()


async def test_scenarios_and_participants_of_the_server_need_no_token_of_its_own(
    guarded: Emulator, http: aiohttp.ClientSession
) -> None:
    rest = RestClient(http, rest_url=guarded.rest_url, api_key=KEY, admin_token=guarded.admin_token)
    run = await rest.call("POST", "/_emulator/scenarios", TEXT_AS_JSON)
    async with asyncio.timeout(60):
        while (told := await rest.call("GET", f"/_emulator/scenarios/{run['id']}"))["state"] == "running":  # noqa: ASYNC110 - it is asked for over HTTP
            await asyncio.sleep(0.1)
    assert told["state"] == "passed", told
    person = await rest.call("POST", "/_emulator/participants", {"room": "lunch"})
    assert person["status"] == "connected"


TEXT_AS_JSON = {
    "version": 1,
    "name": "short",
    "room": {"unique_name": "lunch"},
    "participants": {"alice": {}},
    "timeline": [{"at": "0s", "do": [{"alice": "join"}, {"wait_for": {"event": "participant_joined"}}]}],
    "finally": {"expect": {"webhooks": {"undelivered": 0}}},
}
