"""`jitter`: how much the distances between datagrams vary."""

from __future__ import annotations

from .conftest import Way
from .test_delay import EVERY, lateness


async def test_times_spread_over_the_range_and_order_stays(way: Way) -> None:
    way.impair("jitter", secs=0.1)
    heard = await way.send(100, every=EVERY)
    late = lateness(heard.times)
    assert heard.numbers == list(range(1, 101))
    # Who is held back longest holds back the others, so most come late: still between 0 and 0.1 s (and the machine's
    # own share), and far from evenly.
    assert max(late) - min(late) >= 0.04
    gaps = [b - a for a, b in zip(heard.times, heard.times[1:], strict=False)]
    assert sum(gap < 0.002 for gap in gaps) >= 20  # came together
    assert max(gaps) >= 0.02


async def test_with_reordering_later_ones_overtake(way: Way) -> None:
    way.impair("jitter", secs=0.1, reordering=True)
    heard = await way.send(100, every=EVERY)
    assert sorted(heard.numbers) == list(range(1, 101))
    overtaken = sum(b < a for a, b in zip(heard.numbers, heard.numbers[1:], strict=False))
    assert overtaken >= 20
