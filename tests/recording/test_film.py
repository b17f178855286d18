"""Layouts, grids, letterboxes, times: the script of a film, and the film that is made of it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from emulator.probes.card_reader import read_card
from emulator.recording.film.grid import Box, Grid
from emulator.recording.film.maker import make
from emulator.recording.film.script import FPS, Script, Source, write_script
from emulator.recording.ogg import OggWriter
from emulator.recording.webm import WebmWriter
from emulator.rooms.composition import CompositionSettings
from tests.recording.kit import WHO, codec_of, content, duration_of, fill, sound, tones, video


@pytest.mark.parametrize(
    ("count", "bounds", "expected"),
    [
        (0, {}, (1, 1)),
        (1, {}, (1, 1)),
        (2, {}, (2, 1)),
        (3, {}, (2, 2)),
        (5, {}, (3, 2)),
        (9, {}, (3, 3)),
        (5, {"max_columns": 1}, (1, 5)),
        (5, {"max_rows": 1}, (5, 1)),
        (5, {"max_columns": 2, "max_rows": 2}, (2, 2)),
        (4, {"max_columns": 1000, "max_rows": 1000}, (2, 2)),
    ],
)
def test_grid_is_as_large_as_need_be_within_its_bounds(
    count: int, bounds: dict[str, int], expected: tuple[int, int]
) -> None:
    grid = Grid.of(count, **bounds)
    assert (grid.columns, grid.rows) == expected


def test_cells_fill_their_region_without_a_gap() -> None:
    grid, region = Grid(3, 2), Box(10, 20, 101, 51)
    boxes = [grid.box(cell, region) for cell in range(grid.cells)]
    assert sum(box.width * box.height for box in boxes) == 101 * 51
    assert boxes[0] == Box(10, 20, 33, 25)
    assert (boxes[5].x + boxes[5].width, boxes[5].y + boxes[5].height) == (111, 71)


@pytest.mark.parametrize(
    ("box", "size", "expected"),
    [
        (Box(0, 0, 640, 360), (320, 180), Box(0, 0, 640, 360)),
        (Box(0, 0, 640, 640), (320, 180), Box(0, 140, 640, 360)),
        (Box(100, 50, 360, 360), (180, 320), Box(178, 50, 202, 360)),
        (Box(0, 0, 16, 16), (1280, 8), Box(0, 6, 16, 2)),
    ],
)
def test_picture_keeps_its_shape_and_lies_in_the_middle(box: Box, size: tuple[int, int], expected: Box) -> None:
    assert box.fitted(*size) == expected


def source(number: int, began: float, ended: float, kind: str = "video") -> Source:
    return Source(f"{number:08}-0000-4000-8000-000000000000", kind, f"/{number}", began, ended)


def places(script: Script) -> list[tuple[str, float, float, int, int]]:
    return [(each.path, each.begin, each.end, each.box.x, each.box.y) for each in script.videos]


def test_cell_is_taken_at_the_beginning_and_given_to_the_next_at_the_end() -> None:
    settings = CompositionSettings(
        video_layout={"grid": {"width": 1280, "height": 720, "max_columns": 2, "max_rows": 1, "video_sources": "*"}}
    )
    script = write_script(
        settings, [source(1, 100, 110), source(2, 102, 104), source(3, 105, 112), source(4, 106, 120)]
    )
    assert places(script) == [
        ("/1", 0, 10, 0, 0),
        ("/2", 2, 4, 640, 0),
        ("/3", 5, 12, 640, 0),
        ("/4", 10, 20, 0, 0),  # waits until there is room
    ]
    assert script.duration == 20


def test_higher_regions_lie_on_top_and_only_asked_for_videos_are_in_them() -> None:
    one, two = source(1, 0, 5), source(2, 0, 5)
    settings = CompositionSettings(
        video_layout={
            "inset": {"width": 320, "height": 180, "x_pos": 900, "y_pos": 500, "z_pos": 1, "video_sources": [two.id]},
            "main": {"width": 1280, "height": 720, "z_pos": -1, "video_sources": [one.id, "unknown"]},
        }
    )
    script = write_script(settings, [one, two])
    assert places(script) == [("/1", 0, 5, 0, 0), ("/2", 0, 5, 900, 500)]


def test_sound_is_there_only_when_it_was_asked_for() -> None:
    voices = [source(1, 10, 20, "audio"), source(2, 12, 30, "audio")]
    assert write_script(CompositionSettings(), voices).voices == ()
    script = write_script(CompositionSettings(audio_sources=["*"]), [*voices, source(3, 8, 12)])
    assert [voice.offset for voice in script.voices] == [2, 4]
    assert script.duration == 22
    assert Script.from_json(script.as_json()) == script


def test_without_a_layout_everybody_is_in_a_grid_of_the_whole_frame() -> None:
    script = write_script(CompositionSettings(resolution="641x361"), [source(n, 0, 1) for n in range(4)])
    assert (script.width, script.height) == (640, 360)
    assert [(each.box.x, each.box.y) for each in script.videos] == [(0, 0), (320, 0), (0, 180), (320, 180)]


# -- made -------------------------------------------------------------------------------------------------------------


def file_of(path: Path, codec: str, secs: float) -> Path:
    writer: WebmWriter | OggWriter
    if codec == "vp8":
        writer = WebmWriter()
        fill(writer, video("vp8", secs))
    else:
        writer = OggWriter()
        for packet in sound(3, secs):
            writer.put(packet)
    writer.finish(secs)
    path.write_bytes(content(writer))
    return path


def test_film_shows_and_says_everything_in_its_place_and_time(tmp_path: Path) -> None:
    seen = file_of(tmp_path / "a.webm", "vp8", 2.0)
    heard = file_of(tmp_path / "a.ogg", "opus", 2.0)
    sources = [
        Source("1", "video", str(seen), 10.0, 12.0),
        Source("2", "video", str(seen), 11.0, 13.0),
        Source("3", "audio", str(heard), 11.0, 13.0),
    ]
    settings = CompositionSettings(
        resolution="640x480",
        audio_sources=["*"],
        video_layout={
            "left": {"width": 320, "height": 480, "video_sources": ["1"]},
            "right": {"width": 320, "height": 240, "x_pos": 320, "y_pos": 240, "video_sources": ["2"]},
        },
    )
    told: list[float] = []
    path = tmp_path / "film.mp4"
    assert make(write_script(settings, sources), str(path), told.append) == 3.0
    assert told == sorted(told)
    assert codec_of(path) == "h264"
    assert duration_of(path) == pytest.approx(3.0, abs=0.05)
    with av.open(str(path)) as film:
        assert {stream.codec_context.name for stream in film.streams} == {"h264", "aac"}
        for number, frame in enumerate(film.decode(video=0)):
            assert (frame.width, frame.height) == (640, 480)
            luma = frame.to_ndarray(format="yuv420p")[:480]
            time = number / FPS
            left, right = luma[150:330, :320], luma[270:450, 320:]
            for part, begin in ((left, 0.0), (right, 1.0)):
                reading = read_card(np.ascontiguousarray(part))
                if begin <= time < begin + 2.0:
                    assert reading is not None, (time, begin)
                    assert reading.participant_id == WHO
                    assert reading.frame_number / 15 == pytest.approx(time - begin, abs=0.1)
                else:
                    assert part.max() < 40
            assert luma[:150, :320].max() < 40
    assert tones(path, 0.1, 0.9) == set()
    assert tones(path, 1.1, 2.9) == {3}


def test_film_of_nothing_is_one_black_picture(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    secs = make(write_script(CompositionSettings(resolution="16x16"), []), str(path), lambda share: None)
    assert secs == 1 / FPS
    with av.open(str(path)) as film:
        (frame,) = film.decode(video=0)
        assert frame.to_ndarray(format="gray").max() < 40


def test_regions_outside_of_the_frame_and_over_its_edge_are_cut(tmp_path: Path) -> None:
    seen = file_of(tmp_path / "a.webm", "vp8", 0.4)
    regions = {
        "over": {"width": 320, "height": 180, "x_pos": -160, "y_pos": -91, "video_sources": "*"},
        "out": {"width": 320, "height": 180, "x_pos": 5_000, "y_pos": -5_000, "video_sources": "*"},
    }
    settings = CompositionSettings(resolution="320x180", video_layout=regions)
    path = tmp_path / "film.mp4"
    make(write_script(settings, [Source("1", "video", str(seen), 0.0, 0.4)]), str(path), lambda share: None)
    with av.open(str(path)) as film:
        luma = next(film.decode(video=0)).to_ndarray(format="yuv420p")[:180]
    assert luma[:80, :150].max() > 150
    assert luma[100:, 170:].max() < 40
