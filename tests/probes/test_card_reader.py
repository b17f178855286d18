from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from emulator.probes.card import TestCard
from emulator.probes.card_format import encode_card, participant_uuid
from emulator.probes.card_reader import CardReading, read_card
from emulator.probes.errors import CardError
from tests.probes.codecs import scaled, through_video_codec
from tests.probes.node import Node

Luma = NDArray[np.uint8]
ALICE = "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"


def as_javascript(reading: CardReading | None) -> dict[str, object] | None:
    if reading is None:
        return None
    return {"participantId": reading.participant_id, "key": reading.key, "frame": reading.frame_number}


@pytest.mark.parametrize(
    ("codec", "drawn", "size", "bit_rate"),
    [
        ("vp8", (320, 180), (320, 180), 100_000),
        ("h264", (320, 180), (320, 180), 100_000),
        ("vp8", (160, 90), (160, 90), 60_000),
        ("h264", (160, 90), (160, 90), 60_000),
        ("vp8", (640, 360), (160, 90), 60_000),
        ("vp8", (1280, 720), (320, 180), 100_000),
    ],
)
def test_every_frame_survives_a_codec_at_a_low_rate_and_both_readers_agree(
    codec: str, drawn: tuple[int, int], size: tuple[int, int], bit_rate: int
) -> None:
    card = TestCard(ALICE, "Alice Martin", "self", *drawn)
    coded = through_video_codec(codec, card, size, bit_rate, count=60, first=65_500)
    assert coded.bit_rate < bit_rate * 1.2

    readings = {number: read_card(luma) for number, luma in coded.frames}
    after_a_second = range(65_515, 65_560)
    assert {number: readings[number] for number in after_a_second} == {
        number: CardReading(ALICE, "self", number) for number in after_a_second
    }
    assert all(reading is None or reading.frame_number == number for number, reading in readings.items())

    shown = [luma for _, luma in coded.frames] + [scaled(luma, 1280, 720) for _, luma in coded.frames[15::9]]
    node = Node()
    for luma in shown:
        node.read_luma(luma)
    assert node.run() == [as_javascript(read_card(luma)) for luma in shown]
    assert None not in [read_card(luma) for luma in shown[len(coded.frames) :]]


@pytest.mark.parametrize(
    ("drawn", "shown"), [((1280, 720), (320, 180)), ((320, 180), (1280, 720)), ((640, 360), (213, 120))]
)
def test_a_card_is_read_at_another_size_than_it_was_drawn(drawn: tuple[int, int], shown: tuple[int, int]) -> None:
    luma = scaled(TestCard(ALICE, "Alice", "self", *drawn).draw(77).y, *shown)
    assert read_card(luma) == CardReading(ALICE, "self", 77)


def test_a_letterboxed_card_is_read_with_its_crop_by_both_readers() -> None:
    luma = np.full((480, 640), 16, np.uint8)
    luma[60:420] = TestCard(ALICE, "Alice", "self", 640, 360).draw(5).y
    crops = [(0, 60, 640, 360), (0.4, 60.7, 639.2, 358.6)]
    node = Node()
    for crop in crops:
        assert read_card(luma, crop=crop) == CardReading(ALICE, "self", 5)
        node.read_luma(luma, crop=crop)
    assert node.run() == [{"participantId": ALICE, "key": "self", "frame": 5}] * 2
    assert read_card(luma) is None


def test_full_range_and_faint_pictures_are_read() -> None:
    luma = TestCard(ALICE, "Alice", "self", 320, 180).draw(5).y.astype(float)
    for stretched in ((luma - 16) * 255 / 219, luma * 0.3, luma * 0.3 + 170):
        assert read_card(stretched.clip(0, 255).astype(np.uint8)) == CardReading(ALICE, "self", 5)


def test_unknown_keys_are_told_by_their_hash() -> None:
    luma = TestCard(ALICE, "Alice", "whiteboard", 320, 180).draw(5).y
    unknown = read_card(luma)
    assert unknown is not None
    assert unknown.key.startswith("#")
    assert read_card(luma, ["self", "whiteboard"]) == CardReading(ALICE, "whiteboard", 5)
    node = Node()
    node.read_luma(luma)
    node.read_luma(luma, keys=["self", "whiteboard"])
    assert [result["key"] for result in node.run()] == [unknown.key, "whiteboard"]


