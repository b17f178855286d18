"""A real browser joins a running scenario: it is greeted by its context, sees and hears, and is heard and missed."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from emulator.scenario.loader import loads
from emulator.scenario.report import StepResult
from emulator.scenario.runner import run_scenario_on
from emulator.server import Emulator
from tests.browser.conftest import SdkPageFactory
from tests.browser.joined_room import JoinableRoom

pytestmark = pytest.mark.browser

TONE = 40
SCENARIO = f"""\
version: 1
name: a browser comes
seed: 21
room: {{unique_name: browser-comes}}
participants:
  host:
    context: {{username: Host}}
    streams: {{self: {{video: test_card, audio: tone}}}}
    behaviours:
      - watch
      - {{greet: {{text: "Welcome, {{username}} from {{city}}!", after: 3s}}}}
      - {{answer: {{text: "You said: {{text}}"}}}}
      - {{leave_when_alone: {{after: 200ms}}}}
  crowd:
    count: 3
    streams: {{self: {{video: test_card, audio: silence}}}}
    messages: false
timeline:
  - at: 0s
    do:
      - {{host: [join, {{publish: self}}], crowd: [join, {{publish: self}}]}}
      - wait_for: {{participant: {{context.username: Ada}}, within: 60s, as: browser}}
      - expect:                   # what only a browser can bring about
          host:
            - {{reads: here I am, within: 60s}}
            - {{hears_tone: {TONE}, within: 60s}}
            - {{sees_picture: {{of: "${{browser.participant_id}}"}}, within: 60s}}
      - {{crowd: leave}}
      - expect: {{host: {{ends: user_initiated, within: 60s}}}}
"""


async def _room(emulator: Emulator, unique_name: str, patience: float = 20) -> JoinableRoom:
    """The scenario's room, once somebody is in it."""
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    async with asyncio.timeout(patience), aiohttp.ClientSession(headers=headers) as http:
        while True:
            query = {"filter[unique_name]": unique_name}
            async with http.get(f"{emulator.rest_url}/rooms", params=query) as answer:
                found: list[dict[str, Any]] = (await answer.json())["data"]
            if found and found[0].get("active_session_id"):
                return JoinableRoom(emulator.rest_url, emulator.api_key, found[0]["id"])
            await asyncio.sleep(0.05)


async def test_a_browser_joins_a_running_scenario_and_all_is_as_it_expects(
    emulator: Emulator, sdk_page: SdkPageFactory
) -> None:
    scenario, noticed = loads(SCENARIO), asyncio.Event()
    expected = {"reads", "hears_tone", "sees_picture"}

    def on_step(result: StepResult) -> None:
        expected.discard(result.what.removeprefix("expect ").partition(" ")[0])
        if not expected:
            noticed.set()

    where = {"rest_url": emulator.rest_url, "ws_url": emulator.ws_url, "api_key": emulator.api_key}
    running = asyncio.create_task(run_scenario_on(scenario, **where, on_step=on_step))
    try:
        room = await _room(emulator, "browser-comes")
        page = await sdk_page(emulator.admin_url, name="ada")
        await page.initialize(
            room.id, await room.token(), context={"username": "Ada", "city": "London"}, enable_messages=True
        )
        await page.connect()
        names = {each["id"]: each["name"] for each in (await page.state())["participants"]}
        host = next(participant for participant, name in names.items() if name == "Host")

        # Greeted by its context ...
        greeting = {"type": "text", "payload": "Welcome, Ada from London!"}
        await page.wait_event("message_received", host, greeting, timeout=30)
        # ... it sees and hears the others ...
        video = await page.subscribe(host)
        assert (await page.wait_card(video, timeout=20)).participant_id == host
        await page.wait_tone(scenario.cast["host"].index, timeout=20)
        # ... is heard, and answered ...
        await page.add_stream("self", audio={"source": "tone", "index": TONE})
        await page.send_message("here I am")
        await page.wait_event("message_received", host, {"type": "text", "payload": "You said: here I am"})
        async with asyncio.timeout(60):
            await noticed.wait()
        # ... and missed.
        await page.disconnect()
        async with asyncio.timeout(90):
            report = await running
        assert report.ok, report.describe()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
