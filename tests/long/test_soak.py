"""People who come, publish, watch, switch things on and off, and go or vanish, over good and bad networks: in the end
nothing is left. A minute of it, and half an hour (`SOAK_SECS` says how many seconds instead).
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from emulator.clients import RoomClient
from emulator.clients.errors import ClientStateError, ConnectionLost, JanusRefusal, PluginRefusal, Refused
from emulator.clients.workers import shared_workers
from emulator.server import Emulator
from tests.long.conftest import Tell
from tests.signaling.raw_client import RestRoom

PEOPLE = 8
PHASE_SECS = 30.0
WARM_UP_SECS = 6.0
QUIET_SECS = 15.0
"""Liveness: how long the last connection may take to go."""
MOST_GROWTH_MB = 24.0
"""Of the second half minute over the first. Both do the same, so that what is kept for good shows."""

TOO_LATE = (ClientStateError, ConnectionLost, Refused, PluginRefusal, JanusRefusal)
"""What a client may hear when it acts on what has just changed: put out, unpublished, room gone."""

NOT_FOUND = '"code":"10005"'

LONG_SECS = float(os.environ.get("SOAK_SECS", "1800"))
LONG_PEOPLE = 10
KEPT_OF_A_JOIN = 8_000
"""Bytes: who has been there stays in the account's lists (6 kB were measured, see test_churn.py)."""

NETWORKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("loss", {"p": 0.05}),
    ("loss", {"model": "gilbert", "p": 0.03, "r": 0.3}),
    ("delay", {"secs": 0.1}),
    ("jitter", {"secs": 0.1}),
    ("jitter", {"secs": 0.05, "reordering": True}),
    ("reorder", {"p": 0.1}),
    ("duplicate", {"p": 0.2}),
    ("bandwidth", {"bits_per_sec": 300_000}),
    ("blackout", {}),
)

CARD = {"source": "test_card", "size": "160x90", "fps": 8}


@dataclass
class Figures:
    done: Counter[str] = field(default_factory=Counter)
    too_late: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    seen: int = 0


@dataclass
class Held:
    """What the process holds on to."""

    tasks: int
    threads: int
    descriptors: int
    megabytes: float

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        with suppress(OSError, AttributeError):  # only glibc has it: what is free goes back to the system
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            len(asyncio.all_tasks()),
            threading.active_count(),
            len(os.listdir("/proc/self/fd")),
            pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        )

    def __str__(self) -> str:
        return f"{self.tasks} tasks, {self.threads} threads, {self.descriptors} descriptors, {self.megabytes:.0f} MB"


class Person:
    """One place in the crowd: comes as somebody new, does a few things, goes, and comes again."""

    def __init__(self, soak: Soak, rng: Random) -> None:
        self._soak = soak
        self._rng = rng

    async def live(self, until: float) -> None:
        while time.monotonic() < until:
            await self._stay(until)

    async def _stay(self, until: float) -> None:
        soak, rng = self._soak, self._rng
        room = rng.choice(soak.rooms)
        try:
            token = await room.token()
        except AssertionError as refusal:
            if room in soak.rooms or NOT_FOUND not in str(refusal):
                raise
            soak.figures.too_late["token"] += 1  # the room was deleted meanwhile
            return
        client = RoomClient(
            ws_url=soak.emulator.ws_url,
            room_id=room.id,
            token=token,
            name=f"p{rng.randrange(1000)}",
            rng=Random(rng.getrandbits(64)),
        )
        try:
            await soak.note("join", client.connect)
            soak.here.add(client)
            for _ in range(rng.randrange(3, 12)):
                if client.status != "connected" or time.monotonic() > until:
                    break
                await self._act(client)
                await asyncio.sleep(rng.uniform(0.0, 0.8))  # people's pace
        finally:
            soak.here.discard(client)
            soak.figures.frames += sum(s.statistics.frames_received for s in client.subscriptions.values())
            soak.figures.seen += sum(bool(s.frames) for s in client.subscriptions.values())
            if rng.random() < 0.3:
                soak.figures.done["vanish"] += 1
                await client.vanish()
            else:
                soak.figures.done["leave"] += 1
                await client.leave()
            soak.faults += [f"{client.name}: {fault}" for fault in client.faults]

    async def _act(self, client: RoomClient) -> None:
        rng = self._rng
        published, subscribed = list(client.published), list(client.subscriptions)
        others = [place for place in client.streams if place[0] != client.participant_id and place not in subscribed]
        acts: list[tuple[str, Callable[[], Awaitable[object]]]] = []
        for key in ("self", "screen"):
            if key not in published:
                video = rng.choice([CARD, CARD, None])
                acts += [("publish", partial(client.publish, key, video=video))] * 2
        if others:
            place = rng.choice(others)
            decode = rng.random() < 0.5
            acts += [("subscribe", lambda: client.subscribe(*place, decode=decode, within=0.1))] * 4
        if published:
            key = rng.choice(published)
            on = rng.random() < 0.5
            acts.append(("switch", lambda: client.update_stream(key, video=on, audio=not on)))
            acts.append(("unpublish", lambda: client.unpublish(key)))
        if subscribed:
            watched = rng.choice(subscribed)
            relay = rng.random() < 0.5
            acts.append(("relay", lambda: client.update_subscription(*watched, audio=relay, video=not relay)))
            acts.append(("unsubscribe", lambda: client.unsubscribe(*watched)))
        if self._soak.bad_networks:
            acts += [("impair", lambda: self._soak.impair(client, rng))] * 2
        name, act = rng.choice(acts)
        await self._soak.note(name, act)


