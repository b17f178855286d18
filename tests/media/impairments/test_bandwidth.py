"""`bandwidth`: how much fits through, how long the queue is, and what finds it full."""

from __future__ import annotations

import pytest

from .conftest import Way

SIZE = 1000
WIRE = SIZE + 12 + 16  # RTP header, AEAD tag


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_burst_goes_through_at_the_rate(way: Way, direction: str) -> None:
    way.impair("bandwidth", direction, bits_per_sec=WIRE * 8 * 100, queue_bytes=1_000_000)  # 100 packets/s
    heard = await way.send(51, direction, size=SIZE)
    assert heard.numbers == list(range(1, 52))
    # None before its time, which comes every 10 ms; a busy machine may be late, not by as much again.
    assert all(time >= 0.01 * (number + 1) - 0.001 for number, time in enumerate(heard.times))
    assert heard.times[-1] < 2.5


async def test_what_finds_the_queue_full_is_lost(way: Way) -> None:
    way.impair("bandwidth", bits_per_sec=WIRE * 8 * 100, queue_bytes=10 * WIRE)
    heard = await way.send(100, size=SIZE)
    # One on its way and ten that wait, and what got through while the rest was being sent.
    assert 11 <= len(heard.numbers) <= 60
    assert heard.numbers[:11] == list(range(1, 12))
    assert way.counts()["dropped"] == 100 - len(heard.numbers)


async def test_what_fits_is_not_held_up(way: Way) -> None:
    way.impair("bandwidth", bits_per_sec=100_000_000, queue_bytes=30 * WIRE)
    heard = await way.send(30, size=SIZE, every=0.01)  # on a busy machine some leave together
    assert heard.numbers == list(range(1, 31))
