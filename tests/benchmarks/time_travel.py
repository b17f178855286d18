"""What travelling in time costs, and what it keeps: `python -m tests.benchmarks.time_travel [runs]`.

1. An hour's meeting without media on a standing clock: RoomClients over the in-memory transport join, publish, toggle,
   subscribe, leave, and are muted and thrown out; tokens come over REST, as everybody's do. Each run has a fresh
   account with the same seed in the same emulator; the event logs as JSON must have one hash, also for two at once.
2. A standing clock while webhook receivers hang: a prototype of delivery, with backoff on the account's clock and
   timeouts on the real one. Moving a minute must take at most the sum of the attempts' timeouts, keep their order, and
   leave the API answering.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import aiohttp
from aiohttp import web

from emulator.clients import RoomClient
from emulator.clients.memory_transport import memory_opener
from emulator.clients.websocket import Closed, Garbage, Text, Transport
from emulator.config import Config
from emulator.events import Record
from emulator.rooms.account import Account
from emulator.rooms.room import RoomSettings
from emulator.server import Emulator
from emulator.travelling_clock import TravellingClock

START = datetime(2026, 9, 17, 20, 0, tzinfo=UTC)
HOUR = 3600.0
SEED = 7
REST_SECS = 30.0
"""Timeout of a REST call; a standing clock waits for one no longer."""


# -- the meeting ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    at: float
    who: int
    what: str
    whom: int = 0


def script(people: int, steps: int, seed: int) -> list[Step]:
    """A plausible meeting: everybody comes in the first minutes, most stay, some go and come again."""
    rng = Random(seed)
    present: set[int] = set()
    found = [Step(rng.uniform(0, 300), who, "join") for who in range(people)]
    times = sorted(rng.uniform(300, HOUR) for _ in range(steps - people))
    present.update(range(people))
    for at in times:
        who = rng.randrange(people)
        if who not in present:
            present.add(who)
            found.append(Step(at, who, "join"))
            continue
        whom = rng.choice(sorted(present))
        what = rng.choices(
            ("audio", "video", "subscribe", "unsubscribe", "republish", "mute", "unmute", "refresh", "leave", "kick"),
            (30, 20, 12, 6, 4, 6, 6, 8, 5, 1),
        )[0]
        if what in ("leave", "kick"):
            present.discard(who)
        found.append(Step(at, who, what, whom))
    return sorted(found, key=lambda step: step.at)


class Meeting:
    """One run: an account of its own, its clock, and who takes part."""

    def __init__(self, emulator: Emulator, key: str, people: int) -> None:
        self.clock = TravellingClock(frozen_at=START)
        self.account = emulator.accounts.add(key, seed=SEED, clock=self.clock)
        self.room = self.account.create_room(RoomSettings(max_participants=50))
        self.rest_secs = 0.0
        self.rest_calls = 0
        self._emulator = emulator
        self._key = key
        self.frames = 0
        self._opener = memory_opener(emulator.lobby)
        self._clients: dict[int, RoomClient] = {}
        self._visits: Counter[int] = Counter()
        self._events: list[dict[str, Any]] = []
        self._steps: list[asyncio.Task[None]] = []
        self.account.log.subscribe(lambda record: self._events.append(record.as_json()))

    async def run(self, plan: list[Step]) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        async with aiohttp.ClientSession(headers=headers) as self._http:
            for step in plan:
                self.clock.call_at(START + timedelta(seconds=step.at), lambda step=step: self._begin(step))
            await self.clock.advance(timedelta(seconds=HOUR))
            for client in self._clients.values():
                await client.leave()
        for task in self._steps:
            task.result()
        faults = [fault for client in self._clients.values() for fault in client.faults]
        assert not faults, faults

    def _begin(self, step: Step) -> None:
        self._steps.append(self.clock.track(asyncio.create_task(self._perform(step)), limit=REST_SECS))

    async def _perform(self, step: Step) -> None:
        if step.what == "join":
            await self._join(step.who)
            return
        client, whom = self._clients[step.who], self._clients[step.whom]
        session_id = self.room.active_session_id
        match step.what:
            case "audio" | "video" as kind:
                flags = client.published["self"]
                enabled = not (flags.audio_enabled if kind == "audio" else flags.video_enabled)
                await client.update_stream("self", **{kind: enabled})
            case "subscribe":
                if whom is not client and (whom.participant_id, "self") not in client.subscriptions:
                    await client.subscribe(whom)
            case "unsubscribe":
                for participant_id, key in list(client.subscriptions)[:1]:
                    await client.unsubscribe(participant_id, key)
            case "republish":
                await client.unpublish("self")
                await client.publish("self")
            case "mute" | "unmute" | "kick" as action:
                assert session_id is not None
                target = client if action == "kick" else whom
                getattr(self.account, action)(session_id, [target.participant_id])
            case "refresh":
                await client.update_token(await self._token())
            case "leave":
                await client.leave()

    async def _join(self, who: int) -> None:
        self._visits[who] += 1
        client = RoomClient(
            ws_url="memory:",
            room_id=self.room.id,
            token=await self._token(),
            name=f"person {who}",
            tone=who,
            rng=Random(f"{SEED} {who} {self._visits[who]}"),
            open_transport=self._open_counted,
            media=False,
        )
        await client.connect()
        await client.publish("self")
        self._clients[who] = client

    async def _open_counted(self, url: str) -> Transport:
        """Count what comes to the client."""
        transport = await self._opener(url)
        receive = transport.receive

        async def counted() -> Text | Garbage | Closed:
            self.frames += 1
            return await receive()

        transport.receive = counted  # type: ignore[method-assign]  # a probe on one instance
        return transport

    async def _token(self) -> str:
        began = time.perf_counter()
        path = f"rooms/{self.room.id}/actions/generate_join_client_token"
        body = {"token_ttl_secs": 3600}
        async with self._http.post(f"{self._emulator.rest_url}/{path}", json=body) as answer:
            found = (await answer.json())["data"]["token"]
        self.rest_secs += time.perf_counter() - began
        self.rest_calls += 1
        return str(found)

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self._events).encode()).hexdigest()[:16]

    @property
    def events(self) -> int:
        return len(self._events)


async def meetings(runs: int) -> None:
    print("people  steps | events  frames in  REST calls | ms in all   CPU  of which REST | hash of the event log")
    async with Emulator(Config(port=0)) as emulator:
        for people, steps in ((3, 60), (10, 500), (50, 2000)):
            plan = script(people, steps, SEED)
            digests = set()
            for run in range(runs):
                meeting = Meeting(emulator, f"KEY_{people}_{run}", people)
                began, cpu = time.perf_counter(), time.process_time()
                await meeting.run(plan)
                spent, cpu = (time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000
                digests.add(meeting.digest)
                print(
                    f"{people:6}  {steps:5} | {meeting.events:6}  {meeting.frames:9}  {meeting.rest_calls:10} |"
                    f" {spent:9.0f} {cpu:5.0f}  {meeting.rest_secs * 1000:13.0f} | {meeting.digest}"
                )
            assert len(digests) == 1, digests
        twins = [Meeting(emulator, f"KEY_twin_{number}", 10) for number in range(2)]
        plan = script(10, 500, SEED)
        await asyncio.gather(*(twin.run(plan) for twin in twins))
        one, other = twins
        assert one.account.id != other.account.id
        assert one.room.id == other.room.id
        assert one.digest == other.digest
        print(f"two at once, one room id ({one.room.id}): {one.digest} and {other.digest}")


# -- receivers that hang ----------------------------------------------------------------------------------------------

TIMEOUT_SECS = 0.3
ATTEMPTS = 3
BACKOFF_SECS = 0.5


@dataclass(frozen=True)
class Attempt:
    room: str
    event: int
    number: int
    due: float
    began: float
    outcome: str


class Deliveries:
    """A prototype: one queue per room for first attempts; retries come by the account's clock and hold nothing back."""

    def __init__(self, account: Account, clock: TravellingClock, http: aiohttp.ClientSession) -> None:
        self.attempts: list[Attempt] = []
        self._clock = clock
        self._http = http
        self._queues: dict[str, asyncio.Queue[Record]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._urls: dict[str, str] = {}
        account.log.subscribe(self._on_record)

    def deliver(self, room_id: str, url: str) -> None:
        self._urls[room_id] = url
        self._queues[room_id] = asyncio.Queue(100)
        self._spawn(self._first_attempts(room_id))

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _on_record(self, record: Record) -> None:
        queue = self._queues.get(getattr(record.event, "room_id", ""))
        if queue is not None:
            queue.put_nowait(record)

    async def _first_attempts(self, room_id: str) -> None:
        while True:
            record = await self._queues[room_id].get()
            await self._attempt(room_id, record, 1, self._clock.now())

    async def _attempt(self, room_id: str, record: Record, number: int, due: datetime) -> None:
        began = self._clock.now()
        with self._clock.busy(TIMEOUT_SECS):
            try:
                timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECS)
                async with self._http.post(self._urls[room_id], json=record.as_json(), timeout=timeout) as answer:
                    outcome = str(answer.status)
            except (TimeoutError, aiohttp.ClientError) as error:
                outcome = type(error).__name__
            self.attempts.append(Attempt(room_id, record.number, number, _secs(due), _secs(began), outcome))
            if outcome != "200" and number < ATTEMPTS:
                # Counted from the end of the attempt, on a clock that did not move meanwhile.
                again = self._clock.now() + timedelta(seconds=BACKOFF_SECS * 2 ** (number - 1))
                self._clock.call_at(again, lambda: self._spawn(self._attempt(room_id, record, number + 1, again)))


