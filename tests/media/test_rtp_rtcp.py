from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp.rtcp import (
    Bye,
    Fir,
    Nack,
    Pli,
    ReceiverReport,
    Remb,
    ReportBlock,
    RtcpError,
    RtcpPacket,
    Sdes,
    SenderReport,
    parse_compound,
    serialise_compound,
)

from .rtp_kit import unhurried

words = st.integers(0, 0xFFFFFFFF)
octets = st.integers(0, 0xFF)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
blocks = st.builds(ReportBlock, words, octets, st.integers(-0x800000, 0x7FFFFF), words, words, words, words)
block_tuples = st.lists(blocks, max_size=4).map(tuple)


def ascending(start: int, steps: list[int]) -> tuple[int, ...]:
    numbers = [start]
    for step in steps:
        numbers.append((numbers[-1] + step) & 0xFFFF)
    return tuple(numbers)


packets = st.one_of(
    st.builds(SenderReport, words, st.integers(0, (1 << 64) - 1), words, words, words, block_tuples),
    st.builds(ReceiverReport, words, block_tuples),
    st.builds(Sdes, st.lists(st.tuples(words, texts), max_size=4).map(tuple)),
    st.builds(Bye, st.lists(words, max_size=5).map(tuple), texts),
    st.builds(
        Nack, words, words, st.builds(ascending, st.integers(0, 0xFFFF), st.lists(st.integers(1, 40), max_size=50))
    ),
    st.builds(Pli, words, words),
    st.builds(Fir, words, st.lists(st.tuples(words, octets), min_size=1, max_size=4).map(tuple)),
    st.builds(
        Remb,
        words,
        st.builds(lambda mantissa, shift: mantissa << shift, st.integers(1 << 17, (1 << 18) - 1), st.integers(0, 40)),
        st.lists(words, max_size=4).map(tuple),
    ),
)
compounds = st.lists(packets, min_size=1, max_size=4)


@unhurried
@given(compounds)
def test_a_compound_comes_back_as_it_was(compound: list[RtcpPacket]) -> None:
    data = serialise_compound(compound)
    assert len(data) % 4 == 0
    assert parse_compound(data) == compound


@unhurried
@given(st.binary(max_size=80))
def test_garbage_raises_nothing_but_rtcp_errors(data: bytes) -> None:
    with contextlib.suppress(RtcpError):
        parse_compound(data)


@unhurried
@given(compounds, st.data())
def test_damaged_compounds_raise_nothing_but_rtcp_errors(compound: list[RtcpPacket], data: st.DataObject) -> None:
    raw = bytearray(serialise_compound(compound))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RtcpError):
        parse_compound(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


def test_a_nack_packs_sixteen_followers_into_one_item_across_the_wrap() -> None:
    lost = tuple((65530 + offset) & 0xFFFF for offset in range(17))
    data = serialise_compound([Nack(1, 2, lost)])
    assert len(data) == 16
    assert data[12:] == (65530).to_bytes(2, "big") + b"\xff\xff"
    assert parse_compound(data) == [Nack(1, 2, lost)]


@unhurried
@given(st.integers(1, 10**12))
def test_remb_is_never_more_than_was_meant(bitrate: int) -> None:
    (remb,) = parse_compound(serialise_compound([Remb(1, bitrate, (2,))]))
    assert isinstance(remb, Remb)
    assert bitrate * (1 - 2**-17) <= remb.bitrate <= bitrate


def test_unknown_kinds_are_skipped_and_what_follows_is_read() -> None:
    extended_report = bytes.fromhex("80cf0001 00000001")
    transport_cc = bytes.fromhex("8fcd0004 00000001 00000002 00000000 00000000")
    slice_loss = bytes.fromhex("82ce0003 00000001 00000002 00000000")
    other_application = bytes.fromhex("8fce0003 00000001 00000002 41424344")
    data = extended_report + transport_cc + slice_loss + other_application + serialise_compound([Pli(1, 2)])
    assert parse_compound(data) == [Pli(1, 2)]


def test_padding_of_the_last_packet_is_cut_off() -> None:
    assert parse_compound(bytes.fromhex("a1c90008") + bytes(28) + b"\0\0\0\4") == [
        ReceiverReport(0, (ReportBlock(0, 0, 0, 0, 0),))
    ]


def test_source_description_items_other_than_cname_are_skipped() -> None:
    data = bytes.fromhex("81ca0004 00000007 020161 0103626f62 00000000")
    assert parse_compound(data) == [Sdes(((7, "bob"),))]


def test_extensions_after_the_report_blocks_are_ignored() -> None:
    assert parse_compound(bytes.fromhex("80c90002 00000005 99999999")) == [ReceiverReport(5)]


def test_a_negative_loss_survives() -> None:
    report = ReceiverReport(1, (ReportBlock(2, 0, -3, 10, 0),))
    assert parse_compound(serialise_compound([report])) == [report]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "must not be empty"),
        (b"\x80\xc9", "has 4"),
        (bytes.fromhex("40c90001 00000001"), "version 2 expected"),
        (bytes.fromhex("80c90002 00000001"), "claims to end at 12"),
        (bytes.fromhex("81c90001 00000001"), "a report with 1 blocks needs 28"),
        (bytes.fromhex("80c80001 00000001"), "a sender report needs 24"),
        (bytes.fromhex("81ca0001 00000001"), "end of a source description chunk"),
        (bytes.fromhex("81ca0002 00000001 01ff6162"), "source description item needs 261"),
        (bytes.fromhex("82cb0001 00000001"), "goodbye of 2 sources needs 8"),
        (bytes.fromhex("81cb0002 00000001 05616263"), "reason needs 6"),
        (bytes.fromhex("81cd0002 00000001 00000002"), "a NACK needs 12"),
        (bytes.fromhex("81ce0001 00000001"), "feedback needs 8"),
        (bytes.fromhex("8fce0004 00000001 00000000 52454d42 01000001"), "REMB for 1 sources needs 20"),
        (bytes.fromhex("a0c90001 00000000"), "padding of 0 bytes"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(RtcpError, match=reason):
        parse_compound(data)


@pytest.mark.parametrize(
    "packet",
    [
        Nack(1, 2, ()),
        Nack(1, 2, (0x10000,)),
        Pli(1 << 32, 2),
        Sdes(((1, "x" * 256),)),
        Bye(tuple(range(32))),
        Remb(1, 1 << 90, ()),
        Fir(1, ((2, 256),)),
        ReceiverReport(1, (ReportBlock(2, 256, 0, 0, 0),)),
    ],
)
def test_values_that_do_not_fit_are_refused(packet: RtcpPacket) -> None:
    with pytest.raises(RtcpError):
        serialise_compound([packet])
