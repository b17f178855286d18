"""Screens, noise, files, pictures that freeze: what a viewer and a listener get of them."""

from __future__ import annotations

import itertools
import runpy
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import emulator.clients.sources
from emulator.clients.errors import SourceError
from emulator.clients.sources.base import FRAME_SAMPLES, Identity, LoopingVideoSource, PreparedAudioSource, VideoSource
from emulator.clients.sources.formats import layer_formats
from emulator.clients.sources.registry import AUDIO_SOURCES, VIDEO_SOURCES, audio_source, video_source
from emulator.clients.video_encoder import VideoEncoder
from emulator.probes.card_reader import CardReading, read_card
from emulator.probes.tones import tone_samples, tones_in

ALICE = Identity("3f1c7a52-5d0e-4b0e-9a53-0d6f6a1b2c11", "Alice", "self", 3)
SOURCES = Path(emulator.clients.sources.__file__).parent


def _luma(picture: av.VideoFrame) -> NDArray[np.uint8]:
    return np.ascontiguousarray(picture.to_ndarray()[: picture.height])


def _seen(source: VideoSource, numbers: range) -> list[NDArray[np.uint8]]:
    """What a viewer decodes of these pictures."""
    form = source.format
    encoder, paint = VideoEncoder(form), source.painter()
    decoder = av.CodecContext.create({"VP8": "vp8", "H264": "h264"}[form.codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    return [
        _luma(picture)
        for number in numbers
        for picture in decoder.decode(av.Packet(encoder.encode(paint(number)).data))
    ]


def _video(spec: Any) -> VideoSource:
    source = video_source(spec, ALICE)
    assert source is not None
    return source


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_a_screen_says_whose_it_is_and_changes_its_slide_every_four_seconds(codec: str) -> None:
    source = _video({"source": "screen", "codec": codec})
    assert (source.format.width, source.format.height, source.format.fps) == (1280, 720, 5)
    pictures = _seen(source, range(18, 23))
    assert [read_card(picture) for picture in pictures] == [
        CardReading(ALICE.participant_id, "self", number) for number in range(18, 23)
    ]
    slides = [picture[:440].astype(int) for picture in pictures]
    steps = [float(np.abs(after - before).mean()) for before, after in itertools.pairwise(slides)]
    assert steps[1] > 5 * max(steps[0], steps[2], steps[3])  # from number 19 to number 20
    assert float(slides[0].mean()) > 150  # paper


def test_a_picture_freezes_and_goes_on_coming() -> None:
    source = _video({"source": "freeze", "fps": 10, "after": 0.5})
    readings = [read_card(picture) for picture in _seen(source, range(9))]
    assert [reading.frame_number for reading in readings if reading] == [0, 1, 2, 3, 4, 5, 5, 5, 5]


def test_noise_says_nothing_and_fills_its_bitrate() -> None:
    source = _video({"source": "noise", "size": "160x90", "bitrate": 200_000})
    encoder, paint = VideoEncoder(source.format), source.painter()
    sizes = [len(encoder.encode(paint(number)).data) for number in range(30)]
    assert sum(sizes[15:]) * 8 / 1.0 > 100_000
    assert read_card(_luma(paint(0))) is None
    hiss = audio_source("noise", ALICE)
    assert hiss is not None
    samples = np.concatenate([hiss.block(number) for number in range(20)])
    assert tones_in(samples) == {}
    assert 0.02 < float(samples.std()) / 32768 < 0.04


def test_every_source_draws_the_picture_it_is_asked_for(tmp_path: Path) -> None:
    film = _film(tmp_path / "film.mp4")
    for word, kind in VIDEO_SOURCES.items():
        spec: dict[str, Any] = {"source": word}
        if word == "file":
            spec["path"] = str(film)
        if "size" in kind.options:
            spec["size"] = "480x272"
        source = _video(spec)
        picture = source.painter()(7)
        assert (picture.width, picture.height) == (source.format.width, source.format.height), word
        assert hash(source) == hash(_video(spec)), word
        assert isinstance(source, LoopingVideoSource) == (word != "black"), word  # which is still


def test_simulcast_is_three_sizes_that_share_the_bitrate() -> None:
    form = _video({"source": "test_card", "size": "640x360", "simulcast": True}).format
    layers = layer_formats(form)
    assert [(rid, each.width, each.height, each.bitrate, each.simulcast) for rid, each in layers] == [
        ("h", 640, 360, 400_000, False),
        ("m", 320, 180, 300_000, False),
        ("l", 160, 90, 100_000, False),
    ]


# -- files ------------------------------------------------------------------------------------------------------------


def _film(path: Path, seconds: float = 1.0) -> Path:
    """Ten pictures a second, each brighter than the one before, and Alice's chord."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        sound = container.add_stream("aac", rate=44_100)
        assert isinstance(sound, av.AudioStream)
        sound.layout = "stereo"
        for number in range(round(10 * seconds)):
            picture = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 20 * number + 20, np.uint8), format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            for packet in video.encode(picture):
                container.mux(packet)
        wave = tone_samples(ALICE.tone, 0, round(44_100 * seconds), rate=44_100, amplitude=0.3)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 44_100, 0
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=44_100, frame_size=1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            for packet in sound.encode(part):
                container.mux(packet)
        for stream in (video, sound):
            for packet in stream.encode(None):
                container.mux(packet)
    return path


def test_a_films_pictures_come_in_time_and_begin_again_at_its_end(tmp_path: Path) -> None:
    source = _video({"source": "file", "path": str(_film(tmp_path / "film.mp4")), "size": "160x90", "fps": 20})
    assert isinstance(source, LoopingVideoSource)
    assert source.loop == 20
    paint = source.painter()
    brightness = [float(_luma(paint(number)).mean()) for number in range(50)]
    assert brightness[0:20:2] == sorted(brightness[0:20:2])
    assert brightness[0] == pytest.approx(brightness[1], abs=0.5)  # ten pictures a second, sent twice each
    assert brightness[18] > brightness[0] + 100
    assert brightness[20:40] == pytest.approx(brightness[:20], abs=0.5)
    assert brightness[40:50] == pytest.approx(brightness[:10], abs=0.5)


def test_a_films_sound_is_heard_round_and_round(tmp_path: Path) -> None:
    source = audio_source({"source": "file", "path": _film(tmp_path / "film.mp4")}, ALICE)
    assert isinstance(source, PreparedAudioSource)
    source.prepare()
    samples = np.concatenate([source.block(number) for number in range(120)])
    assert samples.shape == (120 * FRAME_SAMPLES,)
    assert list(tones_in(samples[10_000:30_000])) == [ALICE.tone]
    assert list(tones_in(samples[80_000:100_000])) == [ALICE.tone]


def test_a_file_without_the_medium_is_refused(tmp_path: Path) -> None:
    silent = tmp_path / "silent.mkv"
    with av.open(str(silent), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((144, 128), np.uint8), format="yuv420p")
        for packet in [*stream.encode(picture), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(SourceError, match=r"silent\.mkv has no sound in it"):
        audio_source({"source": "file", "path": silent}, ALICE)


def test_a_playlist_does_not_lead_to_other_files(tmp_path: Path) -> None:
    film = _film(tmp_path / "film.mp4")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{film}\n#EXT-X-ENDLIST\n")
    with pytest.raises(SourceError, match=r"list\.m3u8"):
        video_source({"source": "file", "path": playlist}, ALICE)


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_names_every_source_and_every_option() -> None:
    page = (SOURCES / "README.md").read_text()
    for kinds in (VIDEO_SOURCES, AUDIO_SOURCES):
        for word, kind in kinds.items():
            assert f"| `{word}` |" in page
            for option in kind.options:
                assert f"`{option}`" in page, f"{word}: {option}"


def test_the_pages_source_of_ones_own_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (SOURCES / "README.md").read_text()
    code = page.split("<!-- test: source -->\n```python\n")[1].split("```")[0]
    file = tmp_path / "bars.py"
    file.write_text(code)
    monkeypatch.setattr("emulator.clients.sources.registry.VIDEO_SOURCES", kinds := dict(VIDEO_SOURCES))
    runpy.run_path(str(file))
    assert "bars" in kinds
    bars = _video({"source": "bars", "count": 5})
    assert isinstance(bars, LoopingVideoSource)
    assert bars.loop == 5
    pictures = _seen(bars, range(6))
    assert float(np.abs(pictures[5].astype(int) - pictures[0]).mean()) < 4
    assert float(np.abs(pictures[1].astype(int) - pictures[0]).mean()) > 10
