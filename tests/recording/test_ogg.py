"""Opus in Ogg: what a decoder makes of it, and of every beginning of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.recording.errors import MediaError
from emulator.recording.mending import mend
from emulator.recording.ogg import PRE_SKIP, OggWriter, checksum, page, silence
from tests.recording.kit import codec_of, content, duration_of, samples, sound, tones

FFMPEG_COUNTS = 0.007
"""Seconds: the pre-skip, which FFmpeg takes for a part of the duration."""


def write(path: Path, data: bytes | bytearray) -> Path:
    path.write_bytes(data)
    return path


def test_checksum_is_the_one_of_rfc_3533() -> None:
    """The page header of the RFC's own algorithm, table-free, bit by bit."""

    def slowly(data: bytes) -> int:
        value = 0
        for byte in data:
            value ^= byte << 24
            for _ in range(8):
                value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
        return value

    for data in (b"", b"\x00", b"OggS", bytes(range(256)) * 3, page([b"x" * 600], 5, 7)):
        assert checksum(data) == slowly(data)


def test_finished_file_plays_for_as_long_as_it_was_told(tmp_path: Path) -> None:
    writer = OggWriter()
    for packet in sound(3, 2.0):
        writer.put(packet)
    writer.finish(1.987)
    path = write(tmp_path / "a.ogg", content(writer))
    assert codec_of(path) == "opus"
    assert len(samples(path)) == round(1.987 * 48_000)
    assert duration_of(path) == pytest.approx(1.987, abs=FFMPEG_COUNTS)
    assert tones(path, 0.1, 1.9) == {3}


@pytest.mark.parametrize("gap", [120, 480, 960, 1234, 48_000])
def test_silence_lasts_as_long_as_asked_and_says_nothing(tmp_path: Path, gap: int) -> None:
    writer = OggWriter()
    for packet in (*sound(3, 0.5), *silence(gap), *sound(3, 0.5)):
        writer.put(packet)
    assert writer.samples - 48_000 == gap // 120 * 120
    writer.finish(writer.end)
    path = write(tmp_path / "a.ogg", content(writer))
    heard = samples(path)
    assert len(heard) == pytest.approx(48_000 + gap, abs=500)
    middle = heard[24_000 : 24_000 + gap][4_000:-4_000]
    assert not middle.size or abs(middle).max() < 0.001


def test_taking_often_makes_the_same_sound(tmp_path: Path) -> None:
    writer, made = OggWriter(), bytearray()
    for number, packet in enumerate(sound(3, 1.0)):
        writer.put(packet)
        if number % 3 == 0:
            content(writer, made)
    writer.finish(1.0)
    path = write(tmp_path / "a.ogg", content(writer, made))
    assert len(samples(path)) == 48_000 - PRE_SKIP


def test_every_beginning_of_a_file_can_be_mended_up_to_its_last_whole_page(tmp_path: Path) -> None:
    writer = OggWriter()
    for packet in sound(3, 2.0):
        writer.put(packet)
    whole = content(writer)
    begin = whole.index(b"OggS", whole.index(b"OpusTags"))
    for cut in (begin, begin + 1, begin + 30, len(whole) // 2, len(whole) - 1, len(whole)):
        path = write(tmp_path / "a.ogg", whole[:cut])
        if cut <= begin + 30:
            with pytest.raises(MediaError, match="no sound"):
                mend(path)
            continue
        secs = mend(path)
        assert secs == pytest.approx(2.0 * cut / len(whole), abs=0.3)
        assert duration_of(path) == pytest.approx(secs, abs=FFMPEG_COUNTS)
        assert tones(path, 0.1, secs - 0.05) == {3}
        assert mend(path) == secs


def test_what_is_no_opus_is_refused() -> None:
    with pytest.raises(MediaError, match="Opus packet"):
        OggWriter().put(b"")
    with pytest.raises(MediaError, match="1 or 2 channels"):
        OggWriter(channels=3)
