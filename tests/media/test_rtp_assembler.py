from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp import vp8
from emulator.media.rtp.assembler import Frame, FrameAssembler
from emulator.media.rtp.header import RtpPacket

from .rtp_kit import unhurried

FIRST = 65_520  # the numbers wrap early in every test


def packets_of(frames: list[bytes], *, size: int = 24) -> list[RtpPacket]:
    """VP8 packets; frame n has timestamp n * 3000."""
    made: list[RtpPacket] = []
    for number, frame in enumerate(frames):
        payloads = vp8.packetise(frame, number, max_payload=size)
        for index, payload in enumerate(payloads):
            made.append(
                RtpPacket(
                    96,
                    (FIRST + len(made)) & 0xFFFF,
                    number * 3000,
                    1,
                    payload,
                    marker=index == len(payloads) - 1,
                )
            )
    return made


def frames_of(count: int, *, packets: int = 3) -> list[bytes]:
    """Every tenth is a keyframe: its first bit says so."""
    firsts = (number % 250 & 0xFE if number % 10 == 0 else number % 250 | 1 for number in range(count))
    return [bytes((first,)) * (20 * packets) for first in firsts]


def assembled(packets: list[RtpPacket], *, capacity: int = 512) -> list[Frame]:
    assembler = FrameAssembler("VP8", capacity=capacity)
    frames = [frame for packet in packets for frame in assembler.receive(packet, 0.0)]
    return frames + assembler.flush()


def test_frames_come_out_whole_and_in_order() -> None:
    frames = frames_of(20)
    got = assembled(packets_of(frames))
    assert [frame.data for frame in got] == frames
    assert [frame.timestamp for frame in got] == [number * 3000 for number in range(20)]
    assert [frame.keyframe for frame in got] == [number % 10 == 0 for number in range(20)]
    assert not any(frame.damaged or frame.lost_before for frame in got)


@unhurried
@given(st.integers(0, 1 << 30), st.integers(1, 30))
def test_reordering_within_the_buffer_changes_nothing(seed: int, distance: int) -> None:
    frames = frames_of(12)
    packets = packets_of(frames)
    rng = Random(seed)
    order = sorted(range(len(packets)), key=lambda index: index + rng.random() * distance)
    got = assembled([packets[0], *(packets[index] for index in order if index)])
    assert [frame.data for frame in got] == frames
    assert not any(frame.damaged or frame.lost_before for frame in got)


def test_a_frame_is_given_out_with_its_last_packet() -> None:
    assembler = FrameAssembler("VP8")
    given_out = [len(assembler.receive(packet, 0.0)) for packet in packets_of(frames_of(2))]
    assert given_out == [0, 0, 1, 0, 0, 1]


def test_a_missing_packet_is_waited_for() -> None:
    packets = packets_of(frames_of(3))
    assembler = FrameAssembler("VP8", max_wait=0.5)
    late = packets.pop(4)
    assert sum(len(assembler.receive(packet, 1.0)) for packet in packets) == 1
    assert assembler.poll(1.4) == []
    assert [frame.timestamp for frame in assembler.receive(late, 1.45)] == [3000, 6000]


def test_after_the_wait_the_frame_is_given_out_damaged() -> None:
    packets = packets_of(frames_of(3))
    assembler = FrameAssembler("VP8", max_wait=0.5)
    late = packets.pop(4)
    for packet in packets:
        assembler.receive(packet, 1.0)
    damaged, whole = assembler.poll(1.6)
    assert (damaged.timestamp, damaged.damaged) == (3000, True)
    assert (whole.timestamp, whole.damaged, whole.lost_before) == (6000, False, 1)
    assert assembler.receive(late, 1.7) == []
    assert assembler.late == 1


