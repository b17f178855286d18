"""One participant's sound as one line: gaps, mutes, losses, drift, and where everything ends up."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from emulator.media.audio.opus import packet_samples
from emulator.media.rtp.feed import Feed
from emulator.recording.audio_track import QUIET_SECS, AudioTrack
from emulator.recording.ogg import SILENCE
from tests.media.rtp_kit import FORMATS, FakeClock

TONE = b"\xf8tone"
RATE = 48_000


class Speaker:
    """Sends packets of 20 ms over a feed, on a clock that stands still unless moved."""

    def __init__(self, *, skew: float = 0.0) -> None:
        self.clock = FakeClock()
        self.began = self.clock.now
        self.packets: list[bytes] = []
        self.keeps = True
        self.track = AudioTrack(begin=lambda packet: True, write=self._write, clock=self.clock)
        self._skew = skew
        self.sequence = 0
        self.connect()

    def _write(self, packet: bytes) -> bool:
        if self.keeps:
            self.packets.append(packet)
        return self.keeps

    def connect(self) -> None:
        self.feed = Feed(
            send_rtcp=lambda data: None, clock=self.clock, random=Random(1), formats=FORMATS, bitrate=64_000
        )
        self.feed.on_audio = self.track.listen(self.feed)
        self.timestamp = 77_000

    def say(self, count: int, *, lose: Iterable[int] = (), packet: bytes = TONE, ssrc: int = 1) -> None:
        lost = set(lose)
        for number in range(count):
            if number not in lost:
                head = bytes((0x80, 111)) + (self.sequence & 0xFFFF).to_bytes(2, "big")
                stamp = (round(self.timestamp) & 0xFFFFFFFF).to_bytes(4, "big")
                self.feed.receive_rtp(head + stamp + ssrc.to_bytes(4, "big") + packet)
            self.sequence += 1
            self.timestamp += 960 * (1 + self._skew)
            self.clock.advance(0.02)

    def wait(self, secs: float) -> None:
        """Nothing is sent, and the recorder's beat goes on."""
        for _ in range(round(secs / 0.2)):
            self.clock.advance(0.2)
            self.track.catch_up(self.clock.now)

    @property
    def secs(self) -> float:
        return sum(map(packet_samples, self.packets)) / RATE

    @property
    def elapsed(self) -> float:
        return self.clock.now - self.began

    def tone_at(self) -> list[float]:
        """Seconds at which the tone begins, anew after each pause."""
        found, at, sounding = [], 0, False
        for packet in self.packets:
            if (packet == TONE) and not sounding:
                found.append(at / RATE)
            sounding = packet == TONE
            at += packet_samples(packet)
        return found


def test_packets_are_kept_as_they_are() -> None:
    speaker = Speaker()
    speaker.say(100)
    speaker.track.finish(speaker.clock.now)
    assert speaker.packets == [TONE] * 100


def test_a_mute_is_silence_of_its_length() -> None:
    speaker = Speaker()
    speaker.say(50)
    speaker.track.set_muted(True)
    speaker.say(150)
    speaker.track.set_muted(False)
    speaker.say(50)
    assert speaker.tone_at() == pytest.approx([0.0, 4.0])
    assert speaker.secs == pytest.approx(5.0)
    assert set(speaker.packets) == {TONE, SILENCE}


def test_who_begins_muted_is_silent_from_the_first_packet_on() -> None:
    speaker = Speaker()
    speaker.track.set_muted(True)
    speaker.say(50)
    speaker.track.set_muted(False)
    speaker.say(50)
    assert speaker.tone_at() == pytest.approx([1.0])


def test_who_sends_nothing_is_silent_and_the_file_keeps_up() -> None:
    speaker = Speaker()
    speaker.say(50)
    speaker.wait(10)
    assert speaker.secs == pytest.approx(11.0 - QUIET_SECS, abs=0.21)
    speaker.timestamp += 10 * RATE  # the sender's clock has gone on
    speaker.say(50)
    assert speaker.tone_at() == pytest.approx([0.0, 11.0], abs=0.003)
    speaker.wait(1)
    speaker.track.finish(speaker.clock.now)
    assert speaker.secs == pytest.approx(speaker.elapsed, abs=0.003)


def test_few_lost_packets_are_left_to_the_decoder_and_more_are_silence() -> None:
    speaker = Speaker()
    speaker.say(100, lose=[20, 21, *range(50, 60)])
    assert speaker.packets[20:22] == [b"\xf8", b"\xf8"]
    assert speaker.packets[50:60] == [SILENCE] * 10
    assert speaker.secs == pytest.approx(2.0)


def test_packets_that_overtake_one_are_put_in_order_and_copies_left_out() -> None:
    speaker = Speaker()
    heard = speaker.track.listen(speaker.feed)
    speaker.feed.audio_timeline.packet(0, speaker.clock.now)
    for number in (0, 2, 1, 1, 4, 3, 0, 5):
        heard(bytes((0xF8, number)), number, number * 960, None)
    assert [packet[1] for packet in speaker.packets] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("skew", [-0.002, 0.002])
def test_a_sender_whose_clock_drifts_stays_in_step(skew: float) -> None:
    """0.2 % is far more than any sound card is off: half a second in four minutes."""
    speaker = Speaker(skew=skew)
    speaker.say(12_000)
    assert speaker.secs == pytest.approx(speaker.elapsed, abs=0.06)
    assert speaker.packets.count(TONE) > 11_900


def test_another_source_and_another_connection_go_on_in_the_same_line() -> None:
    speaker = Speaker()
    speaker.say(50)
    speaker.timestamp, speaker.sequence = 5.0, 40_000
    speaker.say(50, ssrc=2)
    speaker.wait(2)
    speaker.connect()
    speaker.say(50, ssrc=3)
    assert speaker.tone_at() == pytest.approx([0.0, 4.0], abs=0.02)
    assert speaker.secs == pytest.approx(5.0, abs=0.02)


def test_what_is_no_opus_is_left_out() -> None:
    speaker = Speaker()
    speaker.say(10)
    speaker.say(10, packet=b"\xff\xff\xff")
    speaker.say(10)
    assert speaker.tone_at() == pytest.approx([0.0, 0.4])


def test_who_cannot_be_recorded_is_not_asked_again() -> None:
    asked: list[bytes] = []
    speaker = Speaker()
    track = AudioTrack(begin=lambda packet: bool(asked.append(packet)), write=lambda packet: True, clock=speaker.clock)
    heard = track.listen(speaker.feed)
    for number in range(5):
        heard(TONE, number, number * 960, None)
    assert asked == [TONE]


def test_what_the_disk_does_not_take_is_silent_once_it_does() -> None:
    speaker = Speaker()
    speaker.say(50)
    speaker.keeps = False
    speaker.say(500)
    speaker.keeps = True
    speaker.say(50)
    assert speaker.tone_at() == pytest.approx([0.0, 11.0])
