import time
from itertools import pairwise
from uuid import UUID

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.probes.card import TestCard, to_av_frame
from emulator.probes.card_art import initials, printable
from emulator.probes.card_reader import CardReading, read_card
from emulator.probes.errors import CardError

ALICE = "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"
BOB = "7b61621f-62e0-4aad-ab11-9fd19e272e73"
SIZES = [(1280, 720), (640, 360), (320, 180), (160, 90), (640, 480), (426, 240), (180, 320), (120, 68)]


@pytest.mark.parametrize("size", SIZES)
def test_a_card_says_whose_it_is_which_stream_and_which_frame(size: tuple[int, int]) -> None:
    card = TestCard(ALICE, "Alice", "presentation", *size)
    assert read_card(card.draw(1234).y) == CardReading(ALICE, "presentation", 1234)


@settings(max_examples=50, deadline=None)
@given(participant=st.uuids(), key=st.text(max_size=30), frames=st.lists(st.integers(0, 2**24 - 1), min_size=1))
def test_any_identity_is_read_back_in_any_order_of_frames(participant: UUID, key: str, frames: list[int]) -> None:
    card = TestCard(participant, "", key, 160, 90)
    readings = [read_card(card.draw(frame).y, [key]) for frame in frames]
    assert readings == [CardReading(str(participant), key, frame) for frame in frames]


def test_a_frame_does_not_depend_on_those_drawn_before() -> None:
    card = TestCard(ALICE, "Alice", "self", 320, 180)
    for frame in (9, 2**24 - 1, 31):
        card.draw(frame)
    fresh = TestCard(ALICE, "Alice", "self", 320, 180)
    assert np.array_equal(card.draw(1000).i420, fresh.draw(1000).i420)


def test_a_drawn_frame_is_not_changed_by_the_next() -> None:
    card = TestCard(ALICE, "Alice", "self", 320, 180)
    first = card.draw(1)
    before = first.i420.copy()
    card.draw(2)
    assert np.array_equal(first.i420, before)


def test_little_changes_from_frame_to_frame() -> None:
    card = TestCard(ALICE, "Alice", "self", 640, 360)
    frames = [card.draw(number).i420 for number in range(100, 160)]
    changed = [np.count_nonzero(a != b) / a.size for a, b in pairwise(frames)]
    assert 0 < np.mean(changed) < 0.01


def test_participants_differ_in_hue() -> None:
    alice, bob = (TestCard(who, "x", "self", 320, 180).draw(0) for who in (ALICE, BOB))
    assert (alice.u[0, 0], alice.v[0, 0]) != (bob.u[0, 0], bob.v[0, 0])


def test_the_name_is_on_the_card() -> None:
    alice, bob = (TestCard(ALICE, name, "self", 320, 180).draw(0).y for name in ("Alice", "Bob"))
    differs = np.argwhere(alice != bob)
    assert differs.size
    assert differs[:, 0].max() < 112  # above the cells


def test_names_are_brought_to_letters_the_font_has() -> None:
    assert printable("Émile Zölß") == "Emile Zolss"
    assert printable("李") == "?"
    assert [initials(name) for name in ("Alice Martin", "bob", "crowd 12", "", "李")] == ["AM", "B", "C12", "?", "?"]


@pytest.mark.parametrize("size", [(640, 360), (160, 90), (426, 240)])
def test_an_av_frame_has_the_same_planes(size: tuple[int, int]) -> None:
    frame = TestCard(ALICE, "Alice", "self", *size).draw(7)
    out = to_av_frame(frame, pts=3)
    assert (out.width, out.height, out.format.name, out.pts) == (*size, "yuv420p", 3)
    for plane, expected in zip(out.planes, (frame.y, frame.u, frame.v), strict=True):
        got = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("size", [(118, 68), (120, 66), (321, 180), (320, 181), (5000, 180)])
def test_a_size_that_cannot_be_drawn_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(CardError, match="even width and height"):
        TestCard(ALICE, "Alice", "self", *size)


def test_drawing_costs_well_under_a_millisecond() -> None:
    card = TestCard(ALICE, "Alice", "self", 640, 360)
    best = min(_seconds_for(card, start) for start in range(0, 1000, 50))
    assert best / 50 < 0.001  # about 0.1 ms on an idle machine


def _seconds_for(card: TestCard, start: int) -> float:
    begin = time.perf_counter()
    for number in range(start, start + 50):
        frame = to_av_frame(card.draw(number))
    assert isinstance(frame, av.VideoFrame)
    return time.perf_counter() - begin