@pytest.mark.parametrize("dropped", [(3, 4, 5), (3, 4, 5, 6, 7, 8)])
def test_lost_whole_frames_are_told_by_the_next_one(dropped: tuple[int, ...]) -> None:
    packets = packets_of(frames_of(4))
    got = assembled([packet for index, packet in enumerate(packets) if index not in dropped])
    assert [frame.damaged for frame in got] == [False] * (4 - len(dropped) // 3)
    assert [frame.lost_before for frame in got] == [0, len(dropped), *[0] * (2 - len(dropped) // 3)]


def test_a_lost_end_damages_its_own_frame_only() -> None:
    packets = packets_of(frames_of(3))
    del packets[5]
    assert [frame.damaged for frame in assembled(packets)] == [False, True, False]


def test_a_lost_start_damages_its_own_frame_only() -> None:
    packets = packets_of(frames_of(3))
    del packets[3]
    got = assembled(packets)
    assert [(frame.timestamp, frame.damaged) for frame in got] == [(0, False), (3000, True), (6000, False)]


def test_a_stream_joined_in_mid_frame_begins_damaged() -> None:
    got = assembled(packets_of(frames_of(2))[1:])
    assert [frame.damaged for frame in got] == [True, False]
    assert not got[0].keyframe


def test_duplicates_are_dropped() -> None:
    frames = frames_of(5)
    got = assembled([packet for packet in packets_of(frames) for _ in range(2)])
    assert [frame.data for frame in got] == frames


def test_padding_probes_between_frames_make_no_frame() -> None:
    packets = packets_of(frames_of(2))
    probe = RtpPacket(96, packets[3].sequence, 0, 1, padding=200)
    for packet in packets[3:]:
        packet.sequence = (packet.sequence + 1) & 0xFFFF
    got = assembled([*packets[:3], probe, *packets[3:]])
    assert [frame.timestamp for frame in got] == [0, 3000]
    assert not any(frame.damaged for frame in got)


def test_a_new_timestamp_ends_a_frame_without_marker() -> None:
    packets = packets_of(frames_of(3))
    for packet in packets:
        packet.marker = False
    assert [frame.damaged for frame in assembled(packets)[:2]] == [False, False]


def test_what_is_held_is_bounded() -> None:
    packets = packets_of(frames_of(400))
    del packets[4]
    assembler = FrameAssembler("VP8", capacity=50, max_wait=1e9)
    count = 0
    for packet in packets:
        count += len(assembler.receive(packet, 0.0))
        assert len(assembler) <= 51
    assert count == 400


def test_a_frame_without_end_is_bounded() -> None:
    assembler = FrameAssembler("VP8", capacity=50, max_wait=1e9)
    for number in range(1000):
        assembler.receive(RtpPacket(96, number, 0, 1, b"\x00x"), 0.0)
        assert len(assembler) <= 50


def test_a_restart_of_the_numbers_is_followed() -> None:
    packets = packets_of(frames_of(4))
    for packet in packets[6:]:
        packet.sequence = (packet.sequence + 20_000) & 0xFFFF
    assert [frame.damaged for frame in assembled(packets)] == [False] * 4


def test_opus_packets_are_frames_of_their_own() -> None:
    assembler = FrameAssembler("opus")
    packets = [RtpPacket(111, number, number * 960, 1, bytes((number,))) for number in range(5)]
    got = [frame for packet in packets[:2] + packets[3:] for frame in assembler.receive(packet, 0.0)]
    got += assembler.flush()
    assert [(frame.data, frame.lost_before) for frame in got] == [(b"\0", 0), (b"\1", 0), (b"\3", 1), (b"\4", 0)]


@unhurried
@given(
    st.sampled_from(["VP8", "H264", "opus"]),
    st.lists(
        st.tuples(st.integers(0, 40) | st.integers(0, 0xFFFF), st.integers(0, 5), st.binary(max_size=6), st.booleans()),
        max_size=80,
    ),
)
def test_any_packets_are_survived(codec: str, packets: list[tuple[int, int, bytes, bool]]) -> None:
    assembler = FrameAssembler(codec, capacity=20)
    for index, (sequence, timestamp, payload, marker) in enumerate(packets):
        assembler.receive(RtpPacket(96, sequence, timestamp, 1, payload, marker=marker), index * 0.1)
        assert len(assembler) <= 20
    assembler.flush()
    assert len(assembler) == 0


@pytest.mark.parametrize(("codec", "capacity"), [("AV1", 10), ("VP8", 0)])
def test_unknown_codecs_and_empty_buffers_are_refused(codec: str, capacity: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        FrameAssembler(codec, capacity=capacity)
