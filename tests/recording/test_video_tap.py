"""From packets to frames: order, loss, padding, and what a feed does with a tap."""

from __future__ import annotations

from random import Random

import pytest

from emulator.media.rtp import h264
from emulator.media.rtp.inbound import MediaPacket
from emulator.media.rtp.layer_choice import LayerChoice
from emulator.media.rtp.vp8 import Vp8Descriptor
from emulator.recording.video_tap import MAX_PARTS, PATIENCE_SECS, VideoTap
from tests.media.rtp_kit import FakeClock, House


class Taping:
    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.frames: list[tuple[bytes, int, bool]] = []
        self.codecs: set[str] = set()
        self.tap = VideoTap(self._on_frame, self.clock)

    def _on_frame(self, frame: bytes, timestamp: int, keyframe: bool, codec: str) -> None:
        self.frames.append((frame, timestamp, keyframe))
        self.codecs.add(codec)

    @property
    def numbers(self) -> list[int]:
        return [timestamp for _, timestamp, _ in self.frames]


def packets(frame: int, first: int, *, count: int = 3, keyframe: bool = False) -> list[MediaPacket]:
    """One VP8 frame whose timestamp is its number."""
    return [
        MediaPacket(
            first + part,
            frame,
            0x80 if part == count - 1 else 0,
            bytes((frame, part & 0xFF)),
            keyframe and part == 0,
            b"\x00",
            Vp8Descriptor(0x10 if part == 0 else 0x00),
        )
        for part in range(count)
    ]


def stream(frames: int, *, first: int = 100) -> list[MediaPacket]:
    return [packet for n in range(frames) for packet in packets(n, first + 3 * n, keyframe=n == 0)]


def start(taping: Taping, sent: list[MediaPacket]) -> None:
    taping.tap.start(sent[:1])
    for packet in sent[1:]:
        taping.tap.forward(packet)


def test_packets_become_frames() -> None:
    taping = Taping()
    start(taping, stream(3))
    assert taping.frames == [(bytes((n, 0, n, 1, n, 2)), n, n == 0) for n in range(3)]
    assert taping.codecs == {"vp8"}


def test_nothing_comes_out_before_a_keyframe() -> None:
    taping = Taping()
    assert taping.tap.waiting_for_keyframe
    for packet in stream(3):
        taping.tap.forward(packet)
    assert not taping.frames


@pytest.mark.parametrize("seed", range(5))
def test_packets_that_change_places_or_come_twice_make_the_same_frames(seed: int) -> None:
    taping, sent, random = Taping(), stream(30), Random(seed)
    mixed = sorted(sent[1:], key=lambda packet: packet.sequence + random.uniform(0, 6))
    for _ in range(20):
        mixed.insert(random.randrange(len(mixed)), random.choice(sent))
    mixed.sort(key=lambda packet: packet.sequence + random.uniform(0, 3))
    start(taping, [sent[0], *mixed])
    assert taping.numbers == list(range(30))


def test_packet_that_is_repaired_late_is_waited_for() -> None:
    taping, sent = Taping(), stream(10)
    late = sent.pop(7)
    start(taping, sent)
    assert taping.numbers == [0, 1]
    taping.clock.advance(PATIENCE_SECS / 2)
    taping.tap.forward(late)
    assert taping.numbers == list(range(10))
    assert taping.tap.losses == 0


def test_after_a_loss_it_goes_on_with_the_next_keyframe() -> None:
    taping, sent = Taping(), stream(5)
    del sent[4]
    start(taping, sent)
    taping.clock.advance(PATIENCE_SECS + 0.1)
    taping.tap.forward(packets(5, 115)[0])
    assert taping.tap.waiting_for_keyframe
    assert taping.tap.losses == 1
    keyframe = packets(9, 127, keyframe=True)
    taping.tap.start(keyframe[:1])
    for packet in keyframe[1:]:
        taping.tap.forward(packet)
    assert taping.numbers == [0, 9]


def test_keyframe_that_came_while_a_packet_was_missed_is_used() -> None:
    taping, sent = Taping(), stream(3)
    del sent[4]
    start(taping, sent)
    for packet in packets(3, 109, keyframe=True):
        taping.tap.forward(packet)
    taping.clock.advance(PATIENCE_SECS + 0.1)
    for packet in packets(4, 112):
        taping.tap.forward(packet)
    assert taping.numbers == [0, 3, 4]


def test_padding_is_left_out_and_a_frame_without_a_marker_ends_where_the_next_begins() -> None:
    taping, sent = Taping(), stream(3)
    sent[2].marker = 0
    sent.insert(3, MediaPacket(103, 0, 0, b""))
    for packet in sent[4:]:
        packet.sequence += 1
    start(taping, sent)
    assert taping.numbers == [0, 1, 2]


def test_frame_without_an_end_is_bounded() -> None:
    taping = Taping()
    start(taping, packets(0, 100, count=MAX_PARTS + 10, keyframe=True)[:-1])
    assert not taping.frames
    assert taping.tap.waiting_for_keyframe


def test_h264_comes_out_in_annex_b_form_and_nonsense_is_a_loss() -> None:
    taping = Taping()
    units = [b"\x67sps", b"\x68pps", b"\x65" + b"idr" * 800]
    payloads = h264.packetise(h264.join_annex_b(units))
    sent = [
        MediaPacket(n, 5, 0x80 if n == len(payloads) - 1 else 0, payload, h264.starts_keyframe(payload))
        for n, payload in enumerate(payloads)
    ]
    taping.tap.start(sent[:1])
    for packet in sent[1:]:
        taping.tap.forward(packet)
    assert taping.frames == [(h264.join_annex_b(units), 5, True)]
    taping.tap.forward(MediaPacket(len(sent), 6, 0x80, b"\x7c"))
    assert taping.tap.losses == 1


# -- on a feed --------------------------------------------------------------------------------------------------------


class Watching(Taping):
    """Watches a feed, as a tape does."""

    def __init__(self, house: House) -> None:
        super().__init__(house.clock)
        self.video_track = self.tap
        self.layer_choice = LayerChoice()
        house.feed.video.add(self, house.clock.now)

    def layer_changed(self, index: int) -> None:
        pass


def test_a_tap_on_a_feed_starts_with_what_a_newcomer_gets_and_asks_for_a_keyframe_after_a_loss() -> None:
    house = House()
    house.publisher.send_frame(keyframe=True)
    house.publisher.send_frame()
    taping = Watching(house)
    house.publisher.send_frame()
    assert len(taping.frames) == 3
    house.publisher.make_frame()  # lost
    for _ in range(40):
        house.publisher.send_frame()
        house.feed.tick(house.clock.now)
    assert house.feed.stats().plis_sent
    house.publisher.send_frame(keyframe=True)
    assert taping.frames[-1][2]
    house.feed.video.remove(taping)
    seen = len(taping.frames)
    house.publisher.send_frame()
    assert len(taping.frames) == seen


def test_another_source_of_the_feed_is_recorded_from_its_keyframe_on() -> None:
    house = House()
    taping = Watching(house)
    house.publisher.send_frame(keyframe=True)
    house.publisher.send_frame()
    house.publisher.video_ssrc, house.publisher.video_sequence = 0x9999, 7
    house.publisher.send_frame()
    assert len(taping.frames) == 2
    house.publisher.send_frame(keyframe=True)
    house.publisher.send_frame()
    assert [keyframe for _, _, keyframe in taping.frames] == [True, False, True, False]
