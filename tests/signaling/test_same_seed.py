"""Two accounts with one seed have the same ids at the same time, and do not see each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from emulator.config import Config
from emulator.server import Emulator
from emulator.travelling_clock import TravellingClock
from tests.signaling.raw_client import RawClient, RestRoom

START = datetime(2026, 9, 17, 20, 0, tzinfo=UTC)
KEYS = ("KEY_one", "KEY_other")


@pytest.fixture
async def twins(emulator: Emulator) -> AsyncIterator[tuple[RestRoom, RestRoom]]:
    """The same room of two accounts, each with a standing clock of its own."""
    async with contextlib.AsyncExitStack() as stack:
        rooms = []
        for key in KEYS:
            emulator.accounts.add(key, seed=7, clock=TravellingClock(frozen_at=START))
            http = aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"})
            rooms.append(await RestRoom.create(emulator, await stack.enter_async_context(http)))
        yield rooms[0], rooms[1]


@pytest.fixture
async def clients(twins: tuple[RestRoom, RestRoom]) -> AsyncIterator[tuple[RawClient, RawClient]]:
    """One participant in each."""
    one, other = [await (await RawClient.open(room)).enter(context=key) for room, key in zip(twins, KEYS, strict=True)]
    yield one, other
    await one.close()
    await other.close()


async def test_rooms_and_sessions_have_the_same_ids(
    twins: tuple[RestRoom, RestRoom], clients: tuple[RawClient, RawClient]
) -> None:
    one, other = twins
    assert one.id == other.id
    assert await one.active_session() == await other.active_session()


async def test_participants_of_one_are_unknown_to_the_other(
    twins: tuple[RestRoom, RestRoom], clients: tuple[RawClient, RawClient]
) -> None:
    for room, mine in zip(twins, clients, strict=True):
        session = await room.get(f"room_sessions/{await room.active_session()}?include_participants=true")
        assert [person["id"] for person in session["participants"]] == [mine.participant_id]
    late = await (await RawClient.open(twins[0])).enter()
    one, other = clients
    await one.event(audiobridge="joined")
    assert await other.request("keepalive")  # whatever it was to hear has been sent before this answer
    assert other.events() == []
    await late.close()


async def test_a_token_opens_the_room_of_its_own_account_only(
    twins: tuple[RestRoom, RestRoom], clients: tuple[RawClient, RawClient]
) -> None:
    """A session belongs to the account its first token named; a token of the other, for the same room id, is none."""
    one, _ = clients
    one.token = await twins[1].token()
    refusal = await one.request("keepalive")
    assert refusal["status_code"] == 403


async def test_a_refresh_token_is_refreshed_in_its_own_account(
    emulator: Emulator, twins: tuple[RestRoom, RestRoom]
) -> None:
    """Without a key, the refresh token alone says whose it is; by that account's clock it is valid or not."""
    path = f"rooms/{twins[0].id}/actions"
    tokens = [(await room.post(f"{path}/generate_join_client_token", {}))["data"] for room in twins]
    other = emulator.accounts.by_key(KEYS[1])
    assert other is not None
    assert isinstance(other.clock, TravellingClock)
    await other.clock.advance(timedelta(hours=2))
    statuses = []
    async with aiohttp.ClientSession() as keyless:
        for token in tokens:
            body = {"refresh_token": token["refresh_token"]}
            async with keyless.post(f"{emulator.rest_url}/{path}/refresh_client_token", json=body) as answer:
                statuses.append(answer.status)
    assert statuses == [201, 403]


async def test_an_action_without_a_key_on_a_session_of_two_accounts_asks_for_the_key(
    emulator: Emulator, twins: tuple[RestRoom, RestRoom], clients: tuple[RawClient, RawClient]
) -> None:
    session_id = await twins[0].active_session()
    url = f"{emulator.rest_url}/room_sessions/{session_id}/actions/end"
    async with aiohttp.ClientSession() as keyless, keyless.post(url) as answer:
        assert answer.status == 401
        assert "send the API key" in await answer.text()
    one, other = clients
    await twins[1].post(f"room_sessions/{session_id}/actions/end", {})
    assert await other.closed() == 4000
    assert await one.request("keepalive")
    assert await twins[0].active_session() == session_id


async def test_the_logs_of_equal_stories_are_equal(emulator: Emulator, twins: tuple[RestRoom, RestRoom]) -> None:
    async def story(room: RestRoom) -> None:
        client = await RawClient.open(room)
        client.participant_id = "0d2f0f26-0c5c-4b1c-8a5e-9f5dc1a3c0de"
        await client.enter(context="Alice")
        await room.post(f"room_sessions/{await room.active_session()}/actions/mute", {"participants": "all"})
        await client.close()
        await client.closed()

    await asyncio.gather(*map(story, twins))
    logs = []
    for key in KEYS:
        account = emulator.accounts.by_key(key)
        assert account is not None
        await account.log.wait_for(lambda record: record.event.type == "session_ended", timeout=5)
        logs.append([record.as_json() for record in account.log.since(0)])
    assert logs[0] == logs[1]


async def test_added_accounts_are_known_beside_configured_keys() -> None:
    async with Emulator(Config(port=0, api_keys=("KEY_configured",))) as emulator:
        assert emulator.accounts.by_key("KEY_added") is None
        added = emulator.accounts.add("KEY_added", seed=7)
        assert emulator.accounts.by_key("KEY_added") is added