class Soak:
    def __init__(
        self,
        emulator: Emulator,
        http: aiohttp.ClientSession,
        seed: int,
        *,
        people: int = PEOPLE,
        bad_networks: bool = False,
    ) -> None:
        self.emulator = emulator
        self.bad_networks = bad_networks
        self._people = people
        self.rooms: list[RestRoom] = []
        self.here: set[RoomClient] = set()
        self.figures = Figures()
        self.faults: list[str] = []
        self._http = http
        self._rng = Random(seed)

    async def note(self, name: str, act: Callable[[], Awaitable[object]]) -> None:
        try:
            await act()
        except TOO_LATE as error:
            self.figures.too_late[f"{name}: {type(error).__name__}"] += 1
        else:
            self.figures.done[name] += 1

    async def impair(self, client: RoomClient, rng: Random) -> None:
        """For a few seconds; several at once are possible."""
        kind, parameters = rng.choice(NETWORKS)
        document = {
            "participant_id": client.participant_id,
            "kind": kind,
            "parameters": parameters,
            "direction": rng.choice(["up", "down", "both"]),
            "for_secs": round(rng.uniform(0.5, 5.0), 3),
        }
        async with self._http.post(f"{self.emulator.admin_url}/impairments", json=document) as answer:
            assert answer.status == 201, await answer.text()

    async def run(self, seconds: float) -> None:
        while len(self.rooms) < 2:
            self.rooms.append(await RestRoom.create(self.emulator, self._http, max_participants=6))
        until = time.monotonic() + seconds
        people = [Person(self, Random(self._rng.getrandbits(64))) for _ in range(self._people)]
        async with asyncio.TaskGroup() as crowd:
            for person in people:
                crowd.create_task(person.live(until))
            crowd.create_task(self._moderate(until))
        await self._empty()

    async def _moderate(self, until: float) -> None:
        """Over REST: mute, unmute, kick, end, and now and then a room is deleted and another one made."""
        while time.monotonic() < until:
            await asyncio.sleep(self._rng.uniform(0.3, 1.2))
            number = self._rng.randrange(len(self.rooms))
            if self._rng.random() < 0.08:
                self.figures.done["delete room"] += 1
                old, self.rooms[number] = (
                    self.rooms[number],
                    await RestRoom.create(self.emulator, self._http, max_participants=6),
                )
                await old.delete()
                continue
            sessions = await self.rooms[number].get("room_sessions?filter[active]=true&page[size]=10")
            people = [client.participant_id for client in self.here]
            if sessions and people:
                act = self._rng.choice(["mute", "mute", "unmute", "unmute", "kick", "kick", "end"])
                body: dict[str, Any] = {} if act == "end" else {"participants": [self._rng.choice(people)]}
                session = self._rng.choice(sessions)["id"]
                url = f"{self.emulator.rest_url}/room_sessions/{session}/actions/{act}"
                async with self._http.post(url, json=body) as answer:
                    # 422: it has ended in between
                    assert answer.status in (200, 202, 422), await answer.text()
                self.figures.done[act] += 1

    def left_over(self) -> dict[str, object]:
        """What the emulator still has; empty when everybody has gone."""
        emulator = self.emulator
        assert emulator._media is not None
        assert emulator._conferences is not None
        active = [s.id for a in emulator.accounts.all() for s in a.records.sessions.values() if s.active]
        found: dict[str, object] = {
            "peers": emulator._media.peers,
            "signaling sessions": emulator.lobby.sessions,
            "hubs": emulator.lobby._hubs,
            "conferences": emulator._conferences._by_session,
            "active sessions": active,
        }
        return {name: things for name, things in found.items() if things}

    async def _empty(self) -> None:
        """Sockets close without an event that could be waited for here."""
        until = time.monotonic() + QUIET_SECS
        while left := self.left_over():
            assert time.monotonic() < until, f"left {QUIET_SECS} s after everybody has gone: {left}"
            await asyncio.sleep(0.05)


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_after_a_minute_of_coming_and_going_nothing_is_left(emulator: Emulator, tell: Tell, seed: int) -> None:
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {emulator.api_key}"}, connector=aiohttp.TCPConnector(force_close=True)
    ) as http:
        shared_workers()
        warm = Soak(emulator, http, seed)
        await warm.run(WARM_UP_SECS)  # loads libraries, starts threads
        soak = Soak(emulator, http, seed + 1)
        before = await settled()
        await soak.run(PHASE_SECS)
        halfway = await settled()
        await soak.run(PHASE_SECS)
        after = await settled()
    done = ", ".join(f"{count} {name}" for name, count in soak.figures.done.most_common())
    late = ", ".join(f"{count} {name}" for name, count in soak.figures.too_late.most_common())
    tell(f"seed {seed}: {done}; too late: {late or 'none'}; {soak.figures.frames} frames received")
    tell(f"before: {before}; after 30 s: {halfway}; after 60 s: {after}")
    assert soak.faults == []
    assert soak.figures.frames > 100
    assert after.tasks <= before.tasks
    assert after.threads <= before.threads
    assert after.descriptors <= before.descriptors
    assert after.megabytes - halfway.megabytes < MOST_GROWTH_MB


