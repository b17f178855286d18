from __future__ import annotations

import random

import pytest

from emulator.media.audio.jitter import Conceal, JitterBuffer, Packet, Play

FRAME = 960


def packet(number: int, samples: int = FRAME) -> Packet:
    return Packet(number.to_bytes(4, "big"), samples)


def numbers(steps: list[Play | Conceal | None]) -> list[int | str | None]:
    """What was played: packet numbers, "-" for concealment, None for nothing."""
    return [
        int.from_bytes(step.packet.payload, "big") if isinstance(step, Play) else "-" if step else None
        for step in steps
    ]


class Line:
    """A buffer, with packets put at given ticks."""

    def __init__(self, first_timestamp: int = 0, first_sequence: int = 0) -> None:
        self.buffer = JitterBuffer()
        self.timestamp = first_timestamp
        self.sequence = first_sequence

    def put(self, number: int) -> None:
        timestamp = (self.timestamp + number * FRAME) % 2**32
        self.buffer.put((self.sequence + number) % 2**16, timestamp, packet(number))

    def tick(self, *put: int) -> Play | Conceal | None:
        for number in put:
            self.put(number)
        self.buffer.tick()
        return self.buffer.pull()


@pytest.mark.parametrize("timestamp", [0, 2**32 - 3 * FRAME, 2**31 - 2 * FRAME])
def test_packets_come_out_in_order_two_to_three_frames_later(timestamp):
    line = Line(timestamp, 2**16 - 4)
    steps = numbers([line.tick(number) for number in range(10)])
    assert steps == [None, None, 0, 1, 2, 3, 4, 5, 6, 7]


def test_reordered_packets_are_put_right():
    line = Line()
    steps = numbers([line.tick(*put) for put in ([0], [2], [1], [4], [5, 3], [6], [8], [7])])
    assert steps == [None, 0, 1, 2, 3, 4, 5, 6]
    assert line.buffer.late == line.buffer.lost == 0


def test_start_with_packets_out_of_order_begins_with_the_earliest():
    line = Line()
    assert numbers([line.tick(*put) for put in ([1], [0], [2], [3])]) == [None, None, 0, 1]


def test_gap_is_concealed_once_later_packets_show_that_it_is_one():
    line = Line()
    steps = numbers([line.tick(*put) for put in ([0], [1], [2], [], [4], [5], [6])])
    assert steps == [None, None, 0, 1, 2, "-", 4]
    assert line.buffer.lost == FRAME


def test_copies_are_counted_and_dropped():
    line = Line()
    steps = numbers([line.tick(number, number, max(number - 5, 0)) for number in range(10)])
    assert steps == [None, None, 0, 1, 2, 3, 4, 5, 6, 7]
    assert line.buffer.duplicates == 20
    assert line.buffer.target == 2 * FRAME


def test_late_packet_is_dropped_and_makes_the_delay_grow_up_to_80_ms():
    line = Line()
    for number in range(100):
        line.tick(number) if number % 10 else line.tick(number, *([number - 5] if number else []))
    late = range(5, 95, 10)
    assert line.buffer.late == 0  # those were copies
    line = Line()
    for number in range(100):
        line.tick(*([] if number in late else [number]), *([number - 5] if number - 5 in late else []))
    assert line.buffer.late == len(late)
    assert line.buffer.target == 4 * FRAME
    assert line.buffer.correction < 0


def test_delay_shrinks_again_after_ten_calm_seconds():
    line = Line()
    for number in range(12):
        line.tick(*([] if number == 5 else [number]), *([5] if number == 10 else []))
    assert line.buffer.target == 3 * FRAME
    for number in range(12, 600):
        line.tick(number)
    assert line.buffer.target == 2 * FRAME


def test_stall_is_concealed_for_100_ms_then_nothing_and_costs_no_more():
    line = Line()
    for number in range(10):
        line.tick(number)
    steps = numbers([line.tick() for _ in range(12)])
    assert steps == [8, 9, "-", "-", "-", "-", "-", None, None, None, None, None]
    assert line.buffer.idle


def test_short_stall_delays_what_follows_and_loses_nothing():
    line = Line()
    for number in range(10):
        line.tick(number)
    steps = numbers([line.tick(*put) for put in ([], [], [], [10, 11, 12, 13], [14], [15])])
    assert steps == [8, 9, "-", 10, 11, 12]
    assert line.buffer.lost == line.buffer.late == 0


def test_pause_in_which_the_timestamps_run_on_is_not_played_twice():
    line = Line()
    for number in range(10):
        line.tick(number)
    steps = numbers([line.tick(*put) for put in ([], [], [], [], [14], [15])])  # 10 to 13 were never sent
    assert steps == [8, 9, "-", "-", "-", "-"]
    assert numbers([line.tick(16), line.tick(17)]) == [14, 15]
    assert line.buffer.lost == 2 * FRAME  # the rest was filled while nothing came


