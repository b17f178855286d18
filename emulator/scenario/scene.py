"""The stage while a scenario runs: the room, and each participant's connection to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, Protocol

from emulator.clients.company import Person
from emulator.scenario import draws
from emulator.scenario.cast import Cast, Participant, StreamName
from emulator.scenario.errors import StageError, StepFailed
from emulator.scenario.filling import Values
from emulator.scenario.news import Chronicle, News
from emulator.scenario.pace import Pace, RealPace
from emulator.scenario.reading.conditions import MISSING
from emulator.scenario.stage_client import ClientFactory, StageClient, StreamId, Ticket
from emulator.scenario.variation import context_of

Complaint = Callable[[str, str], None]
"""Gets a participant's name and what went wrong outside of any step."""

log = logging.getLogger("emulator.scenario")


class Rest(Protocol):
    """The REST calls that steps make."""

    async def lasting_token(self, room_id: str) -> str: ...

    async def client_token(self, room_id: str, ttl: int = ...) -> str: ...

    async def active_session(self, room_id: str) -> str | None: ...

    async def act(self, session_id: str, action: str, body: Mapping[str, object]) -> None: ...

    async def call(
        self, method: str, path: str, body: Any = None, *, status: int | None = None, whole: bool = False
    ) -> Any: ...

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]: ...


class Actor:
    """A participant on stage; `client` is None until it joins."""

    def __init__(self, participant: Participant, participant_id: str) -> None:
        self.participant = participant
        self.id = participant_id
        """A new one for each person it comes back as."""
        self.persons = 1
        self.client: StageClient | None = None
        self.joining: asyncio.Future[None] | None = None
        """Until a join that is under way has ended, well or not."""
        self.joins = 0
        self.subscribing: set[asyncio.Task[None]] = set()


