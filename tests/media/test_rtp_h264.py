from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp import h264
from emulator.media.rtp.errors import PayloadError

from .rtp_kit import unhurried


@st.composite
def nal_units(draw: st.DrawFn) -> bytes:
    """Units as an encoder writes them: no start code inside, no zero at the end."""
    kind = draw(st.integers(1, 12)) | draw(st.sampled_from((0x00, 0x20, 0x60)))
    body = draw(st.lists(st.integers(1, 255), min_size=1, max_size=120))
    return bytes((kind, *body))


@unhurried
@given(st.lists(nal_units(), min_size=1, max_size=6), st.integers(10, 80), st.booleans())
def test_a_frame_comes_back_from_its_payloads(units: list[bytes], size: int, aggregate: bool) -> None:
    frame = h264.join_annex_b(units)
    payloads = h264.packetise(frame, max_payload=size, aggregate=aggregate)
    assert max(map(len, payloads)) <= size
    assert h264.depacketise(payloads) == frame


@unhurried
@given(st.lists(st.binary(max_size=20), max_size=5))
def test_garbage_raises_nothing_but_payload_errors(payloads: list[bytes]) -> None:
    with contextlib.suppress(PayloadError):
        h264.depacketise(payloads)
    assert isinstance(h264.depacketise(payloads, strict=False), bytes)
    for payload in payloads:
        with contextlib.suppress(PayloadError):
            h264.starts_keyframe(payload)


def test_start_codes_of_three_and_four_bytes_are_understood() -> None:
    assert h264.split_annex_b(b"\0\0\0\1\x67ab\0\0\1\x68c\0\0\0\1\x65d") == [b"\x67ab", b"\x68c", b"\x65d"]


def test_a_frame_without_a_start_code_is_refused() -> None:
    with pytest.raises(PayloadError, match="start code"):
        h264.packetise(b"abc")


def test_small_neighbours_share_a_packet_and_large_units_are_cut() -> None:
    sps, pps, idr = b"\x67ab", b"\x68c", b"\x65" + b"x" * 3000
    payloads = h264.packetise(h264.join_annex_b([sps, pps, idr]))
    assert [payload[0] & 0x1F for payload in payloads] == [h264.STAP_A, *[h264.FU_A] * 3]
    assert payloads[0] == b"\x78\x00\x03\x67ab\x00\x02\x68c"
    assert [payload[1] for payload in payloads[1:]] == [0x85, 0x05, 0x45]


@pytest.mark.parametrize(
    ("payload", "starts"),
    [
        (b"\x65x", True),
        (b"\x67x", True),
        (b"\x41x", False),
        (b"\x68x", False),
        (b"\x78\x00\x02\x68c\x00\x02\x65d", True),
        (b"\x78\x00\x02\x68c\x00\x02\x41d", False),
        (b"\x7c\x85x", True),
        (b"\x7c\x05x", False),
        (b"\x7c\x81x", False),
    ],
)
def test_where_decoding_can_start(payload: bytes, starts: bool) -> None:
    assert h264.starts_keyframe(payload) is starts


def test_fragments_without_their_start_are_left_out_if_not_strict() -> None:
    payloads = [b"\x7c\x05tail", b"\x7c\x45end", b"\x41whole"]
    with pytest.raises(PayloadError, match="without a start"):
        h264.depacketise(payloads)
    assert h264.depacketise(payloads, strict=False) == b"\0\0\0\1\x41whole"


@pytest.mark.parametrize(
    ("payloads", "reason"),
    [
        ([b""], "empty"),
        ([b"\x7c\x85x"], "no end"),
        ([b"\x7c\x85x", b"\x41y"], "interrupted"),
        ([b"\x7c\x85x", b"\x7c\x85y"], "starts twice"),
        ([b"\x7c"], "without data"),
        ([b"\x78\x00\x09ab"], "claims 9 bytes"),
        ([b"\x78"], "without a NAL unit"),
        ([b"\x79ab"], "type 25"),
    ],
)
def test_broken_payloads_are_refused_with_the_reason(payloads: list[bytes], reason: str) -> None:
    with pytest.raises(PayloadError, match=reason):
        h264.depacketise(payloads)
