"""Time travel over HTTP, and what the whole server does with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from emulator.config import Config
from emulator.rooms.account import Account
from emulator.server import Emulator
from tests.admin.caller import KEY, Caller
from tests.signaling.raw_client import RawClient, RestRoom

TEN_YEARS_SECS = 3653 * 24 * 3600
Start = Callable[..., Awaitable[Caller]]


def at(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def account(admin: Caller) -> Account:
    found = admin.emulator.accounts.by_key(KEY)
    assert found is not None
    return found


@pytest.fixture
async def start(http: aiohttp.ClientSession) -> AsyncIterator[Start]:
    running: list[Emulator] = []

    async def run(**settings: Any) -> Caller:
        emulator = Emulator(Config(port=0, **settings))
        await emulator.start()
        running.append(emulator)
        return Caller(emulator, http)

    yield run
    for emulator in running:
        await emulator.stop()


async def test_clock_runs_with_real_time_until_it_is_moved(admin: Caller) -> None:
    before = datetime.now(UTC)
    told = (await admin.get("clock")).data
    assert before <= at(told["now"]) <= datetime.now(UTC)
    assert (told["frozen"], told["rate"]) == (False, 1.0)


@pytest.mark.parametrize(
    ("body", "pointer", "meant"),
    [
        ({"freeze": True, "advance_sec": 60}, "/advance_sec", "advance_secs"),
        ({"advance_secs": 60, "resum": True}, "/resum", "resume"),
    ],
)
async def test_what_a_clock_can_not_do_is_named_and_nothing_is_done(
    admin: Caller, body: dict[str, Any], pointer: str, meant: str
) -> None:
    told = (await admin.post("clock", body)).refused(422, pointer=pointer)
    assert told.endswith(f'did you mean "{meant}"?')
    assert (await admin.get("clock")).data["frozen"] is False


async def test_frozen_clock_stands_until_it_is_resumed(admin: Caller) -> None:
    frozen = (await admin.post("clock", {"freeze": True})).data
    assert (frozen["frozen"], frozen["rate"]) == (True, 0)
    assert (await admin.get("clock")).data == frozen
    assert (await admin.room())["created_at"] == frozen["now"]
    resumed = (await admin.post("clock", {"resume": True})).data
    assert (resumed["frozen"], resumed["rate"]) == (False, 1.0)
    assert at(resumed["now"]) >= at(frozen["now"])


async def test_advance_moves_by_exactly_so_much(admin: Caller) -> None:
    start = at((await admin.post("clock", {"freeze": True})).data["now"])
    for seconds in (90, 0.25, 0, 3600):
        moved = at((await admin.post("clock", {"advance_secs": seconds})).data["now"])
        assert moved - start == timedelta(seconds=seconds)
        start = moved
    assert (await admin.room())["created_at"] == (await admin.get("clock")).data["now"]


async def test_several_wishes_come_in_the_order_freeze_advance_run(admin: Caller) -> None:
    before = at((await admin.get("clock")).data["now"])
    told = (await admin.post("clock", {"advance_secs": 60, "freeze": True})).data
    assert told["frozen"] is True
    assert timedelta(seconds=60) <= at(told["now"]) - before < timedelta(seconds=120)
    told = (await admin.post("clock", {"advance_secs": 60, "rate": 50})).data
    assert (told["frozen"], told["rate"]) == (False, 50)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"advance": 5}, "/advance"),
        ({"advance_secs": -1}, "/advance_secs"),
        ({"advance_secs": TEN_YEARS_SECS + 1}, "/advance_secs"),
        ({"advance_secs": 10**400}, "/advance_secs"),
        ({"advance_secs": "5"}, "/advance_secs"),
        ({"advance_secs": True}, "/advance_secs"),
        ({"advance_secs": None}, "/advance_secs"),
        ({"advance_secs": [1]}, "/advance_secs"),
        ({"freeze": False}, "/freeze"),
        ({"freeze": 1}, "/freeze"),
        ({"resume": "true"}, "/resume"),
        ({"rate": 0}, "/rate"),
        ({"rate": -1}, "/rate"),
        ({"rate": 1e9}, "/rate"),
        ({"freeze": True, "resume": True}, "/resume"),
        ({"freeze": True, "rate": 2}, "/rate"),
        ({"freeze": True, "advance_secs": -1}, "/advance_secs"),
    ],
)
async def test_wrong_wish_is_422_with_its_place_and_changes_nothing(admin: Caller, body: Any, pointer: str) -> None:
    (await admin.post("clock", body)).refused(422, pointer=pointer)
    told = (await admin.get("clock")).data
    assert (told["frozen"], told["rate"]) == (False, 1.0)
    assert abs(at(told["now"]) - datetime.now(UTC)) < timedelta(seconds=60)


async def test_time_ends_before_it_can_not_be_written_any_more(start: Start) -> None:
    admin = await start(start_time=datetime(7999, 1, 1, tzinfo=UTC), freeze=True)
    for _ in range(101):
        reply = await admin.post("clock", {"advance_secs": TEN_YEARS_SECS})
        if reply.status != 200:
            break
    assert "9000" in reply.refused(422, pointer="/advance_secs")
    room = await admin.room()
    assert (await admin.tokens(room["id"]))["token_expires_at"].startswith("899")


async def test_each_account_has_a_clock_of_its_own(admin: Caller) -> None:
    await admin.post("clock", {"freeze": True, "advance_secs": 86_400})
    other = (await admin.with_key("KEY_other").get("clock")).data
    assert other["frozen"] is False
    assert abs(at(other["now"]) - datetime.now(UTC)) < timedelta(seconds=60)


async def test_answer_comes_when_all_that_fell_due_has_run(admin: Caller) -> None:
    """In order of their due times, each at its own time, also work that takes real time meanwhile."""
    begun = at((await admin.post("clock", {"freeze": True})).data["now"])
    clock, heard = account(admin).clock, []
    arrived = asyncio.Event()

    async def work() -> None:
        asyncio.get_running_loop().call_later(0.02, arrived.set)
        await arrived.wait()
        heard.append(("work", clock.now() - begun))

    tasks: list[asyncio.Task[None]] = []
    for seconds in (30, 10, 20):
        clock.call_at(begun + timedelta(seconds=seconds), lambda s=seconds: heard.append((s, clock.now() - begun)))  # type: ignore[misc]  # mypy infers no type for a lambda with a default
    clock.call_at(
        begun + timedelta(seconds=15),
        lambda: tasks.append(clock.track(asyncio.get_running_loop().create_task(work()), 5.0)),
    )
    await admin.post("clock", {"advance_secs": 25})
    secs = timedelta(seconds=1)
    assert heard == [(10, 10 * secs), ("work", 15 * secs), (20, 20 * secs)]
    await admin.post("clock", {"advance_secs": 5})
    assert heard[-1] == (30, 30 * secs)


async def test_concurrent_advances_take_turns(admin: Caller) -> None:
    begun = at((await admin.post("clock", {"freeze": True})).data["now"])
    replies = await asyncio.gather(*(admin.post("clock", {"advance_secs": 10}) for _ in range(8)))
    ends = sorted(at(reply.data["now"]) - begun for reply in replies)
    assert ends[-1] == timedelta(seconds=80)
    assert at((await admin.get("clock")).data["now"]) - begun == timedelta(seconds=80)


async def test_client_that_hangs_up_breaks_no_advance(admin: Caller) -> None:
    begun = at((await admin.post("clock", {"freeze": True})).data["now"])
    clock = account(admin).clock
    here, there = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        here.set()
        await there.wait()

    tasks: list[asyncio.Task[None]] = []
    clock.call_at(
        begun + timedelta(seconds=5),
        lambda: tasks.append(clock.track(asyncio.get_running_loop().create_task(work()), 30.0)),
    )
    lonely = asyncio.create_task(admin.post("clock", {"advance_secs": 10}))
    await here.wait()
    lonely.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lonely
    there.set()
    assert at((await admin.post("clock", {"advance_secs": 1})).data["now"]) - begun == timedelta(seconds=11)


async def test_server_that_stops_in_the_middle_of_an_advance_stops(
    http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with Emulator(Config(port=0)) as emulator:
        admin = Caller(emulator, http)
        begun = at((await admin.post("clock", {"freeze": True})).data["now"])
        clock, here = account(admin).clock, asyncio.Event()

        def hold() -> None:
            here.set()
            clock.track(asyncio.get_running_loop().create_future(), 60.0)

        clock.call_at(begun + timedelta(seconds=1), hold)
        waiting = asyncio.create_task(admin.post("clock", {"advance_secs": 2}))
        await here.wait()
    with pytest.raises(aiohttp.ClientError):
        await waiting


# -- the whole server on a travelling clock ---------------------------------------------------------------------------


async def test_refresh_token_expires_by_the_accounts_time(admin: Caller) -> None:
    """R-69."""
    await admin.post("clock", {"freeze": True})
    room = await admin.room()
    tokens = await admin.tokens(room["id"], refresh_token_ttl_secs=60)
    assert at(tokens["refresh_token_expires_at"]) <= at((await admin.get("clock")).data["now"]) + timedelta(seconds=60)
    await admin.post("clock", {"advance_secs": 58})
    fresh = (await admin.refresh(tokens["refresh_token"])).data
    assert at(fresh["token_expires_at"]) > at(tokens["refresh_token_expires_at"])
    await admin.post("clock", {"advance_secs": 2})
    assert "expired" in (await admin.refresh(tokens["refresh_token"])).refused(403)


async def test_token_of_a_later_time_is_good_at_that_time(admin: Caller) -> None:
    await admin.post("clock", {"advance_secs": 365 * 86_400})
    room = await admin.room()
    tokens = await admin.tokens(room["id"])
    assert at(tokens["token_expires_at"]) > datetime.now(UTC) + timedelta(days=364)
    assert (await admin.refresh(tokens["refresh_token"])).status == 201


async def test_access_token_opens_the_room_until_it_expires_by_the_accounts_time(
    emulator: Emulator, admin: Caller
) -> None:
    """Signaling looks at the same clock; a participant who is in stays in."""
    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        await admin.post("clock", {"freeze": True})
        room = await RestRoom.create(emulator, http)
        token = await room.token(token_ttl_secs=600)
        await admin.post("clock", {"advance_secs": 599})
        inside = await (await RawClient.open(room, token)).enter()
        await admin.post("clock", {"advance_secs": 1})
        late = await RawClient.open(room, token)
        assert (await late.create())["status_code"] == 401
        session = await admin.get(f"/v2/rooms/{room.id}/sessions?filter[active]=true&include_participants=true")
        (participant,) = session.data[0]["participants"]
        assert participant["id"] == inside.participant_id
        assert "left_at" not in participant
        await inside.close()
        await late.close()


async def test_times_of_resources_follow_the_accounts_clock(admin: Caller) -> None:
    created = await admin.room()
    await admin.post("clock", {"advance_secs": 3 * 86_400})
    changed = (await admin.call("PATCH", f"/v2/rooms/{created['id']}", {"max_participants": 5})).data
    assert timedelta(days=3) <= at(changed["updated_at"]) - at(created["created_at"]) < timedelta(days=3, minutes=1)
    day = changed["updated_at"][:10]
    found = (await admin.get(f"/v2/rooms?filter[date_updated_at][gte]={day}")).data
    assert [room["id"] for room in found] == [created["id"]]


async def test_start_time_and_freeze_are_set_at_the_start(start: Start) -> None:
    noon = datetime(2030, 1, 2, 12, tzinfo=UTC)
    frozen = await start(start_time=noon, freeze=True)
    assert (await frozen.get("clock")).data == {"now": "2030-01-02T12:00:00.000000Z", "frozen": True, "rate": 0}
    running = (await (await start(start_time=noon)).get("clock")).data
    assert running["frozen"] is False
    assert noon <= at(running["now"]) < noon + timedelta(seconds=60)
    still = await start(freeze=True)
    assert (await still.get("clock")).data == (await still.get("clock")).data


async def test_server_with_a_seed_gives_every_account_the_same_ids(start: Start) -> None:
    one, two = await start(seed=7), await start(seed=7)
    first = [(await one.room())["id"] for _ in range(3)]
    assert [(await two.room())["id"] for _ in range(3)] == first
    assert [(await one.with_key("KEY_b").room())["id"] for _ in range(3)] == first
    assert (await (await start()).room())["id"] not in first