@pytest.mark.long
@pytest.mark.timeout(LONG_SECS + 300)
async def test_half_an_hour_over_bad_networks_leaves_nothing(emulator: Emulator, tell: Tell, seed: int) -> None:
    """In three parts that do the same: what grows in the last one as well, grows for ever."""
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {emulator.api_key}"}, connector=aiohttp.TCPConnector(force_close=True)
    ) as http:
        shared_workers()
        warm = Soak(emulator, http, seed, people=LONG_PEOPLE, bad_networks=True)
        await warm.run(WARM_UP_SECS)
        soak = Soak(emulator, http, seed + 1, people=LONG_PEOPLE, bad_networks=True)
        held = [await settled()]
        joins = [0]
        for _ in range(3):
            await soak.run(LONG_SECS / 3)
            async with http.get(f"{emulator.admin_url}/impairments") as answer:
                assert len((await answer.json())["data"]) <= LONG_PEOPLE * 10  # they end by themselves
            held.append(await settled())
            joins.append(soak.figures.done["join"])
    done = ", ".join(f"{count} {name}" for name, count in soak.figures.done.most_common())
    late = ", ".join(f"{count} {name}" for name, count in soak.figures.too_late.most_common())
    tell(f"seed {seed}, {LONG_SECS:g} s: {done}; too late: {late or 'none'}; {soak.figures.frames} frames received")
    tell("; ".join(f"after part {part}: {found}" for part, found in enumerate(held)))
    assert soak.faults == []
    assert soak.figures.frames > 100
    for part in held[1:]:
        assert part.tasks <= held[0].tasks
        assert part.threads <= held[0].threads
        assert part.descriptors <= held[0].descriptors
    kept = (joins[3] - joins[2]) * KEPT_OF_A_JOIN / 1e6
    assert held[3].megabytes - held[2].megabytes < MOST_GROWTH_MB / 2 + kept


async def settled() -> Held:
    """Measured when what closes in its own time (transports, executors' futures) has closed."""
    found = Held.now()
    for _ in range(20):
        await asyncio.sleep(0.1)
        again = Held.now()
        if (again.tasks, again.threads, again.descriptors) >= (found.tasks, found.threads, found.descriptors):
            return again
        found = again
    return found