def _secs(at: datetime) -> float:
    return (at - START).total_seconds()


async def hanging_receivers() -> None:
    async def hang(_request: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    async def well(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/hang", hang)
    app.router.add_post("/well", well)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with Emulator(Config(port=0)) as emulator, aiohttp.ClientSession() as http:
        clock = TravellingClock(frozen_at=START)
        account = emulator.accounts.add("KEY_hang", seed=SEED, clock=clock)
        deliveries = Deliveries(account, clock, http)
        rooms = [account.create_room(RoomSettings(unique_name=name)) for name in ("slow", "slow too", "well")]
        for room, path in zip(rooms, ("hang", "hang", "well"), strict=True):
            deliveries.deliver(room.id, f"http://127.0.0.1:{port}/{path}")
        for room in rooms:
            for number in range(2):  # a session begins and ends: four events each
                person = account.join(room.id, account.new_id(), context=None, connection=str(number))
        changes: list[Callable[[], object]] = [
            lambda room=room: account.update_room(room.id, {"max_participants": 20}) for room in rooms
        ]
        for change in changes:
            clock.call_at(START + timedelta(seconds=20), change)
        del person
        done = asyncio.Event()
        polling = asyncio.create_task(_poll(emulator, http, done))
        began = time.perf_counter()
        await clock.advance(timedelta(seconds=60))
        spent = time.perf_counter() - began
        done.set()
        latencies = sorted(await polling)
        await _report(deliveries.attempts, [room.id for room in rooms], spent, latencies)
        deliveries.close()
    await runner.cleanup()


async def _poll(emulator: Emulator, http: aiohttp.ClientSession, done: asyncio.Event) -> list[float]:
    """How long the API takes to answer while time moves."""
    latencies = []
    while not done.is_set():
        began = time.perf_counter()
        async with http.get(f"{emulator.rest_url}/rooms", headers={"Authorization": "Bearer KEY_hang"}) as answer:
            assert answer.status == 200
            await answer.read()
        latencies.append(time.perf_counter() - began)
        await asyncio.sleep(0.01)
    return latencies


async def _report(attempts: list[Attempt], rooms: list[str], spent: float, latencies: list[float]) -> None:
    hung = [attempt for attempt in attempts if attempt.outcome != "200"]
    total = len(hung) * TIMEOUT_SECS
    print(
        f"\n60 s on a standing clock, two receivers of three hang: {len(attempts)} attempts, {len(hung)} of them timed"
        f" out after {TIMEOUT_SECS} s (sum {total:.1f} s)"
    )
    print(f"advance took {spent:.2f} s; the queues of different rooms run side by side")
    assert spent <= total + 1.0
    for name, room_id in zip(("slow", "slow too", "well"), rooms, strict=True):
        mine = [attempt for attempt in attempts if attempt.room == room_id]
        firsts = [attempt.event for attempt in mine if attempt.number == 1]
        assert firsts == sorted(firsts), "first attempts are in the order of events"
        assert all(attempt.began == attempt.due for attempt in mine), "each attempt begins at its own time"
        assert [attempt.due for attempt in mine] == sorted(attempt.due for attempt in mine)
        line = "  ".join(f"{attempt.event}#{attempt.number}@{attempt.due:g}" for attempt in mine)
        print(f"  {name:8} (event#attempt@second): {line}")
    print(
        f"the API meanwhile: {len(latencies)} requests, median {latencies[len(latencies) // 2] * 1000:.1f} ms,"
        f" worst {latencies[-1] * 1000:.1f} ms"
    )


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    logging.getLogger("emulator.signaling").setLevel(logging.ERROR)  # who is thrown out says `destroy`, and is refused
    asyncio.run(meetings(runs))
    asyncio.run(hanging_receivers())


if __name__ == "__main__":
    main()
