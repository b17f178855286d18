"""Scenarios on a real emulator: real clients, real sockets, real media."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypedDict

import aiohttp
import pytest

from emulator.config import Config
from emulator.scenario.errors import StageError
from emulator.scenario.loader import loads
from emulator.scenario.report import Outcome, StepResult
from emulator.scenario.runner import load, run_file, run_scenario_on
from emulator.server import Emulator

CAST = """\
version: 1
name: a test
participants:
  alice: {streams: {self: {video: {size: 320x180}, audio: tone}}, subscribe: all}
  bob: {streams: {self: {audio: tone}}, subscribe: all}
timeline:
  - {at: 0s, do: {alice: join, bob: join}}
"""


class Where(TypedDict):
    rest_url: str
    ws_url: str
    api_key: str


@pytest.fixture
async def where() -> AsyncIterator[Where]:
    async with Emulator(Config(port=0)) as emulator:
        yield {"rest_url": emulator.rest_url, "ws_url": emulator.ws_url, "api_key": emulator.api_key}


async def room_of(where: Where, name: str) -> dict[str, object]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {where['api_key']}"}) as http:
        answer = await http.get(f"{where['rest_url']}/rooms", params={"filter[unique_name]": name})
        (room,) = (await answer.json())["data"]
        return dict(room)


async def test_two_people_see_and_hear_each_other(where: Where) -> None:
    told: list[StepResult] = []
    report = await run_file("two_people", **where, on_step=told.append)
    assert report.ok, report.describe()
    assert list(report.results) == told
    assert told[-1].ended is not None
    assert told[-1].ended < 12
    room = await room_of(where, "demo")
    assert "active_session_id" not in room


async def test_what_does_not_come_true_is_reported_with_what_was_there_instead(where: Where) -> None:
    text = CAST + "  - {after: alice.joined, expect: {alice: {hears: bob, within: 200ms}}}\n"
    report = await run_scenario_on(loads(text), **where)
    (failed,) = report.failed
    assert failed.what == "expect hears bob"
    assert "expected alice to hear bob (tone 1) within 0.2 s" in failed.message


async def test_moderation_goes_over_rest_and_is_heard(where: Where) -> None:
    text = CAST + (
        "  - {at: 100ms, do: {bob: {publish: self}}, expect: {alice: {hears: bob}}}\n"
        "  - {after: bob.published + 1s, do: {moderator: {mute: bob}}, expect: {alice: {hears_not: bob, within: 1s}}}\n"
        "  - {after: bob.published + 3500ms, do: {moderator: {kick: bob}}}\n"
        "  - {after: bob.left + 300ms, do: {bob: leave}}\n"
    )
    report = await run_scenario_on(loads(text), **where)
    assert [result.message for result in report.failed] == ["bob is no longer in the room"]
    assert [result.outcome for result in report.results if result.who == "moderator"] == [Outcome.DONE] * 2


async def test_the_lobby_stays_until_it_is_cancelled_and_then_is_empty(where: Where) -> None:
    lines: list[str] = []
    publishing = asyncio.Event()

    def tell(line: str) -> None:
        lines.append(line)
        if "grace publish self: done" in line:
            publishing.set()

    staying = asyncio.create_task(run_scenario_on(load("lobby"), **where, stay=True, tell=tell))
    async with asyncio.timeout(10):
        await publishing.wait()
    room = await room_of(where, "lobby")
    assert "active_session_id" in room
    assert lines[0] == f"scenario lobby: room lobby ({room['id']})"
    staying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await staying
    assert "active_session_id" not in await room_of(where, "lobby")


async def test_the_same_seed_gives_the_same_participants_also_in_two_accounts_at_once(where: Where) -> None:
    text = CAST + "  - {at: 300ms, do: [{alice: leave}, {bob: leave}]}\n"
    other: Where = {**where, "api_key": "KEY_other"}
    one, two = await asyncio.gather(run_scenario_on(loads(text), **where), run_scenario_on(loads(text), **other))
    assert one.ok, one.describe()
    assert two.ok, two.describe()


async def test_a_room_that_cannot_be_had_is_an_error(where: Where) -> None:
    refused: Where = {**where, "rest_url": where["rest_url"].removesuffix("/v2") + "/v3"}
    with pytest.raises(StageError, match=r"GET http.*/v3/rooms\?\S+: 404"):
        await run_scenario_on(loads(CAST), **refused)


async def test_a_telephone_calls_in_and_is_heard(where: Where) -> None:
    """S-105: in the mix, with no stream to see."""
    text = (
        "version: 1\nname: call in\nparticipants:\n"
        "  alice: {subscribe: all}\n"
        "  phone: {kind: telephone, streams: {self: {audio: tone}}}\n"
        "timeline:\n"
        "  - {at: 0s, do: {alice: join, phone: join}}\n"
        "  - {at: 200ms, do: {phone: {publish: self}}}\n"
        "  - {after: phone.published, expect: {alice: {hears: phone}}}\n"
        "  - {after: phone.published + 2s, do: {phone: {stop_audio: self}}}\n"
        "  - {at: 3s, expect: {alice: {hears_not: phone, within: 1s}}}\n"
        "  - {at: 5s, do: {phone: leave}}\n"
    )
    report = await run_scenario_on(loads(text), **where)
    assert report.ok, report.describe()
