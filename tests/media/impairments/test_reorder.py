"""`reorder`: who arrives behind whom."""

from __future__ import annotations

from .conftest import Way


async def test_some_arrive_behind_as_many_as_told(way: Way) -> None:
    way.impair("reorder", p=0.1, behind=2, within_secs=5)
    heard = await way.send(500)
    late = [b for a, b in zip(heard.numbers, heard.numbers[1:], strict=False) if b < a]
    assert 25 <= len(late) <= 75
    for number in late:
        place = heard.numbers.index(number)
        # Two later ones came before it; more only if the ones behind it were overtaken as well.
        assert sum(before > number for before in heard.numbers[:place]) in (1, 2)
    assert len(set(heard.numbers)) == len(heard.numbers) >= 498


async def test_the_last_one_waits_no_longer_than_told(way: Way) -> None:
    way.impair("reorder", p=1, behind=50, within_secs=0.2)
    heard = await way.send(3)
    assert heard.numbers == [1, 2, 3]
    assert 0.19 <= heard.times[0] <= 2
