"""The thread that writes: one thing after the other, results on the loop, and a bound."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator

import pytest

from emulator.store.disk import Disk


@pytest.fixture
async def disk() -> AsyncIterator[Disk]:
    made = Disk(asyncio.get_running_loop(), limit=100)
    yield made
    await made.close()


async def test_jobs_are_done_in_order_in_another_thread_and_told_on_the_loop(disk: Disk) -> None:
    told: list[object] = []
    for number in range(5):
        disk.run(lambda number=number: (number, threading.current_thread().name), lambda *both: told.append(both))  # type: ignore[misc]
    disk.run(lambda: 1 // 0, lambda result, error: told.append(type(error)))
    await disk.drained()
    assert told == [*(((number, "rooms-emulator-disk"), None) for number in range(5)), ZeroDivisionError]


async def test_what_waits_is_bounded_and_says_when_there_is_room_again(disk: Disk) -> None:
    gate = threading.Event()
    disk.run(gate.wait, None)
    disk.run(lambda: None, None, 60)
    assert not disk.full
    disk.run(lambda: None, None, 60)
    assert disk.full
    assert disk.waiting == 120
    gate.set()
    await disk.drained()
    assert not disk.full
    assert disk.waiting == 0


async def test_failure_that_nobody_waits_for_is_said(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OSError(5, "Input/output error")

    with caplog.at_level(logging.WARNING, "emulator.store"):
        disk.run(fail, None)
        await disk.drained()
    assert "Input/output error" in caplog.text


async def test_closing_does_what_is_left_and_takes_nothing_more() -> None:
    disk, done = Disk(asyncio.get_running_loop()), []
    for number in range(50):
        disk.run(lambda number=number: done.append(number), None)  # type: ignore[misc]
    await disk.close()
    assert done == list(range(50))
    with pytest.raises(RuntimeError, match="has ended"):
        disk.run(lambda: None, None)
    await disk.close()


async def test_thread_is_not_there_before_it_is_needed() -> None:
    before = threading.active_count()
    disk = Disk(asyncio.get_running_loop())
    await disk.drained()
    assert threading.active_count() == before
    await disk.close()
