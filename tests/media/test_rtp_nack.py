from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp.header import HEADER, HEADER_SIZE
from emulator.media.rtp.nack import MissingPackets, SentPackets

from .rtp_kit import unhurried


def test_a_gap_is_asked_for_when_two_later_packets_have_come() -> None:
    missing = MissingPackets()
    missing.gap(5, 6, 0.0)
    assert missing.due(0.0, 6) == []
    assert missing.due(0.0, 7) == [5]


def test_a_gap_is_asked_for_after_ten_milliseconds() -> None:
    missing = MissingPackets()
    missing.gap(5, 6, 0.0)
    assert missing.due(0.009, 6) == []
    assert missing.due(0.011, 6) == [5]


def test_packets_that_changed_places_are_not_asked_for() -> None:
    missing = MissingPackets()
    missing.gap(5, 6, 0.0)
    assert missing.received(5)
    assert not missing.received(5)
    assert missing.due(1.0, 20) == []
    assert not missing


def test_asking_is_repeated_ten_times_then_the_packet_is_given_up() -> None:
    missing = MissingPackets()
    missing.gap(5, 7, 0.0)
    asked = [moment for moment in range(200) if missing.due(moment / 100, 50)]
    assert len(asked) == 10
    assert min(later - earlier for earlier, later in itertools.pairwise(asked)) >= 10
    assert missing.abandoned() == [5, 6]
    assert missing.abandoned() == []
    assert not missing


def test_what_is_missing_is_bounded() -> None:
    missing = MissingPackets()
    for start in range(0, 10_000, 10):
        missing.gap(start, start + 5, 0.0)
    assert len(missing) == MissingPackets.MAX_MISSING
    assert min(missing.due(1.0, 10_000)) > 9_000
    assert missing.abandoned()


def test_a_huge_gap_is_mostly_given_up_at_once() -> None:
    missing = MissingPackets()
    missing.gap(0, 3000, 0.0)
    assert len(missing) == MissingPackets.MAX_MISSING
    assert missing.abandoned() == [0]


@unhurried
@given(st.integers(0, 1 << 17), st.integers(0, 2000))
def test_the_ring_keeps_the_last_512_packets(first: int, count: int) -> None:
    ring = SentPackets()
    for number in range(first, first + count):
        ring.put(number, HEADER.pack(0x80, 96, number & 0xFFFF, 0, 0), str(number).encode())
    for number in range(first, first + count):
        kept = number >= first + count - SentPackets.CAPACITY
        found = ring.get(number & 0xFFFF)
        assert (None if found is None else found[HEADER_SIZE:]) == (str(number).encode() if kept else None)
    assert len(ring) == min(count, SentPackets.CAPACITY)
