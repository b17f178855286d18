"""From a file to a run on an emulator: what the command line and tests call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from emulator.scenario import loader, needs
from emulator.scenario.engine import Engine, OnStep
from emulator.scenario.errors import ScenarioUnreadable
from emulator.scenario.listening import listening
from emulator.scenario.pace import TravellingPace
from emulator.scenario.plan import make_plan
from emulator.scenario.reading.issues import hint
from emulator.scenario.report import Report, StepResult
from emulator.scenario.rest import RestClient
from emulator.scenario.scene import Scene
from emulator.scenario.schema import Scenario
from emulator.scenario.shipped import locate, shipped
from emulator.scenario.stage_client import ClientFactory

if TYPE_CHECKING:
    from emulator.scenario.travel import Travel


def load(path: Path | str, *, inputs: Mapping[str, object] = loader.NO_INPUTS, travel: bool = False) -> Scenario:
    """Read a file, or the shipped scenario of that name; `inputs` and `travel` as `loader.load` takes them.

    Raises ScenarioUnreadable, BadInput or ScenarioInvalid.
    """
    found = locate(path)
    if not found.exists():
        raise ScenarioUnreadable(f"{path}: no such file, nor is it a shipped scenario{hint(str(path), shipped())}")
    return loader.load(found, inputs=inputs, travel=travel)


async def run_file(
    path: Path | str, *, rest_url: str, ws_url: str, api_key: str, on_step: OnStep | None = None
) -> Report:
    """Load and run to the end. Raises ScenarioError for what cannot be read or set up; all else is in the report."""
    return await run_scenario_on(load(path), rest_url=rest_url, ws_url=ws_url, api_key=api_key, on_step=on_step)


async def run_scenario_on(
    scenario: Scenario,
    *,
    rest_url: str,
    ws_url: str,
    api_key: str,
    admin_token: str | None = None,
    stay: bool = False,
    tell: Callable[[str], None] | None = None,
    on_step: OnStep | None = None,
    clients: ClientFactory | None = None,
    keep_going: bool = False,
    on_scene: Callable[[Scene], None] | None = None,
    travel: Travel | None = None,
) -> Report:
    """Run a scenario in the account of `api_key`.

    `rest_url` includes `/v2`, `ws_url` is without `/{room id}/janus`; `admin_token` is what the admin API asks for.
    With `stay` nothing that fails ends the run, and the participants stay until it is cancelled; they then leave
    politely, in at most `engine.LEAVE_SECS`. `tell` gets a line for the room and one for each step, `on_step` the
    results themselves, `on_scene` the stage right before the beginning. With `keep_going` a step that fails does not
    end the run. `travel`: in travel time, in this process (load it with `travel=True`). Raises StageError when the
    room cannot be had.
    """

    def step_taken(result: StepResult) -> None:
        if tell is not None:
            tell(result.describe())
        if on_step is not None:
            on_step(result)

    async with aiohttp.ClientSession() as http:
        gate = nullcontext if travel is None else travel.gate()
        rest = RestClient(http, rest_url=rest_url, api_key=api_key, admin_token=admin_token, gate=gate)
        room_id = await rest.find_or_create_room(scenario.room)
        if tell is not None:
            tell(f"scenario {scenario.name}: room {scenario.room['unique_name']} ({room_id})")
        scene = Scene(
            scenario.cast,
            seed=scenario.seed,
            room_id=room_id,
            ws_url=ws_url,
            rest=rest,
            clients=clients or _room_clients(travel),
            pace=None if travel is None else TravellingPace(travel.clock),
        )
        if needs.receiver(scenario):
            scene.sink = await _receive_webhooks(rest, room_id)
        engine = Engine(make_plan(scenario), scene, on_step=step_taken, keep_going=stay or keep_going, stay=stay)
        if on_scene is not None:
            on_scene(scene)
        if travel is not None:
            with travel.listening(scene):
                return await travel.along(engine.run())
        async with listening(scene, rest, needs.news(scenario)):
            return await engine.run()


async def _receive_webhooks(rest: RestClient, room_id: str) -> str | None:
    """Where the room's webhooks are kept from now on; None if they go to a receiver that somebody else has set."""
    room = await rest.call("GET", f"/rooms/{room_id}")
    sink = f"/_emulator/sink/scenario-{room_id}"
    url = rest.sink_url(sink)
    if room.get("webhook_event_url") not in (None, url):
        return None
    await rest.call("DELETE", sink)
    await rest.call("PATCH", f"/rooms/{room_id}", {"webhook_event_url": url})
    return sink


def _room_clients(travel: Travel | None) -> ClientFactory:
    """Imported when a run needs it: loading the media codecs takes longer than reading a scenario."""
    from emulator.clients.memory_transport import memory_opener
    from emulator.scenario.room_client import room_client

    return room_client if travel is None else partial(room_client, open_transport=memory_opener(travel.lobby))
