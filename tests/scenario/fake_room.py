"""A room of fake clients, for what the engine does with clients; what clients do is tested elsewhere."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emulator.scenario.cast import StreamSpec
from emulator.scenario.engine import Engine, OnStep
from emulator.scenario.errors import ExpectationFailed
from emulator.scenario.loader import loads
from emulator.scenario.plan import make_plan
from emulator.scenario.report import Report
from emulator.scenario.scene import Scene
from emulator.scenario.stage_client import StreamId, Ticket


class FakeRoom:
    """Who is in, what they publish, and everything that was asked, with the time since the start.

    `takes` gives seconds and `breaks` errors by what is asked: `alice publish self`, `publish self` or `publish`.
    """

    def __init__(self) -> None:
        self.clients: dict[str, FakeClient] = {}
        self.tickets: list[Ticket] = []
        self.asked: list[tuple[float, str]] = []
        self.granted: list[int | None] = []
        self.called: list[tuple[str, str, Any]] = []
        self.answers: dict[str, Any] = {}
        self.acted: list[tuple[str, Mapping[str, object]]] = []
        self.takes: dict[str, float] = {}
        self.breaks: dict[str, Exception] = {}
        self.began = asyncio.get_running_loop().time()

    def client(self, ticket: Ticket) -> "FakeClient":
        self.tickets.append(ticket)
        self.clients[ticket.participant_id] = FakeClient(self, ticket)
        return self.clients[ticket.participant_id]

    async def lasting_token(self, room_id: str) -> str:
        self.granted.append(None)
        return f"token for {room_id}"

    async def client_token(self, room_id: str, ttl: int = 3600) -> str:
        self.granted.append(ttl)
        return f"token for {room_id}"

    async def active_session(self, room_id: str) -> str | None:
        return "the session" if any(client.connected for client in self.clients.values()) else None

    async def act(self, session_id: str, action: str, body: Mapping[str, object]) -> None:
        self.acted.append((action, body))

    async def call(
        self, method: str, path: str, body: Any = None, *, status: int | None = None, whole: bool = False
    ) -> Any:
        """What the API would answer: from `answers`, by method and path."""
        self.called.append((method, path, body))
        return self.answers.get(f"{method} {path.partition('?')[0]}", {"id": f"id {len(self.called)}"})

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return 204 if method == "DELETE" else 200, await self.call(method, path, body)

    async def act_out(self, who: str, what: str) -> None:
        now = asyncio.get_running_loop().time() - self.began
        self.asked.append((round(now, 3), f"{who} {what}"))
        word = what.split()[0]
        names = (f"{who} {what}", f"{who} {word}", what, word)
        await asyncio.sleep(next((self.takes[name] for name in names if name in self.takes), 0.0))
        for name in names:
            if name in self.breaks:
                raise self.breaks[name]

    @property
    def said(self) -> list[str]:
        return [what for _, what in self.asked]

    def announced(self) -> frozenset[StreamId]:
        return frozenset((pid, key) for pid, client in self.clients.items() for key in client.published)


class FakeClient:
    def __init__(self, room: FakeRoom, ticket: Ticket) -> None:
        self._room = room
        self._id = ticket.participant_id
        self._name = ticket.participant.name
        self.connected = False
        self.published: dict[str, set[str]] = {}
        self.subscribed: set[StreamId] = set()
        self.told: list[Callable[[StreamId], None]] = []
        self.readers: list[Callable[[str, str], None]] = []
        self.found_faults: list[str] = []
        self.end: str | None = None

    def streams(self) -> frozenset[StreamId]:
        return frozenset(stream for stream in self._room.announced() if stream[0] != self._id)

    def on_stream(self, tell: Callable[[StreamId], None]) -> None:
        for stream in sorted(self.streams()):
            tell(stream)
        self.told.append(tell)

    def on_message(self, tell: Callable[[str, str], None]) -> None:
        self.readers.append(tell)

    def faults(self) -> list[str]:
        return self.found_faults

    async def connect(self) -> None:
        await self._room.act_out(self._name, "join")
        self.connected = True

    async def leave(self) -> None:
        if self.connected:
            await self._room.act_out(self._name, "leave")
            self._gone()

    async def vanish(self) -> None:
        await self._room.act_out(self._name, "vanish")
        self._gone()

    def _gone(self, reason: str = "user_initiated") -> None:
        self.connected = False
        self.end = reason
        self.published.clear()

    async def publish(self, stream: StreamSpec) -> None:
        await self._room.act_out(self._name, f"publish {stream.key}")
        self.published[stream.key] = {"audio", "video"}
        for client in self._room.clients.values():
            if client.connected:
                for tell in client.told:
                    tell((self._id, stream.key))

    async def replace(self, stream: StreamSpec) -> None:
        await self._room.act_out(self._name, f"replace {stream.key}")

    async def freeze(self, *, media: bool, signaling: bool) -> None:
        await self._room.act_out(self._name, f"freeze {media} {signaling}")

    async def thaw(self) -> None:
        await self._room.act_out(self._name, "thaw")

    async def update_token(self, token: str) -> None:
        await self._room.act_out(self._name, f"update_token {token}")

    async def ended(self, *, within: float) -> str | None:
        await self._room.act_out(self._name, "ended")
        return self.end

    async def set_track(self, key: str, medium: str, *, enabled: bool) -> None:
        await self._room.act_out(self._name, f"{'start' if enabled else 'stop'} {medium} {key}")
        (self.published[key].add if enabled else self.published[key].discard)(medium)

    async def unpublish(self, key: str) -> None:
        await self._room.act_out(self._name, f"unpublish {key}")
        del self.published[key]

    async def subscribe(self, stream: StreamId, *, audio: bool, video: bool, substream: int | None = None) -> None:
        only = "" if audio and video else (" audio" if audio else " video")
        only += "" if substream is None else f" substream {substream}"
        await self._room.act_out(self._name, f"subscribe {self._room.clients[stream[0]]._name}/{stream[1]}{only}")
        self.subscribed.add(stream)

    async def unsubscribe(self, stream: StreamId) -> None:
        await self._room.act_out(self._name, f"unsubscribe {self._room.clients[stream[0]]._name}/{stream[1]}")
        self.subscribed.discard(stream)

    async def say(self, text: str, to: Sequence[str]) -> None:
        await self._room.act_out(self._name, f"say {text}")

    async def sees(self, stream: StreamId, *, within: float) -> None:
        await self._expect(lambda: self._visible(stream), f"sees {stream[1]}", within)

    async def sees_picture(self, stream: StreamId, *, within: float) -> None:
        await self._room.act_out(self._name, f"sees_picture {stream[0]}/{stream[1]}")

    async def sees_not(self, stream: StreamId, *, within: float) -> None:
        await self._expect(lambda: not self._visible(stream), f"sees_not {stream[1]}", within)

    async def hears(self, tone: int, *, within: float) -> None:
        await self._expect(lambda: True, f"hears {tone}", within)

    async def hears_not(self, tone: int, *, within: float) -> None:
        await self._expect(lambda: False, f"hears_not {tone}", within)

    def _visible(self, stream: StreamId) -> bool:
        whose = self._room.clients.get(stream[0])
        return whose is not None and "video" in whose.published.get(stream[1], ()) and stream in self.subscribed

    async def _expect(self, true: Callable[[], bool], what: str, within: float) -> None:
        await self._room.act_out(self._name, what)
        try:
            async with asyncio.timeout(within):
                while not true():  # noqa: ASYNC110 - in virtual time looking often costs nothing
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ExpectationFailed(f"not within {within:g} s") from None


def engine(
    text: str, room: FakeRoom, *, on_step: OnStep | None = None, keep_going: bool = False, stay: bool = False
) -> Engine:
    """An engine for a scenario's text, with fake clients in this room."""
    plan = make_plan(loads(text))
    scene = Scene(
        plan.scenario.cast, seed=plan.scenario.seed, room_id="the-room", ws_url="ws://x", rest=room, clients=room.client
    )
    return Engine(plan, scene, on_step=on_step, keep_going=keep_going, stay=stay)


async def play(text: str, room: FakeRoom) -> Report:
    return await engine(text, room).run()
