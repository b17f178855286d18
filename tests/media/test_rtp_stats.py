from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp.stats import ReceiveStatistics
from emulator.media.rtp.timing import ntp_middle

from .rtp_kit import unhurried


def fed(numbers: list[int], *, step: float = 0.02) -> ReceiveStatistics:
    statistics = ReceiveStatistics(0xABC, 48000)
    for index, number in enumerate(numbers):
        statistics.receive(number & 0xFFFF, number * 960 & 0xFFFFFFFF, index * step)
    return statistics


def test_numbers_grow_past_the_wrap() -> None:
    statistics = ReceiveStatistics(1, 48000)
    extended = [statistics.receive(number & 0xFFFF, 0, 0.0) for number in range(65_530, 65_545)]
    assert [number - extended[0] for number in extended if number is not None and extended[0] is not None] == [
        *range(15)
    ]
    assert statistics.report(0.0).highest_sequence == 65_544


def test_loss_is_counted_in_total_and_since_the_last_report() -> None:
    statistics = fed([*range(100), *range(125, 200)])
    block = statistics.report(0.0)
    assert (block.cumulative_lost, block.fraction_lost) == (25, 25 * 256 // 200)
    statistics.receive(200, 0, 0.0)
    block = statistics.report(0.0)
    assert (block.cumulative_lost, block.fraction_lost) == (25, 0)


def test_a_late_packet_is_no_loss() -> None:
    assert fed([1, 2, 4, 3, 5]).lost == 0


def test_duplicates_make_the_loss_negative() -> None:
    assert fed([1, 2, 2, 2]).report(0.0).cumulative_lost == -2


def test_packets_in_step_have_no_jitter() -> None:
    assert fed([*range(50)]).report(0.0).jitter == 0


def test_jitter_approaches_the_mean_deviation() -> None:
    statistics = ReceiveStatistics(1, 48000)
    for number in range(500):
        statistics.receive(number, number * 960, number * 0.02 + (0.01 if number % 2 else 0.0))
    assert abs(statistics.jitter - 480) < 5


def test_a_single_wild_number_is_dropped() -> None:
    statistics = fed([1, 2, 3])
    assert statistics.receive(30_000, 0, 0.0) is None
    assert statistics.receive(4, 0, 0.0) is not None
    assert (statistics.restarts, statistics.lost) == (0, 0)


def test_two_wild_numbers_in_a_row_are_a_restart() -> None:
    statistics = fed([1, 2, 3])
    assert statistics.receive(30_000, 0, 0.0) is None
    assert statistics.receive(30_001, 0, 0.0) is not None
    assert (statistics.restarts, statistics.received, statistics.lost) == (1, 1, 0)


def test_a_report_says_how_long_ago_the_sender_report_came() -> None:
    statistics = fed([1])
    assert (statistics.report(5.0).last_sr, statistics.report(5.0).delay) == (0, 0)
    ntp = 0x1122334455667788
    statistics.sender_report(ntp, 5.0)
    block = statistics.report(6.5)
    assert (block.last_sr, block.delay) == (ntp_middle(ntp), 65536 * 3 // 2)
    assert block.ssrc == 0xABC


@unhurried
@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.floats(0, 1e5)), max_size=60))
def test_any_sequence_of_packets_gives_a_report_that_fits(packets: list[tuple[int, int, float]]) -> None:
    statistics = ReceiveStatistics(1, 90000)
    for number, timestamp, arrival in packets:
        extended = statistics.receive(number, timestamp, arrival)
        assert extended is None or extended & 0xFFFF == number
    block = statistics.report(1e5)
    assert 0 <= block.fraction_lost <= 255
    assert 0 <= block.jitter <= 0xFFFFFFFF
    assert 0 <= block.highest_sequence <= 0xFFFFFFFF