def test_stream_that_stopped_starts_again_with_a_new_delay():
    line = Line()
    for number in range(10):
        line.tick(number)
    for _ in range(500):
        line.tick()
    steps = numbers([line.tick(number) for number in range(520, 526)])
    assert steps == [None, None, 520, 521, 522, 523]
    assert line.buffer.resyncs == 0


@pytest.mark.parametrize("jump", [10_000_000, 2**31, -10_000_000, -48_000])
def test_timestamp_jump_starts_a_new_line_after_bridging_the_wait(jump):
    line = Line(1_000_000)
    for number in range(10):
        line.tick(number)
    line.timestamp += jump
    steps = numbers([line.tick(number) for number in range(10, 16)])
    assert steps == ["-", "-", 10, 11, 12, 13]
    assert line.buffer.resyncs == 1


def test_straggler_from_before_a_jump_does_not_jump_back():
    line = Line()
    for number in range(10):
        line.tick(number)
    line.timestamp += 10_000_000
    line.tick(11)
    line.timestamp -= 10_000_000
    line.tick(10)
    line.timestamp += 10_000_000
    assert numbers([line.tick(12), line.tick(13)]) == [11, 12]


def test_sequence_numbers_may_start_anew_while_timestamps_go_on():
    line = Line()
    for number in range(10):
        line.tick(number)
    line.sequence = 40_000
    assert numbers([line.tick(number) for number in range(10, 16)]) == [8, 9, 10, 11, 12, 13]


def test_packets_of_60_ms_and_partly_concealed_ones_fit_in():
    buffer = JitterBuffer()
    played = 0
    for tick in range(60):
        if tick % 3 == 0:
            buffer.put(tick // 3, tick * FRAME, packet(tick, 3 * FRAME))
        buffer.tick()
        if tick >= 6 and tick % 3 == 0:
            step = buffer.pull()
            assert isinstance(step, Play)
            played += step.packet.samples
    assert played == 18 * 3 * FRAME

    buffer = JitterBuffer()
    buffer.put(0, 0, packet(0))
    buffer.put(2, 3 * FRAME, packet(3))
    buffer.tick()
    assert isinstance(buffer.pull(), Play)
    assert buffer.pull() == Conceal(FRAME)
    buffer.put(1, FRAME, packet(1, 2 * FRAME))  # the second half of it is still in time
    assert buffer.pull() == Play(packet(1, 2 * FRAME), trim=FRAME)


def test_inexact_timestamps_are_not_losses():
    buffer = JitterBuffer()
    steps = []
    for number in range(50):
        buffer.put(number, number * FRAME + number % 3 * 30, packet(number))
        buffer.tick()
        steps.append(buffer.pull())
    assert numbers(steps)[2:] == list(range(48))


def test_burst_beyond_half_a_second_drops_the_oldest():
    line = Line()
    for number in range(10):
        line.tick(number)
    for number in range(10, 500):
        line.put(number)
    assert line.buffer.discarded > 400
    steps = [line.tick(number) for number in range(500, 520)]
    assert all(isinstance(step, Play) for step in steps)
    assert numbers(steps[-1:]) >= [495]


def test_sender_with_a_fast_clock_is_shortened_and_one_with_a_slow_clock_lengthened():
    fast, slow = Line(), Line()
    fast_number, slow_number = 0.0, 0.0
    wanted = {"fast": 0, "slow": 0}
    for _ in range(1000):
        before, fast_number = int(fast_number), fast_number + 1.01
        fast.tick(*range(before, int(fast_number)))
        before, slow_number = int(slow_number), slow_number + 0.99
        slow.tick(*range(before, int(slow_number)))
        wanted["fast"] = max(wanted["fast"], fast.buffer.correction)
        wanted["slow"] = min(wanted["slow"], slow.buffer.correction)
    assert wanted["fast"] >= FRAME
    assert wanted["slow"] <= 0


@pytest.mark.parametrize("seed", range(5))
def test_any_disorder_leaves_memory_bounded_and_order_kept(seed):
    rng = random.Random(seed)
    line = Line(rng.randrange(2**32), rng.randrange(2**16))
    played: list[int] = []
    waiting: list[tuple[int, int]] = []
    for tick in range(1500):
        if rng.random() > 0.05:
            waiting.append((tick + rng.choice([0, 0, 0, 1, 2, 5]), tick))
        if rng.random() < 0.01:
            waiting.append((tick + rng.randrange(100), tick))
        due = [number for at, number in waiting if at <= tick]
        waiting = [(at, number) for at, number in waiting if at > tick]
        rng.shuffle(due)
        step = line.tick(*due)
        if isinstance(step, Play):
            played.append(int.from_bytes(step.packet.payload, "big"))
    assert played == sorted(set(played))
    assert len(played) > 1200
    assert len(line.buffer._packets) < 30


def test_delay_out_of_order_is_refused():
    with pytest.raises(ValueError, match="least delay"):
        JitterBuffer(least=100, most=50)
