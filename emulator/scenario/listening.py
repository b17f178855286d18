"""Where a scenario's news come from: the admin API, as for anybody. Nothing of it is asked that nobody waits for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from emulator.scenario.news import webhook_facts
from emulator.scenario.rest import RestClient
from emulator.scenario.scene import Scene, told

LOOK_SECS = 0.05
"""How often the wire log is asked for what is new."""


class EventReader:
    """Events as news: of this room, with the scenario's names and the contexts of those whom they are about."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._contexts: dict[str, Any] = {}

    def read(self, event: Mapping[str, Any], *, past: bool = False) -> None:
        """`event` is as `/_emulator/events` tells it."""
        payload: Mapping[str, Any] = event["payload"]
        if payload.get("room_id") not in (None, self._scene.room_id):
            return
        facts = {**payload, "type": event["type"], "number": event["number"], "at": event["at"]}
        who = payload.get("participant_id")
        if who is not None:
            if event["type"] == "participant_joined":
                self._contexts[who] = payload["context"]
            facts |= {"context": self._contexts.get(who), "name": self._scene.name_of(who)}
        self._scene.chronicle.tell("event", event["type"], facts, past=past)


@asynccontextmanager
async def listening(scene: Scene, rest: RestClient, kinds: Iterable[str]) -> AsyncIterator[None]:
    """Bring news of these kinds to the scene's chronicle, those of the past first. Raises StageError."""
    kinds = set(kinds)
    async with AsyncExitStack() as stack:
        tasks: list[asyncio.Task[None]] = []
        if "event" in kinds:
            last = (await rest.call("GET", "/_emulator/events?limit=1", whole=True))["meta"]["last_number"]
            stream = await stack.enter_async_context(rest.events())
            reader = EventReader(scene)
            if last:
                async for event in stream:
                    reader.read(event, past=True)
                    if event["number"] >= last:
                        break
            tasks.append(asyncio.create_task(_read_all(scene, stream, reader)))
        wanted = ",".join(sorted(kinds & {"rest", "webhook"}))
        if wanted:
            last = (await rest.call("GET", f"/_emulator/wire?limit=1&kind={wanted}"))["last_number"]
            tasks.append(asyncio.create_task(_watch_wire(scene, rest, wanted, last)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _read_all(scene: Scene, stream: AsyncIterator[dict[str, Any]], reader: EventReader) -> None:
    try:
        async for event in stream:
            reader.read(event)
        scene.complain("stage", "the emulator tells no more events")
    except Exception as error:  # noqa: BLE001 - whatever breaks the stream is told: the run is deaf from here on
        scene.complain("stage", f"the stream of events has broken: {told(error)}")


async def _watch_wire(scene: Scene, rest: RestClient, kinds: str, since: int) -> None:
    try:
        while True:
            found = await rest.call("GET", f"/_emulator/wire?kind={kinds}&since={since}")
            since = found["next_since"]
            for entry in found["entries"]:
                _tell_entry(scene, entry)
            if not found["more"]:
                await scene.pace.sleep(LOOK_SECS)
    except Exception as error:  # noqa: BLE001 - as above
        scene.complain("stage", f"the wire log can not be read any more: {told(error)}")


def _tell_entry(scene: Scene, entry: Mapping[str, Any]) -> None:
    facts = {**entry, "request": _parsed(entry["request"]), "response": _parsed(entry["response"])}
    if entry["kind"] == "webhook":
        if entry["room_id"] in (None, scene.room_id):
            data = facts["request"].get("data") if isinstance(facts["request"], dict) else None
            scene.chronicle.tell("webhook", entry["event_type"], webhook_facts(data, facts))
    elif entry["surface"] == "rest":
        scene.chronicle.tell("rest", f"{entry['method']} {entry['path']}", facts)


def _parsed(text: str) -> Any:
    with suppress(ValueError):
        return json.loads(text)
    return text
