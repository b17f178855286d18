"""VP8 in WebM and H.264 in MP4: what a decoder makes of them, and of what a kill leaves of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.recording.chunks import Container
from emulator.recording.errors import MediaError
from emulator.recording.mending import mend
from emulator.recording.mp4 import Mp4Writer
from emulator.recording.webm import WebmWriter
from tests.recording.kit import FPS, WHO, codec_of, content, duration_of, fill, opened, pictures, video

Make = Callable[[], Container]

both = pytest.mark.parametrize(
    ("codec", "suffix", "make"), [("vp8", "webm", WebmWriter), ("h264", "mp4", Mp4Writer)], ids=["webm", "mp4"]
)


@both
def test_finished_file_shows_every_picture_in_its_time(tmp_path: Path, codec: str, suffix: str, make: Make) -> None:
    writer = make()
    fill(writer, video(codec, 2.0))
    writer.finish(2.05)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content(writer))
    assert writer.size == path.stat().st_size
    assert codec_of(path) == codec
    assert duration_of(path) == pytest.approx(2.05, abs=0.002)
    seen = pictures(path)
    assert len(seen) == 2 * FPS
    for picture in seen:
        assert picture.reading is not None
        assert picture.reading.participant_id == WHO
        assert picture.time == pytest.approx(picture.reading.frame_number / FPS, abs=0.001)


@both
def test_pause_is_a_gap_and_another_size_goes_on_in_the_same_file(
    tmp_path: Path, codec: str, suffix: str, make: Make
) -> None:
    writer, made = make(), bytearray()
    fill(writer, video(codec, 1.0))
    content(writer, made)
    fill(writer, video(codec, 1.0, size=(640, 360), began=9.0))
    writer.finish(10.0)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content(writer, made))
    seen = pictures(path)
    assert {picture.size for picture in seen if picture.time < 5} == {(320, 180)}
    assert {picture.size for picture in seen if picture.time > 5} == {(640, 360)}
    assert seen[FPS].time == pytest.approx(9.0, abs=0.002)
    assert duration_of(path) == pytest.approx(10.0, abs=0.002)


@both
def test_finished_file_can_be_searched(tmp_path: Path, codec: str, suffix: str, make: Make) -> None:
    writer = make()
    for began in (0.0, 2.0, 4.0):
        fill(writer, video(codec, 2.0, began=began))
    writer.finish(6.0)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content(writer))
    with opened(path) as container:
        container.seek(4_500_000)
        assert next(container.decode(video=0)).time == pytest.approx(4.0, abs=0.002)


@both
def test_what_is_written_so_far_plays_and_any_cut_can_be_mended(
    tmp_path: Path, codec: str, suffix: str, make: Make
) -> None:
    writer, made = make(), bytearray()
    states = []
    for sample in video(codec, 3.0):
        writer.put(sample.data, sample.time, keyframe=sample.keyframe)
        content(writer, made)
        states.append((sample.time, bytes(made)))
    time, whole = states[-1]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(whole)
    assert pictures(path)[-1].time > time - 0.8  # as it is, without any mending
    for share in (0.3, 0.5, 0.77, 0.9, 1.0):
        path.write_bytes(whole[: int(len(whole) * share)])
        secs = mend(path)
        seen = pictures(path)
        assert all(picture.reading is not None for picture in seen)
        assert secs == pytest.approx(seen[-1].time, abs=0.2)
        assert secs > time * share - 1.0
        assert duration_of(path) == pytest.approx(secs, abs=0.15)


def test_a_finished_webm_file_that_is_cut_within_its_index_can_be_mended(tmp_path: Path) -> None:
    writer = WebmWriter()
    fill(writer, video("vp8", 2.0))
    writer.finish(2.0)
    whole, path = content(writer), tmp_path / "a.webm"
    path.write_bytes(whole[:-5])
    assert mend(path) == pytest.approx(2.0, abs=0.01)
    assert path.read_bytes()[-20:] == whole[-20:]
    assert duration_of(path) == pytest.approx(2.0, abs=0.01)


@both
def test_file_that_holds_nothing_cannot_be_mended(tmp_path: Path, codec: str, suffix: str, make: Make) -> None:
    path = tmp_path / f"a.{suffix}"
    for rest in (b"", b"\x00" * 100, video(codec, 2.0)[0].data):
        path.write_bytes(rest)
        with pytest.raises(MediaError, match="no picture"):
            mend(path)


@both
def test_recording_cannot_begin_without_a_keyframe(codec: str, suffix: str, make: Make) -> None:
    with pytest.raises(MediaError, match="keyframe"):
        make().put(video(codec, 2.0)[1].data, 0.0, keyframe=False)
