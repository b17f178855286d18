"""A hostile process beside a healthy room: what the healthy see and hear stays unbroken."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import aiohttp
import pytest

from emulator.clients import RoomClient
from emulator.server import Emulator
from tests.long.attackers import Target, attack
from tests.long.conftest import Tell
from tests.signaling.raw_client import RestRoom

ATTACK_SECS = 60.0
FPS = 10
CARD = {"source": "test_card", "size": "320x180", "fps": FPS}
MOST_FRAME_GAP_SECS = 1.0
LEAST_FRAME_RATE = 0.8 * FPS
MOST_AUDIO_GAP_SECS = 0.5
LEAST_AUDIO_RATE = 45.0
"""Packets a second, of 50."""
MOST_ANSWER_SECS = 1.0
QUIET_SECS = 15.0


@dataclass
class Watched:
    """What one of the healthy gets of the other. Times are the loop's."""

    client: RoomClient
    other: RoomClient
    pictures: dict[int, float] = field(default_factory=dict)
    packets: dict[int, float] = field(default_factory=dict)
    answers: list[float] = field(default_factory=list)
    """How long a keepalive took."""

    async def watch(self, until: float) -> None:
        """Also: the other's tone is there at any time."""
        while time.monotonic() < until:
            seen = self.client.subscription(self.other).seen
            assert seen is not None
            for sighting in seen.sightings:
                if sighting.reading is not None:
                    assert sighting.reading.participant_id == self.other.participant_id
                    self.pictures[sighting.number] = sighting.at
            self.packets |= {packet.timestamp: packet.at for packet in self.client.heard._packets}
            began = time.monotonic()
            await self.client.update_token(self.client._token)
            self.answers.append(time.monotonic() - began)
            await self.client.hears(self.other, within=2.0)
            await asyncio.sleep(0.5)

    def gap(self, times: dict[int, float]) -> float:
        return max(later - earlier for earlier, later in pairwise(sorted(times.values())))

    def rate(self, times: dict[int, float]) -> float:
        ordered = sorted(times.values())
        return (len(ordered) - 1) / (ordered[-1] - ordered[0])

    def __str__(self) -> str:
        return (
            f"{self.client.name}: {self.rate(self.pictures):.1f} pictures/s, longest gap "
            f"{self.gap(self.pictures) * 1000:.0f} ms; {self.rate(self.packets):.1f} audio packets/s, longest gap "
            f"{self.gap(self.packets) * 1000:.0f} ms; slowest answer {max(self.answers) * 1000:.0f} ms"
        )

    def check(self) -> None:
        assert self.gap(self.pictures) <= MOST_FRAME_GAP_SECS, str(self)
        assert self.rate(self.pictures) >= LEAST_FRAME_RATE, str(self)
        assert self.gap(self.packets) <= MOST_AUDIO_GAP_SECS, str(self)
        assert self.rate(self.packets) >= LEAST_AUDIO_RATE, str(self)
        assert max(self.answers) <= MOST_ANSWER_SECS, str(self)


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_room_stays_whole_beside_a_hostile_client(emulator: Emulator, tell: Tell, seed: int) -> None:
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        healthy = await RestRoom.create(emulator, http)
        attacked = await RestRoom.create(emulator, http)
        tokens = [await attacked.token(token_ttl_secs=3600) for _ in range(3)]

        async def join(name: str, tone: int) -> RoomClient:
            client = RoomClient(
                ws_url=emulator.ws_url, room_id=healthy.id, token=await healthy.token(), name=name, tone=tone
            )
            await people.enter_async_context(client)
            await client.publish("self", video=CARD, audio={"source": "tone"})
            return client

        async with contextlib.AsyncExitStack() as people:
            alice, bob = await join("alice", 1), await join("bob", 2)
            await alice.subscribe(bob)
            await bob.subscribe(alice)
            await alice.sees(bob)
            await bob.sees(alice)
            watched = [Watched(alice, bob), Watched(bob, alice)]
            assert emulator._media is not None
            target = Target(emulator.ws_url, attacked.id, healthy.id, tokens, emulator._media.local_address[:2])
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                done = asyncio.get_running_loop().run_in_executor(pool, attack, target, ATTACK_SECS, seed)
                try:
                    async with asyncio.TaskGroup() as group:
                        for each in watched:
                            group.create_task(each.watch(time.monotonic() + ATTACK_SECS))
                finally:
                    attacks = await done
            for each in watched:
                tell(str(each))
            kinds = ", ".join(f"{count} {kind}" for kind, count in attacks.most_common())
            tell(f"seed {seed}: {ATTACK_SECS:.0f} s of {kinds}")
            for each in watched:
                each.check()
            assert (alice.faults, bob.faults) == ([], [])
        until = time.monotonic() + QUIET_SECS
        while emulator.lobby.sessions or emulator._media.peers:
            assert time.monotonic() < until, (emulator.lobby.sessions, emulator._media.peers)
            await asyncio.sleep(0.1)
