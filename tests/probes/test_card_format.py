from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.probes.card_format import (
    FRAME_NUMBERS,
    crc16,
    decode_card,
    encode_card,
    key_hash,
    participant_uuid,
    resolve_key,
)
from emulator.probes.errors import CardError

PARTICIPANT = UUID("0ccc7b54-4df3-4bca-a65a-3da1ecc777f0")


def test_crc_has_the_published_check_value() -> None:
    assert crc16(b"123456789") == 0x29B1


@given(participant=st.uuids(), key=st.text(max_size=40), frame=st.integers(0, FRAME_NUMBERS - 1))
def test_what_is_encoded_is_decoded(participant: UUID, key: str, frame: int) -> None:
    assert decode_card(encode_card(participant, key, frame)) == (participant, key_hash(key), frame)


def test_frame_numbers_wrap_after_24_bits() -> None:
    assert encode_card(PARTICIPANT, "self", FRAME_NUMBERS + 5) == encode_card(PARTICIPANT, "self", 5)


@given(frame=st.integers(0, FRAME_NUMBERS - 2))
def test_one_data_bit_changes_from_frame_to_frame(frame: int) -> None:
    now, following = (encode_card(PARTICIPANT, "self", number)[:-2] for number in (frame, frame + 1))
    assert (int.from_bytes(now) ^ int.from_bytes(following)).bit_count() == 1


def test_four_to_five_cells_change_per_frame_on_average() -> None:
    cards = [int.from_bytes(encode_card(PARTICIPANT, "self", number)) for number in range(2049)]
    changes = [(a ^ b).bit_count() for a, b in pairwise(cards)]
    assert sum(changes) / len(changes) < 4.6


@given(frame=st.integers(0, FRAME_NUMBERS - 1), places=st.sets(st.integers(0, 191), min_size=1, max_size=3))
def test_up_to_three_wrong_cells_are_always_noticed(frame: int, places: set[int]) -> None:
    card = int.from_bytes(encode_card(PARTICIPANT, "self", frame))
    for place in places:
        card ^= 1 << place
    assert decode_card(card.to_bytes(24)) is None


def test_a_key_is_named_when_it_is_known_and_numbered_when_not() -> None:
    assert resolve_key(key_hash("presentation"), ["self", "presentation"]) == "presentation"
    assert resolve_key(0x00AB, ["self"]) == "#00ab"


def test_a_participant_id_that_is_no_uuid_is_refused() -> None:
    with pytest.raises(CardError, match="must be a UUID, got 'alice'"):
        participant_uuid("alice")


def test_a_card_of_another_length_is_refused() -> None:
    with pytest.raises(CardError, match="24 bytes, got 3"):
        decode_card(b"abc")
