"""1,000 people come and go: sockets, tasks, handles and memory are as they were."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from random import Random

import aiohttp
import pytest

from emulator.clients import RoomClient
from emulator.clients.workers import shared_workers
from emulator.server import Emulator
from tests.long.conftest import Tell
from tests.long.test_soak import Soak, settled
from tests.signaling.raw_client import RestRoom

JOINS = 1000
WARM_UP = 1000
"""As many again: the first thousand fill caches and the event log (about 15 MB, once), which would hide a leak."""
AT_ONCE = 5
MOST_KEPT_KB = 6.0
"""For each join. About 2 kB are measured: mostly records of the participant and events up to the log's horizon."""


class Churn(Soak):
    async def come_and_go(self, joins: int) -> Counter[str]:
        """Everybody does it in one of the ways; the last has left when this returns."""
        if not self.rooms:
            self.rooms.append(await RestRoom.create(self.emulator, self._http, max_participants=20))
        done: Counter[str] = Counter()
        token = await self.rooms[0].token(token_ttl_secs=3600)
        left = iter(range(joins))

        async def one_after_another(rng: Random) -> None:
            for _ in left:
                done.update(await self._visit(rng, token))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(one_after_another(Random(self._rng.getrandbits(64))))
        await self._empty()
        return done

    async def _visit(self, rng: Random, token: str) -> list[str]:
        client = RoomClient(
            ws_url=self.emulator.ws_url,
            room_id=self.rooms[0].id,
            token=token,
            kind="telephone" if rng.random() < 0.1 else "web",
            messages=False,
            rng=Random(rng.getrandbits(64)),
        )
        await client.connect()
        did = ["join"]
        if client.kind == "web" and rng.random() < 0.2:
            await client.publish("self", video=None)
            did.append("publish")
        for place in list(client.streams)[:1]:
            if place[0] != client.participant_id and rng.random() < 0.3:
                await self.note("subscribe", lambda place=place: client.subscribe(*place, decode=False, within=0.1))
                did.append("subscribe")
        if rng.random() < 0.3:
            await client.vanish()
            return [*did, "vanish"]
        await client.leave()
        return [*did, "leave"]


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_after_1000_joins_and_leaves_everything_is_as_it_was(emulator: Emulator, tell: Tell, seed: int) -> None:
    headers = {"Authorization": f"Bearer {emulator.api_key}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(force_close=True)) as http:
        shared_workers()
        churn = Churn(emulator, http, seed)
        await churn.come_and_go(WARM_UP)
        before = await settled()
        began = time.monotonic()
        done = await churn.come_and_go(JOINS)
        took = time.monotonic() - began
        after = await settled()
        tell(f"seed {seed}: {', '.join(f'{n} {name}' for name, n in done.most_common())} in {took:.0f} s")
        per_join = (after.megabytes - before.megabytes) * 1000 / JOINS
        tell(
            f"before: {before}; after: {after}; {per_join:.1f} kB for each join; left: {churn.left_over() or 'nothing'}"
        )
        async with http.post(f"{emulator.admin_url}/reset") as answer:
            assert answer.status == 200, await answer.text()
        tell(f"after a reset of the account: {await settled()}")
    assert done["join"] == JOINS
    assert churn.left_over() == {}
    assert after.tasks <= before.tasks
    assert after.threads <= before.threads
    assert after.descriptors <= before.descriptors
    assert per_join < MOST_KEPT_KB
