"""Who has frames that wait gets its turn, and no more than its share."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from emulator.signaling.turns import LONGEST_SECS, SHORTEST_SECS, Turns

ROUNDS = 50


async def rounds(busy: int, rest: float) -> list[float]:
    """How long each turn of the loop lasts while so many connections always have more and the rest takes so long."""
    now = 0.0
    turns = Turns(lambda: now)
    ends: list[float] = []

    async def connection() -> None:
        nonlocal now
        while len(ends) < ROUNDS:
            turn = await turns.next()
            now += turn

    async def others() -> None:
        nonlocal now
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
            now += rest
            ends.append(now)

    await asyncio.gather(*(connection() for _ in range(busy)), others())
    return [after - before for before, after in pairwise(ends)]


@pytest.mark.parametrize("rest", [0.002, 0.01, LONGEST_SECS])
async def test_one_connection_is_at_work_as_long_as_the_rest(rest: float) -> None:
    lasted = await rounds(1, rest)
    assert lasted[ROUNDS // 2] == pytest.approx(2 * rest)


@pytest.mark.parametrize("busy", [1, 2, 8, 20])
@pytest.mark.parametrize("rest", [0.0, 0.005, 0.1])
async def test_all_together_take_no_more_than_one_may(busy: int, rest: float) -> None:
    assert max(await rounds(busy, rest)) <= rest + max(LONGEST_SECS, busy * SHORTEST_SECS) + 1e-9


async def test_with_nothing_else_to_do_turns_are_short() -> None:
    assert (await rounds(1, 0.0))[ROUNDS // 2] == pytest.approx(SHORTEST_SECS)


async def test_who_gives_up_waiting_is_not_counted() -> None:
    now = 0.0
    turns = Turns(lambda: now)
    tasks = [asyncio.create_task(turns.next()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    waiting = asyncio.create_task(turns.next())
    await asyncio.sleep(0)
    now = 0.01
    assert await waiting == pytest.approx(0.01)
