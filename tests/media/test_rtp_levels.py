from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.media.rtp.errors import RtpError
from emulator.media.rtp.levels import AudioLevel

from .rtp_kit import unhurried


@unhurried
@given(st.integers(0, 127), st.booleans())
def test_a_level_comes_back_as_it_was(level: int, voice: bool) -> None:
    assert AudioLevel.parse(AudioLevel(level, voice).serialise()) == AudioLevel(level, voice)


def test_the_voice_bit_is_the_highest() -> None:
    assert AudioLevel.parse(b"\x9e") == AudioLevel(30, voice=True)


@pytest.mark.parametrize("level", [-1, 128])
def test_levels_out_of_range_are_refused(level: int) -> None:
    with pytest.raises(RtpError, match="0 to 127"):
        AudioLevel(level).serialise()


def test_an_empty_value_is_refused() -> None:
    with pytest.raises(RtpError, match="one byte"):
        AudioLevel.parse(b"")
