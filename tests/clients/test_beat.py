"""One timer for many: it keeps time, comes and goes with those it calls, and none of them can stop it."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from emulator.clients.beat import beat_of

PERIOD = 0.005


async def test_all_that_was_added_is_called_in_each_period_and_nothing_that_was_removed() -> None:
    loop = asyncio.get_running_loop()
    beat = beat_of(loop, PERIOD)
    calls: list[tuple[str, float]] = []
    enough = asyncio.Event()

    def first() -> None:
        calls.append(("first", loop.time()))
        if len(calls) == 7:
            beat.remove(second)  # not even in this beat
        if len(calls) == 9:
            enough.set()

    def second() -> None:
        calls.append(("second", loop.time()))

    began = beat.add(first)
    assert beat.add(second) == began
    async with asyncio.timeout(5):
        await enough.wait()
    beat.remove(first)
    beat.remove(first)
    assert [name for name, _ in calls] == ["first", "second"] * 3 + ["first"] * 3
    assert calls[0][1] >= began - 0.001
    count = len(calls)
    await asyncio.sleep(3 * PERIOD)
    assert len(calls) == count
    assert beat_of(loop, PERIOD) is beat


@pytest.mark.errors_expected
async def test_one_that_fails_does_not_silence_the_others() -> None:
    loop = asyncio.get_running_loop()
    told: list[str] = []
    loop.set_exception_handler(lambda _loop, context: told.append(str(context["exception"])))
    beat, twice = beat_of(loop, PERIOD), asyncio.Event()
    calls: list[None] = []

    def fails() -> None:
        raise RuntimeError("no")

    def works() -> None:
        calls.append(None)
        if len(calls) == 2:
            twice.set()

    beat.add(fails)
    beat.add(works)
    async with asyncio.timeout(5):
        await twice.wait()
    beat.remove(fails)
    beat.remove(works)
    assert told[:2] == ["no", "no"]


def test_a_loop_is_not_kept_alive_by_its_beats() -> None:
    loop = asyncio.new_event_loop()

    async def use() -> None:
        beat = beat_of(asyncio.get_running_loop(), PERIOD)
        beat.add(use_nothing)
        beat.remove(use_nothing)

    def use_nothing() -> None:
        pass

    loop.run_until_complete(use())
    loop.close()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None
