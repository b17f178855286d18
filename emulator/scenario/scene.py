"""The stage while a scenario runs: the room, and each participant's connection to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from emulator.scenario import draws
from emulator.scenario.cast import Cast, Participant, StreamName
from emulator.scenario.errors import StepFailed
from emulator.scenario.stage_client import ClientFactory, StageClient, StreamId, Ticket
from emulator.scenario.variation import context_of

Complaint = Callable[[str, str], None]
"""Gets a participant's name and what went wrong outside of any step."""

log = logging.getLogger("emulator.scenario")


class Rest(Protocol):
    """The REST calls that steps make."""

    async def client_token(self, room_id: str, ttl: int | None = None) -> str: ...

    async def active_session(self, room_id: str) -> str | None: ...

    async def act(self, session_id: str, action: str, body: Mapping[str, object]) -> None: ...


class Actor:
    """A participant on stage; `client` is None until it joins."""

    def __init__(self, participant: Participant, participant_id: str) -> None:
        self.participant = participant
        self.id = participant_id
        """A new one for each person it comes back as."""
        self.persons = 1
        self.client: StageClient | None = None
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
    ) -> None:
        self.cast = cast
        self.room_id = room_id
        self.rest = rest
        self._seed = seed
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
        """The participants who are meant, by what they are called on the wire."""
        return [self.actors[member].id for name in names for member in self.cast.members(name)]

    def stream_ids(self, name: StreamName, *, but: str) -> list[StreamId]:
        """What a stream is called on the wire; for a crowd, the streams of all of them `but` one's own."""
        key, members = self.cast.key_of(name), self.cast.members(name.participant.text)
        return [(self.actors[member].id, key) for member in members if member != but]

    async def join(self, name: str) -> None:
        """Raises StepFailed for who is in already, StageError for a refused token, and what the client raises."""
        actor = self.actors[name]
        if actor.client is not None and actor.client.connected:
            raise StepFailed(f"{name} is in the room already")
        token = await self.token(name)
        actor.joins += 1
        rng = draws.generator(self._seed, name, "client", str(actor.joins))
        who = replace(actor.participant, context=context_of(actor.participant, self._seed))
        client = self._clients(Ticket(self._ws_url, self.room_id, token, actor.id, who, rng))
        actor.client = client
        await client.connect()
        client.on_stream(lambda stream: self._announced(actor, client, stream))

    async def rejoin(self, name: str) -> None:
        """Leave, if in the room, and come in as somebody new of the same name. Raises as `join` does."""
        actor = self.actors[name]
        if actor.client is not None:
            await actor.client.leave()
        actor.persons += 1
        actor.id = draws.participant_id(self._seed, f"{name}, person {actor.persons}")
        await self.join(name)

    async def token(self, name: str) -> str:
        """A new client token for somebody. Raises StageError."""
        return await self.rest.client_token(self.room_id, self.actors[name].participant.token_ttl)

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
        """Everybody who is still here leaves politely; who cannot within so many seconds, vanishes."""
        await asyncio.gather(*(self._see_off(actor, within) for actor in self.actors.values()))

    async def _see_off(self, actor: Actor, within: float) -> None:
        for task in tuple(actor.subscribing):
            task.cancel()
        if actor.client is None:
            return
        for fault in actor.client.faults():
            self.complain(actor.participant.name, fault)
        try:
            async with asyncio.timeout(within):
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