def test_ten_thousand_other_pictures_are_never_read() -> None:
    pictures = list(other_pictures(10_000))
    assert [read_card(luma) for luma in pictures] == [None] * 10_000
    node = Node()
    for luma in pictures[::20]:
        node.read_luma(luma)
    assert node.run() == [None] * 500


def test_a_picture_that_is_half_one_frame_and_half_the_next_is_never_misread() -> None:
    random = np.random.default_rng(2)
    card = TestCard(ALICE, "Alice", "self", 160, 90)
    for number in random.integers(0, 2**24 - 1, 200):
        now, following = card.draw(int(number)).y, card.draw(int(number) + 1).y
        # Cells arrive one by one: take each block of 4 x 4 pixels, which is a cell, from either frame.
        blocks = np.kron(random.random((23, 40)) < 0.5, np.ones((4, 4), bool))[:90]
        torn = read_card(np.where(blocks, now, following))
        assert torn is None or torn.frame_number in (number, number + 1)


@pytest.mark.parametrize("share", [0.45, 0.5, 0.55])
def test_a_blend_of_two_frames_is_in_doubt(share: float) -> None:
    card = TestCard(ALICE, "Alice", "self", 320, 180)
    blend = share * card.draw(20).y + (1 - share) * card.draw(21).y.astype(float)
    assert read_card(blend.astype(np.uint8)) is None


@pytest.mark.parametrize(
    "luma", [np.zeros((0, 0), np.uint8), np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.float32)]
)
def test_what_is_not_a_luma_plane_is_refused(luma: Luma) -> None:
    with pytest.raises(CardError, match="expected a luma plane"):
        read_card(luma)


@pytest.mark.parametrize("crop", [(-1, 0, 10, 10), (0, 0, 0, 10), (100, 0, 221, 180), (0, 1, 320, 180)])
def test_a_crop_outside_the_picture_is_refused_by_both_readers(crop: tuple[float, float, float, float]) -> None:
    luma = np.zeros((180, 320), np.uint8)
    with pytest.raises(CardError, match="does not lie in a picture of 320x180"):
        read_card(luma, crop=crop)
    node = Node()
    node.read_luma(luma, crop=crop)
    [result] = node.run()
    assert "does not lie in a picture of 320x180" in result["error"]


def other_pictures(count: int) -> Iterator[Luma]:
    """Flat, noisy, natural-looking pictures, and the worst case: pictures laid out like a card with other cells."""
    random = np.random.default_rng(1)
    height, width = 90, 160
    for number in range(count):
        kind = number % 5
        if kind == 0:
            luma = np.full((height, width), random.integers(0, 256), np.uint8)
        elif kind == 1:
            luma = random.integers(0, 256, (height, width), dtype=np.uint8)
        elif kind == 2:  # soft shapes of several sizes, like a scene out of focus
            scene = sum(
                size * np.kron(random.random((90 // size, 160 // size)), np.ones((size, size)))[:height, :width]
                for size in (2, 5, 10)
            )
            luma = (np.asarray(scene) * 15).astype(np.uint8)
        elif kind == 3:  # hard edges: black and white areas of any size
            step_y, step_x = random.integers(1, 20, 2)
            coarse = random.integers(0, 2, (height // step_y + 1, width // step_x + 1), dtype=np.uint8) * 219 + 16
            luma = np.repeat(np.repeat(coarse, step_y, axis=0), step_x, axis=1)[:height, :width]
        else:
            luma = np.full((height, width), 16, np.uint8)
            cells = random.integers(0, 2, (6, 32), dtype=np.uint8) * 219 + 16
            luma[60:84, 16:144] = np.repeat(np.repeat(cells, 4, axis=0), 4, axis=1)
        yield np.ascontiguousarray(luma)


def test_the_worst_of_those_pictures_would_be_read_with_the_right_cells() -> None:
    bits = np.unpackbits(np.frombuffer(encode_card(participant_uuid(ALICE), "self", 3), np.uint8)).reshape(6, 32)
    luma = np.full((90, 160), 16, np.uint8)
    luma[60:84, 16:144] = np.repeat(np.repeat(bits * 219 + 16, 4, axis=0), 4, axis=1)
    assert read_card(luma) == CardReading(ALICE, "self", 3)
