"""The beat of the mixed audio, on a loop whose time is set by the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from random import Random
from typing import Any

import pytest

from emulator.conference.mix import DELAYS, Mix
from emulator.media.audio.pacer import PERIOD
from emulator.media.rtp.header import RtpPacket
from emulator.media.rtp.sender import RtpSender


class SetLoop(asyncio.SelectorEventLoop):
    """Never runs: `go(at)` sets the time and calls what is due by then."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 50.0
        self._due: list[tuple[float, Callable[..., object]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        self._due.append((when, callback))
        return asyncio.TimerHandle(when, callback, args, self, context)

    def go(self, at: float) -> None:
        self.now = at
        due, self._due = self._due, []
        for when, callback in due:
            if when <= at:
                callback()
            else:
                self._due.append((when, callback))


@pytest.fixture
def loop() -> Any:
    made = SetLoop()
    yield made
    made.close()


def _mix(loop: SetLoop, sent: list[RtpPacket], *, sending_takes: float = 0.0) -> Mix:
    mix = Mix(loop, lambda leg_id, talking: None)

    def send(packet: bytes) -> None:
        loop.now += sending_takes
        sent.append(RtpPacket.parse(packet))

    _listen(mix, 1, loop, send)
    return mix


def _listen(mix: Mix, leg_id: int, loop: SetLoop, send: Callable[[bytes], None]) -> None:
    mix.add(leg_id, muted=False)
    sender = RtpSender(
        send_rtp=send,
        send_rtcp=lambda packet: None,
        clock=loop.time,
        random=Random(leg_id),
        payload_type=111,
        clock_rate=48_000,
        cname="mix",
    )
    mix.start(leg_id, sender)


def test_what_a_beat_sends_leaves_together(loop: SetLoop) -> None:
    happened: list[str] = []

    class Together(AbstractContextManager[None]):
        def __enter__(self) -> None:
            happened.append("begin")

        def __exit__(self, *_: object) -> None:
            happened.append("end")

    mix = Mix(loop, lambda leg_id, talking: None, together=Together())
    for leg_id in (1, 2, 3):
        _listen(mix, leg_id, loop, lambda packet: happened.append("packet"))
    for tick in range(2):
        loop.go(50.0 + tick * PERIOD + 0.0005)
    assert happened == ["begin", "packet", "packet", "packet", "end"] * 2


def test_every_20_ms_each_listener_gets_a_packet(loop: SetLoop) -> None:
    sent: list[RtpPacket] = []
    mix = _mix(loop, sent)
    for tick in range(10):
        loop.go(50.0 + tick * PERIOD + 0.0005)
    assert [packet.timestamp - sent[0].timestamp for packet in sent] == [tick * 960 for tick in range(10)]
    assert (mix.stats.ticks, mix.stats.late, mix.stats.skipped) == (10, 0, 0)
    assert mix.stats.delays == (10, *[0] * len(DELAYS))
    mix.close()


def test_a_tick_counts_as_late_by_when_its_last_packet_was_sent(loop: SetLoop) -> None:
    """Begun in time, and yet too late: what counts is the listener."""
    sent: list[RtpPacket] = []
    mix = _mix(loop, sent, sending_takes=0.03)
    loop.go(50.0)
    assert mix.stats.late == 1
    assert mix.stats.worst == pytest.approx(0.03)
    mix.close()


def test_after_a_stall_ticks_are_made_up_for_and_those_beyond_that_are_skipped(loop: SetLoop) -> None:
    sent: list[RtpPacket] = []
    mix = _mix(loop, sent)
    loop.go(50.0)
    loop.go(50.0 + 8 * PERIOD + 0.0005)
    assert (mix.stats.ticks, mix.stats.skipped) == (1 + 5, 3)
    assert mix.stats.late == 4  # all but the newest
    assert sent[1].timestamp - sent[0].timestamp == 4 * 960  # a gap in time, none in the numbers
    assert [packet.sequence - sent[0].sequence for packet in sent] == list(range(6))
    mix.close()


def test_without_legs_the_beat_stops(loop: SetLoop) -> None:
    sent: list[RtpPacket] = []
    mix = _mix(loop, sent)
    loop.go(50.0)
    mix.remove(1)
    for tick in range(1, 5):
        loop.go(50.0 + tick * PERIOD)
    assert len(sent) == 1
    mix.close()
