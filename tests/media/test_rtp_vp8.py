from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp import vp8
from emulator.media.rtp.errors import PayloadError
from emulator.media.rtp.vp8 import Vp8Descriptor

from .rtp_kit import unhurried

octets = st.integers(0, 255)


@st.composite
def descriptors(draw: st.DrawFn) -> Vp8Descriptor:
    bits = draw(st.sampled_from((7, 15)))
    layer_flags = draw(st.sampled_from((0, 0x10, 0x20, 0x30)))
    return Vp8Descriptor(
        draw(octets) & 0x7F,
        draw(st.none() | st.integers(0, (1 << bits) - 1)),
        bits,
        draw(st.none() | octets),
        layer_flags,
        draw(octets) if layer_flags else 0,
    )


def fields(descriptor: Vp8Descriptor) -> tuple[object, ...]:
    return (
        descriptor.first & 0x7F,
        descriptor.picture_id,
        descriptor.tl0picidx,
        descriptor.layer_flags,
        descriptor.layer,
    )


@unhurried
@given(descriptors(), st.binary(max_size=5))
def test_a_descriptor_comes_back_as_it_was(descriptor: Vp8Descriptor, rest: bytes) -> None:
    data = descriptor.serialise()
    parsed = Vp8Descriptor.parse(data + rest)
    assert fields(parsed) == fields(descriptor)
    assert parsed.length == len(data)
    assert parsed.serialise() == data


@unhurried
@given(descriptors(), st.integers(0, 1 << 20), st.integers(0, 1 << 20))
def test_renumbering_changes_the_ids_and_nothing_else(descriptor: Vp8Descriptor, picture_id: int, tl0: int) -> None:
    renumbered = Vp8Descriptor.parse(
        descriptor.renumbered(
            None if descriptor.picture_id is None else picture_id, None if descriptor.tl0picidx is None else tl0
        )
    )
    if descriptor.picture_id is not None:
        assert (renumbered.picture_id, renumbered.picture_id_bits) == (picture_id & 0x7FFF, 15)
        descriptor.picture_id = renumbered.picture_id
    if descriptor.tl0picidx is not None:
        assert renumbered.tl0picidx == tl0 & 0xFF
        descriptor.tl0picidx = renumbered.tl0picidx
    assert fields(renumbered) == fields(descriptor)


@unhurried
@given(st.binary(max_size=12))
def test_garbage_raises_nothing_but_payload_errors(payload: bytes) -> None:
    try:
        vp8.starts_keyframe(payload)
        vp8.depacketise([payload])
    except PayloadError:
        pass


@unhurried
@given(st.binary(min_size=1, max_size=400), st.integers(0, 1 << 16), st.none() | octets, st.integers(10, 60))
def test_a_frame_comes_back_from_its_payloads(frame: bytes, picture_id: int, tl0: int | None, size: int) -> None:
    payloads = vp8.packetise(frame, picture_id, tl0picidx=tl0, max_payload=size)
    assert vp8.depacketise(payloads) == frame
    assert max(map(len, payloads)) <= size
    parsed = [Vp8Descriptor.parse(payload) for payload in payloads]
    assert [descriptor.starts_frame for descriptor in parsed] == [True] + [False] * (len(parsed) - 1)
    assert {(d.picture_id, d.tl0picidx) for d in parsed} == {(picture_id & 0x7FFF, tl0)}


def test_payloads_are_at_most_1100_bytes() -> None:
    payloads = vp8.packetise(bytes(5000), 1)
    assert len(payloads) == 5
    assert max(map(len, payloads)) <= 1100


def test_a_keyframe_is_told_by_its_first_packet() -> None:
    key, delta = b"\x10" + b"x" * 3000, b"\x11" + b"x" * 3000
    assert [vp8.starts_keyframe(payload) for payload in vp8.packetise(key, 1)] == [True, False, False]
    assert not any(vp8.starts_keyframe(payload) for payload in vp8.packetise(delta, 1))
    assert vp8.is_keyframe(key)
    assert not vp8.is_keyframe(delta)


def test_a_later_partition_starts_no_keyframe() -> None:
    assert vp8.starts_keyframe(b"\x10\x00")
    assert not vp8.starts_keyframe(b"\x11\x00")


@pytest.mark.parametrize(("frame", "size"), [(b"", 1100), (b"x", 4)])
def test_frames_that_cannot_be_cut_are_refused(frame: bytes, size: int) -> None:
    with pytest.raises(PayloadError):
        vp8.packetise(frame, 1, max_payload=size)


@given(st.binary(min_size=1, max_size=6000), st.integers(0, 1 << 17))
def test_slices_that_are_kept_give_the_same_payloads(frame: bytes, picture_id: int) -> None:
    assert vp8.described(vp8.slices(frame), picture_id) == vp8.packetise(frame, picture_id)
