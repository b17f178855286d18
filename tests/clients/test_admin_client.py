"""The typed admin client against a running emulator, and against what is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web

from emulator.clients.admin_client import AdminClient, AdminRefused, AdminUnreachable, NoEmulator
from emulator.clients.errors import Refused
from emulator.clients.room_client import RoomClient
from emulator.config import Config
from emulator.rooms.room import RoomSettings
from emulator.server import Emulator
from tests.signaling.raw_client import RestRoom

KEY = "KEY_admin_client"


@pytest.fixture
async def admin(emulator: Emulator) -> AsyncIterator[AdminClient]:
    async with AdminClient(emulator.rest_url, KEY) as client:
        yield client


async def test_addresses_are_those_of_the_emulator(emulator: Emulator) -> None:
    origin = f"http://127.0.0.1:{emulator.port}"
    for url in (origin, f"{origin}/", emulator.rest_url, emulator.admin_url):
        async with AdminClient(url, KEY) as admin:
            found = await admin.addresses()
        assert (found.rest_url, found.ws_url) == (emulator.rest_url, emulator.ws_url)
        assert (found.admin_url, found.udp_port) == (emulator.admin_url, emulator.udp_port)
        assert found.webhook_public_key == emulator.webhook_public_key


async def test_account_is_opened_with_settings_and_closed(admin: AdminClient, emulator: Emulator) -> None:
    start = datetime(2031, 5, 1, tzinfo=UTC)
    await admin.open_account(seed=5, start_time=start, freeze=True)
    clock = await admin.clock()
    assert (clock.now, clock.frozen, clock.rate) == (start, True, 0)
    with pytest.raises(AdminRefused, match="has an account already") as refused:
        await admin.open_account()
    assert refused.value.status == 409
    await admin.close_account()
    assert KEY not in emulator.accounts


async def test_clock_is_moved(admin: AdminClient) -> None:
    before = (await admin.change_clock({"freeze": True})).now
    assert (await admin.change_clock({"advance_secs": 3600})).now == before + timedelta(hours=1)
    assert (await admin.change_clock({"rate": 2})).rate == 2


async def test_state_is_replaced_and_reset(admin: AdminClient) -> None:
    await admin.load_state({"rooms": [{"id": "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0", "unique_name": "lunch"}]})
    assert [room["unique_name"] for room in (await admin.state())["rooms"]] == ["lunch"]
    assert [event.type for event in await admin.events()] == ["state_loaded"]
    await admin.reset()
    assert (await admin.state()).get("rooms", []) == []


async def test_all_events_are_told_page_by_page(admin: AdminClient, emulator: Emulator) -> None:
    account = emulator.open_account(KEY)
    for number in range(1100):
        account.create_room(RoomSettings(unique_name=f"room {number}"))
    events = await admin.events(types=["room_created"])
    assert len(events) == 1100
    assert [event.number for event in await admin.events(since=events[-3].number)] == [e.number for e in events[-2:]]
    assert events[0].payload["settings"]["unique_name"] == "room 0"


async def test_faults_are_added_counted_and_removed(admin: AdminClient) -> None:
    rule = await admin.add_fault({"surface": "rest", "kind": "status", "parameters": {"status": 503}, "count": 1})
    assert (rule.surface, rule.kind, rule.matched) == ("rest", "status", 0)
    pair = await admin.add_faults([{"surface": "rest", "kind": "drop", "id": name} for name in ("a", "b")])
    assert [one.id for one in pair] == ["a", "b"]
    await admin.remove_fault("a")
    assert [one.id for one in await admin.faults()] == [rule.id, "b"]
    await admin.clear_faults()
    assert await admin.faults() == []
    with pytest.raises(AdminRefused, match=r"POST .*faults: 422 .*surface"):
        await admin.add_fault({"surface": "moon", "kind": "status"})


async def test_problems_say_who_what_and_why(admin: AdminClient, emulator: Emulator) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http:
        room = await RestRoom.create(emulator, http, max_participants=2)
        token = await room.token()
    where = {"ws_url": emulator.ws_url, "room_id": room.id, "token": token}
    async with RoomClient(**where), RoomClient(**where):
        late = RoomClient(**where)
        with pytest.raises(Refused):
            await late.connect()
    (problem,) = await admin.problems()
    assert (problem.room_id, problem.participant_id, problem.code) == (room.id, None, 403)
    assert problem.mend in problem.line
    assert await admin.problems(since=problem.number) == []


async def test_emulator_that_asks_for_a_token_gets_it() -> None:
    async with Emulator(Config(port=0, admin_token="open-sesame")) as emulator:
        async with AdminClient(emulator.rest_url, KEY) as admin:
            with pytest.raises(AdminRefused, match="x-emulator-token"):
                await admin.clock()
        async with AdminClient(emulator.rest_url, KEY, token="open-sesame") as admin:
            assert (await admin.clock()).rate == 1
            assert admin.sink_url("mine").endswith("/sink/mine?token=open-sesame")


async def test_nobody_there_and_somebody_else_are_told_apart(emulator: Emulator) -> None:
    async with AdminClient("http://127.0.0.1:1", KEY) as admin:
        with pytest.raises(AdminUnreachable, match=r"GET http://127\.0\.0\.1:1/_emulator/info"):
            await admin.addresses()
    app = web.Application()
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with AdminClient(f"http://127.0.0.1:{runner.addresses[0][1]}", KEY) as admin:
            with pytest.raises(NoEmulator, match="no Rooms emulator is there"):
                await admin.addresses()
    finally:
        await runner.cleanup()


async def test_session_that_is_shared_stays_open(emulator: Emulator) -> None:
    async with aiohttp.ClientSession() as http:
        async with AdminClient(emulator.rest_url, KEY, http=lambda: http) as admin:
            await admin.clock()
        assert not http.closed
