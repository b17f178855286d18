"""`delay`: how much later everything arrives."""

from __future__ import annotations

import statistics

import pytest

from .conftest import Way

EVERY = 0.01


def lateness(times: list[float]) -> list[float]:
    """Seconds between sending and arriving, of packets that were sent every 10 ms and all arrived in order."""
    return [time - number * EVERY for number, time in enumerate(times)]


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_everything_arrives_later_by_the_same_time_and_in_order(way: Way, direction: str) -> None:
    before = lateness((await way.send(30, direction, every=EVERY)).times)
    way.impair("delay", direction, secs=0.15)
    heard = await way.send(30, direction, every=EVERY, first=100)
    after = lateness(heard.times)
    assert heard.numbers == list(range(100, 130))
    assert min(after) >= 0.149
    assert statistics.median(after) - statistics.median(before) < 0.75


async def test_what_is_held_back_when_it_ends_goes_at_once(way: Way) -> None:
    impairment = way.impair("delay", secs=30)
    heard: list[bytes] = []
    way.server.peer.on_rtp = heard.append
    for number in (1, 2, 3):
        way.client.peer.send_rtp(b"\x80o" + number.to_bytes(2, "big") + bytes(8) + b"x")
    way.client.peer.send_data(b"sent")
    await way.server.until(lambda: bool(way.server.data))
    assert heard == []
    assert way.counts()["held"] == 3
    way.book.of("account").remove(impairment)
    assert [packet[3] for packet in heard] == [1, 2, 3]


async def test_no_more_than_a_bounded_number_is_held_back(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.media.impairments.hop.MAX_HELD", 50)
    way.impair("delay", secs=0.5)
    heard = await way.send(80)
    assert heard.numbers == list(range(1, 51))
    assert way.counts()["dropped"] == 30