class Scene:
    """What steps act on and expectations look at."""

    def __init__(
        self,
        cast: Cast,
        *,
        seed: int,
        room_id: str,
        ws_url: str,
        rest: Rest,
        clients: ClientFactory,
        pace: Pace | None = None,
    ) -> None:
        self.cast = cast
        self.seed = self._seed = seed
        self.room_id = room_id
        self.rest = rest
        self.pace: Pace = pace or RealPace()
        self.chronicle = Chronicle(self.pace)
        self.sink: str | None = None
        """The path of the admin API where the room's webhooks are kept, if they go there."""
        self._remembered: dict[str, Any] = {}
        self._set: list[tuple[str, str]] = []
        self._taking_back: set[asyncio.Task[None]] = set()
        self._ws_url = ws_url
        self._clients = clients
        self.complain: Complaint = lambda who, message: log.warning("%s: %s", who, message)
        self.actors = {who.name: Actor(who, draws.participant_id(seed, who.name)) for who in cast}

    def client(self, name: str) -> StageClient:
        """The client of somebody who is in the room. Raises StepFailed."""
        client = self.actors[name].client
        if client is None:
            raise StepFailed(f"{name} has not joined")
        if not client.connected:
            raise StepFailed(f"{name} is no longer in the room")
        return client

    def ids(self, names: Iterable[str]) -> list[str]:
        """The participants who are meant, by what they are called on the wire; an id stands for itself."""
        found = []
        for name in names:
            found += [self.actors[member].id for member in self.cast.members(name)] if name in self.cast else [name]
        return found

    # -- what is known ----------------------------------------------------------------------------------------------

    def remember(self, name: str, value: Any) -> None:
        """Later steps can refer to it as `${name}`."""
        self._remembered[name] = value

    def values(self, event: Mapping[str, Any] | None = None) -> Values:
        """What names in steps stand for: those remembered, the room, the cast; and `event`, what set off the entry."""

        def look_up(name: str) -> Any:
            if name == "room":
                return {"id": self.room_id}
            if name == "event" and event is not None:
                return event
            if name in self._remembered:
                return self._remembered[name]
            return self._person(name) if name in self.actors else MISSING

        return Values(look_up)

    def _person(self, name: str) -> dict[str, Any]:
        return {"id": self.actors[name].id, "participant_id": self.actors[name].id, "name": name}

    def name_of(self, participant_id: object) -> str | None:
        """What the scenario calls this participant; None for somebody from elsewhere."""
        return next((name for name, actor in self.actors.items() if actor.id == participant_id), None)

    def present(self) -> list[News]:
        """How those who are in the room by now have joined, as events tell."""
        found: dict[str, News] = {}
        for news in self.chronicle.all():
            if news.kind == "event" and news.what == "participant_joined":
                found[news.facts["participant_id"]] = news
            elif news.kind == "event" and news.what == "participant_left":
                found.pop(news.facts["participant_id"], None)
        return list(found.values())

    def published(self) -> list[dict[str, Any]]:
        """The streams that are announced by now, as events tell."""
        found: dict[Any, dict[str, Any]] = {}
        for news in self.chronicle.all():
            if news.kind != "event" or "stream_id" not in news.facts or news.facts["stream_id"] is None:
                continue
            place = news.facts["stream_id"]
            match news.what:
                case "stream_offered" | "stream_changed":
                    found[place] = {**found.get(place, {}), **news.facts}
                case "stream_published":
                    found[place] = {**found.get(place, {}), **news.facts, "announced": True}
                case "stream_unpublished":
                    found.pop(place, None)
        return [stream for stream in found.values() if stream.get("announced")]

    # -- what is set up, and taken back ------------------------------------------------------------------------------

    def set_up(self, what: Literal["faults", "impairments"], rule_id: str, *, lasting: float | None) -> None:
        """Remember a rule of `/_emulator/{what}`; it is taken back after `lasting` seconds, or at the end."""
        self._set.append((what, rule_id))
        if lasting is not None:
            task = asyncio.create_task(self._later(what, rule_id, lasting))
            self._taking_back.add(task)
            task.add_done_callback(self._taking_back.discard)

    async def _later(self, what: str, rule_id: str, seconds: float) -> None:
        await self.pace.sleep(seconds)
        try:
            await self._remove(what, rule_id)
        except Exception as error:  # noqa: BLE001 - no step waits for it; it is told, not swallowed
            self.complain("stage", f"taking back what was set: {told(error)}")

    async def take_back(self, what: str | None = None) -> None:
        """All rules of a sort that are still set; all of all sorts, if None. Raises StageError."""
        for one, rule_id in tuple(self._set):
            if what in (None, one):
                await self._remove(one, rule_id)

    async def _remove(self, what: str, rule_id: str) -> None:
        if (what, rule_id) in self._set:
            self._set.remove((what, rule_id))
            status, answer = await self.rest.ask("DELETE", f"/_emulator/{what}/{rule_id}")
            if status not in (204, 404):  # one that lasts for a time has gone by itself
                raise StageError(f"DELETE /_emulator/{what}/{rule_id}: {status} {answer!r:.200}")

    # -- coming and going --------------------------------------------------------------------------------------------

    def stream_ids(self, name: StreamName, *, but: str) -> list[StreamId]:
        """What a stream is called on the wire; for a crowd, the streams of all of them `but` one's own."""
        key, members = self.cast.key_of(name), self.cast.members(name.participant.text)
        return [(self.actors[member].id, key) for member in members if member != but]

    async def join(self, name: str) -> None:
        """Raises StepFailed for who is in already, StageError for a refused token, and what the client raises."""
        actor = self.actors[name]
        if actor.client is not None and actor.client.connected:
            raise StepFailed(f"{name} is in the room already")
        actor.joining = asyncio.get_running_loop().create_future()
        try:
            await self._come_in(name, actor)
        finally:
            actor.joining.set_result(None)
            actor.joining = None

    async def _come_in(self, name: str, actor: Actor) -> None:
        token = await self.token(name)
        actor.joins += 1
        rng = draws.generator(self._seed, name, "client", str(actor.joins))
        who = replace(actor.participant, context=context_of(actor.participant, self._seed))
        client = self._clients(Ticket(self._ws_url, self.room_id, token, actor.id, who, rng, self._known))
        actor.client = client
        client.on_message(lambda text, sender: self._read(name, text, sender))  # the first may come while it joins
        await client.connect()
        client.on_stream(lambda stream: self._announced(actor, client, stream))

    def _known(self) -> list[Person]:
        return [Person(actor.id, name, actor.participant.index) for name, actor in self.actors.items()]

    def _read(self, name: str, text: str, sender: str) -> None:
        facts = {"text": text, "to": name, "from": self.name_of(sender), "participant_id": sender}
        self.chronicle.tell("message", text, facts)

    async def arrived(self, name: str) -> None:
        """Wait for joins that are under way: who is looked at meanwhile is neither there nor gone."""
        for member in self.cast.members(name) if name in self.cast else ():
            joining = self.actors[member].joining
            if joining is not None:
                await asyncio.wait([joining])

    async def rejoin(self, name: str) -> None:
        """Leave, if in the room, and come in as somebody new of the same name. Raises as `join` does."""
        actor = self.actors[name]
        if actor.client is not None:
            await actor.client.leave()
        actor.persons += 1
        actor.id = draws.participant_id(self._seed, f"{name}, person {actor.persons}")
        await self.join(name)

    async def token(self, name: str) -> str:
        """A new client token for somebody: one that lasts, unless the participant says how long. Raises StageError."""
        ttl = self.actors[name].participant.token_ttl
        if ttl is None:
            return await self.rest.lasting_token(self.room_id)
        return await self.rest.client_token(self.room_id, ttl)

    def _announced(self, actor: Actor, client: StageClient, stream: StreamId) -> None:
        participant_id, key = stream
        name = next((other.participant.name for other in self.actors.values() if other.id == participant_id), "")
        if participant_id == actor.id or not actor.participant.watches(name, key):
            return
        task = asyncio.create_task(self._subscribe(actor, client, stream, name or participant_id))
        actor.subscribing.add(task)
        task.add_done_callback(actor.subscribing.discard)

    async def _subscribe(self, actor: Actor, client: StageClient, stream: StreamId, whose: str) -> None:
        try:
            watched = actor.participant.watched
            await client.subscribe(stream, audio="audio" in watched, video="video" in watched)
        except Exception as error:  # noqa: BLE001 - whatever a client raises is told to people, no step waits for it
            if client.connected and stream in client.streams():  # else it has gone meanwhile, as streams do
                self.complain(actor.participant.name, f"subscribing to {whose}/{stream[1]}: {told(error)}")

    async def clear(self, *, within: float) -> None:
        """All rules are taken back; everybody who is still here leaves politely, or, not within `within`, vanishes."""
        for task in tuple(self._taking_back):
            task.cancel()
        try:
            await self.take_back()
        except Exception as error:  # noqa: BLE001 - everybody must still be seen off; it is told, not swallowed
            self.complain("stage", f"taking back what was set: {told(error)}")
        await asyncio.gather(*(self._see_off(actor, within) for actor in self.actors.values()))

    async def _see_off(self, actor: Actor, within: float) -> None:
        for task in tuple(actor.subscribing):
            task.cancel()
        if actor.client is None:
            return
        for fault in actor.client.faults():
            self.complain(actor.participant.name, fault)
        try:
            async with self.pace.timeout(within):
                await actor.client.leave()
        except Exception as error:  # noqa: BLE001 - the others must still be seen off; it is told, not swallowed
            self.complain(actor.participant.name, f"leaving at the end: {told(error)}")
            await actor.client.vanish()


async def all_of(parts: Iterable[Awaitable[None]]) -> None:
    """All of them at once, to the end of each; raises what the first that failed has raised."""
    for outcome in await asyncio.gather(*parts, return_exceptions=True):
        if outcome is not None:
            raise outcome


def told(error: BaseException) -> str:
    """An error as a person should read it: its text; with its type where the text alone would not do."""
    if isinstance(error, TimeoutError):
        return f"timed out{': ' + str(error) if str(error) else ''}"
    return str(error) if str(error) else type(error).__name__
