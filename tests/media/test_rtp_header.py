from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp.header import RtpError, RtpPacket, find_extension, read_header, serialise_extensions

from .rtp_kit import unhurried

extension_maps = st.dictionaries(st.integers(1, 14), st.binary(min_size=1, max_size=16), max_size=4) | st.dictionaries(
    st.integers(1, 255), st.binary(max_size=255), max_size=4
)
rtp_packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=60),
    marker=st.booleans(),
    csrcs=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    extensions=extension_maps,
    padding=st.integers(0, 255),
)


@unhurried
@given(rtp_packets)
def test_a_packet_comes_back_as_it_was(packet: RtpPacket) -> None:
    assert RtpPacket.parse(packet.serialise()) == packet


@unhurried
@given(rtp_packets)
def test_the_view_agrees_with_the_packet(packet: RtpPacket) -> None:
    data = packet.serialise()
    view = read_header(data)
    assert (view.payload_type, view.sequence, view.timestamp, view.ssrc, bool(view.marker)) == (
        packet.payload_type,
        packet.sequence,
        packet.timestamp,
        packet.ssrc,
        packet.marker,
    )
    assert data[view.payload_start : view.payload_end] == packet.payload
    for identifier, value in packet.extensions.items():
        assert find_extension(data, view, identifier) == value


@unhurried
@given(st.binary(max_size=80))
def test_garbage_raises_nothing_but_rtp_errors(data: bytes) -> None:
    with contextlib.suppress(RtpError):
        RtpPacket.parse(data)


@unhurried
@given(rtp_packets, st.data())
def test_damaged_packets_raise_nothing_but_rtp_errors(packet: RtpPacket, data: st.DataObject) -> None:
    raw = bytearray(packet.serialise())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, min(len(raw) - 1, 40)))] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(0, len(raw))) :]
    with contextlib.suppress(RtpError):
        RtpPacket.parse(bytes(raw))


def test_small_values_use_one_byte_headers_and_padding_to_whole_words() -> None:
    assert serialise_extensions({1: b"\x1e", 4: b"ab"}) == bytes.fromhex("bede 0002 10 1e 41 6162 000000")


def test_long_values_use_two_byte_headers() -> None:
    assert serialise_extensions({1: b"x" * 17})[:6] == bytes.fromhex("1000 0005 01 11")


def test_id_15_ends_one_byte_extensions() -> None:
    data = bytes.fromhex("9060 0001 00000000 00000001 bede 0002 10 07 f0 20 08 000000")
    assert RtpPacket.parse(data).extensions == {1: b"\x07"}


def test_padding_between_extensions_is_skipped() -> None:
    data = bytes.fromhex("9060 0001 00000000 00000001 bede 0002 00 10 07 00 00 20 08 00")
    assert RtpPacket.parse(data).extensions == {1: b"\x07", 2: b"\x08"}


def test_extensions_of_another_profile_are_left_out() -> None:
    data = bytes.fromhex("9060 0001 00000000 00000001 abcd 0001 11223344") + b"payload"
    packet = RtpPacket.parse(data)
    assert packet.extensions == {}
    assert packet.payload == b"payload"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "at least 12 bytes"),
        (bytes.fromhex("4060 0001 00000000 00000001"), "version 2 expected"),
        (bytes.fromhex("8f60 0001 00000000 00000001"), "claims 72 bytes"),
        (bytes.fromhex("9060 0001 00000000 00000001 bede"), "cut off"),
        (bytes.fromhex("9060 0001 00000000 00000001 bede 0002 00000000"), "claims 24 bytes"),
        (bytes.fromhex("9060 0001 00000000 00000001 bede 0001 1f000000"), "claims 16 bytes"),
        (bytes.fromhex("a060 0001 00000000 00000001 00"), "padding of 0"),
        (bytes.fromhex("a060 0001 00000000 00000001 05"), "padding of 5"),
        (bytes.fromhex("a060 0001 00000000 00000001"), "padding of 1 bytes"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(RtpError, match=reason):
        RtpPacket.parse(data)


@pytest.mark.parametrize(
    "packet",
    [
        RtpPacket(128, 0, 0, 0),
        RtpPacket(0, 0x10000, 0, 0),
        RtpPacket(0, 0, -1, 0),
        RtpPacket(0, 0, 0, 1 << 32),
        RtpPacket(0, 0, 0, 0, csrcs=(0,) * 16),
        RtpPacket(0, 0, 0, 0, padding=256),
        RtpPacket(0, 0, 0, 0, extensions={0: b"x"}),
        RtpPacket(0, 0, 0, 0, extensions={1: b"x" * 256}),
    ],
)
def test_fields_out_of_range_are_refused(packet: RtpPacket) -> None:
    with pytest.raises(RtpError):
        packet.serialise()
