"""What sources send, encoded and decoded again, and the clocks by which they do."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from emulator.clients.audio_track import AudioTrack, TimedBlock, level_of
from emulator.clients.errors import SourceError
from emulator.clients.mix_input import MixInput
from emulator.clients.sources.base import AudioSource, Identity, Samples, StreamTimed, VideoCodec, VideoFormat
from emulator.clients.sources.black import BlackSource
from emulator.clients.sources.registry import audio_source, video_source
from emulator.clients.sources.silence import SilenceSource
from emulator.clients.sources.speech import SpeechSource
from emulator.clients.sources.test_card import DEFAULT_FORMAT, TestCardSource
from emulator.clients.sources.tone import AMPLITUDE, ToneSource
from emulator.clients.video_encoder import EncodedFrame, VideoEncoder
from emulator.clients.video_track import TimedFrame, VideoTrack
from emulator.clients.workers import Workers
from emulator.media.audio.opus import OpusDecoder
from emulator.probes import tones
from emulator.probes.card_reader import CardReading, flashes, read_card
from emulator.probes.tones import tones_in

ALICE = Identity("3f1c7a52-5d0e-4b0e-9a53-0d6f6a1b2c11", "Alice", "self", 3)


@pytest.fixture
def workers() -> Iterator[Workers]:
    pool = Workers(2)
    yield pool
    pool.close()


# -- pictures ---------------------------------------------------------------------------------------------------------


class Eye:
    """Decodes what a track sent."""

    def __init__(self, codec: VideoCodec) -> None:
        context = av.CodecContext.create("vp8" if codec == "VP8" else "h264", "r")
        assert isinstance(context, av.VideoCodecContext)
        context.thread_count = 1
        self._context = context

    def luma(self, frame: EncodedFrame) -> NDArray[np.uint8]:
        (picture,) = self._context.decode(av.Packet(frame.data))
        return np.asarray(picture.to_ndarray(format="gray"), np.uint8)

    def read(self, frame: EncodedFrame) -> CardReading | None:
        return read_card(self.luma(frame))


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_an_encoded_card_decodes_and_reads_back_frame_by_frame(codec: VideoCodec) -> None:
    source = TestCardSource(ALICE, replace(DEFAULT_FORMAT, codec=codec))
    encoder, paint, eye = VideoEncoder(source.format), source.painter(), Eye(codec)
    for number in range(20):
        frame = encoder.encode(paint(number), keyframe=number == 12)
        assert frame.keyframe == (number in (0, 12))
        assert eye.read(frame) == CardReading(ALICE.participant_id, "self", number)


async def test_a_track_begins_with_a_keyframe_and_makes_one_on_request(workers: Workers) -> None:
    frames: list[TimedFrame] = []
    came = asyncio.Event()

    def sink(frame: TimedFrame) -> None:
        frames.append(frame)
        if len(frames) == 4:
            track.request_keyframe()
        if len(frames) == 8:
            came.set()

    track = VideoTrack(TestCardSource(ALICE, replace(DEFAULT_FORMAT, fps=60)), workers=workers, sink=sink)
    track.start()
    async with asyncio.timeout(10):
        await came.wait()
    await track.stop()
    sent = len(frames)
    keyframes = [index for index, frame in enumerate(frames) if frame.encoded.keyframe]
    assert keyframes[0] == 0
    assert len(keyframes) == 2
    assert keyframes[1] in (4, 5)  # the picture after the request, unless that was with the encoder already
    eye = Eye("VP8")
    assert [eye.read(frame.encoded) for frame in frames[:8]] == [
        CardReading(ALICE.participant_id, "self", frame.number) for frame in frames[:8]
    ]
    await asyncio.sleep(0.05)
    assert len(frames) == sent


async def test_picture_times_are_exact_multiples_of_the_frame_duration(workers: Workers) -> None:
    frames: list[TimedFrame] = []
    done = asyncio.Event()

    def sink(frame: TimedFrame) -> None:
        frames.append(frame)
        if len(frames) == 10:
            done.set()

    track = VideoTrack(BlackSource(VideoFormat(180, 180, 50, 50_000)), workers=workers, sink=sink)
    track.start()
    async with asyncio.timeout(10):
        await done.wait()
    await track.stop()
    first = frames[0]
    assert all(frame.at - first.at == pytest.approx((frame.number - first.number) / 50) for frame in frames)
    assert Eye("VP8").luma(frames[-1].encoded).max() <= 20
    assert len({frame.encoded.data for frame in frames}) == 1


@dataclass(frozen=True)
class Broken:
    format: VideoFormat = DEFAULT_FORMAT
    still: bool = False

    def painter(self) -> Callable[[int], av.VideoFrame]:
        def paint(number: int) -> av.VideoFrame:
            raise RuntimeError(f"no picture {number}")

        return paint


@pytest.mark.errors_expected
async def test_a_source_that_fails_ends_its_track_and_says_why(workers: Workers) -> None:
    track = VideoTrack(Broken(), workers=workers, sink=lambda _frame: None)
    track.start()
    async with asyncio.timeout(5):
        while track.failure is None:  # noqa: ASYNC110 - a failing source has no event
            await asyncio.sleep(0.005)
    assert str(track.failure) == "no picture 0"
    await track.stop()


# -- sound ------------------------------------------------------------------------------------------------------------


async def _play(source: AudioSource, workers: Workers, count: int) -> list[TimedBlock]:
    blocks: list[TimedBlock] = []
    done = asyncio.Event()

    def sink(block: TimedBlock) -> None:
        blocks.append(block)
        if len(blocks) >= count:
            done.set()

    track = AudioTrack(source, workers=workers)
    track.sinks.append(sink)
    await track.start()
    async with asyncio.timeout(10):
        await done.wait()
    track.stop()
    sent = len(blocks)
    await asyncio.sleep(0.03)
    assert len(blocks) == sent
    return blocks


def _decoded(packets: list[bytes]) -> NDArray[np.float32]:
    decoder = OpusDecoder()
    return np.concatenate([decoder.decode(packet) for packet in packets])


async def test_a_tone_decodes_to_the_participants_chord_and_to_no_other(workers: Workers) -> None:
    blocks = await _play(ToneSource(ALICE.tone), workers, 20)
    heard = tones_in(_decoded([block.encoded.packet for block in blocks]))
    assert list(heard) == [ALICE.tone]
    assert [block.number for block in blocks] == list(range(len(blocks)))
    assert all(b.at - a.at == pytest.approx(0.02) for a, b in itertools.pairwise(blocks))
    assert all(20 <= block.encoded.level <= 26 for block in blocks)


def test_a_tone_has_no_seam_where_its_loop_begins_again() -> None:
    track = _offline(ToneSource(ALICE.tone), 150)
    seam = track[50 * 960 - 4800 : 50 * 960 + 4800]
    inside = track[75 * 960 - 4800 : 75 * 960 + 4800]

    def floor(samples: NDArray[np.float32]) -> float:
        """How much there is besides the two tones, in dB below them."""
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
        order = np.sort(spectrum)
        return float(10 * np.log10(order[-10:].sum() / order[:-24].sum()))

    assert floor(seam) > floor(inside) - 3


def _offline(source: AudioSource, count: int) -> NDArray[np.float32]:
    """What a listener decodes of the first `count` blocks, without waiting for them."""
    from emulator.clients.audio_track import _encoded_loop

    loop = _encoded_loop(source)
    return _decoded([loop[number % len(loop)].packet for number in range(count)])


def test_speech_talks_and_pauses() -> None:
    source = SpeechSource(5, talk=0.4, pause=0.6)
    assert source.loop == 50
    sound = _offline(source, 50)
    assert 5 in tones_in(sound[: round(0.35 * 48_000)])
    assert tones_in(sound[round(0.6 * 48_000) :]) == {}


def test_speech_that_repeats_late_is_not_kept_as_a_loop() -> None:
    assert SpeechSource(5, talk=3.1, pause=1.7).loop is None


async def test_speech_without_a_loop_is_encoded_as_it_goes(workers: Workers) -> None:
    blocks = await _play(SpeechSource(5, talk=3.1, pause=1.7), workers, 14)
    assert 5 in tones_in(_decoded([block.encoded.packet for block in blocks]))


async def test_silence_is_silent(workers: Workers) -> None:
    blocks = await _play(SilenceSource(), workers, 5)
    assert np.abs(_decoded([block.encoded.packet for block in blocks])).max() < 1e-4
    assert {block.encoded.level for block in blocks} == {127}


def test_levels_are_the_rms_below_full_scale() -> None:
    full = np.full(960, 32767, np.int16)
    assert level_of(full) == 0
    assert level_of((full // 10).astype(np.int16)) == 20
    assert level_of(np.zeros(960, np.int16)) == 127


# -- several into one mix ---------------------------------------------------------------------------------------------


async def test_one_track_is_passed_on_as_it_is_and_several_are_summed(workers: Workers) -> None:
    said: list[TimedBlock] = []
    mix = MixInput(said.append)
    one, two = (AudioTrack(ToneSource(index), workers=workers) for index in (3, 9))
    own: list[TimedBlock] = []
    one.sinks.append(own.append)
    mix.put("self", one)
    await one.start()
    await _count(said, 15)
    assert [block.encoded for block in said] == [block.encoded for block in own][: len(said)]
    mix.put("screen", two)
    await two.start()
    await _count(said, len(said) + 20)
    assert set(tones_in(_decoded([block.encoded.packet for block in said[-15:]]))) == {3, 9}
    mix.remove("self")
    await _count(said, len(said) + 15)
    assert set(tones_in(_decoded([block.encoded.packet for block in said[-12:]]))) == {9}
    mix.close()
    assert mix.keys == ()
    for track in (one, two):
        track.stop()


async def _count(blocks: list[TimedBlock], count: int) -> None:
    async with asyncio.timeout(5):
        while len(blocks) < count:  # noqa: ASYNC110 - counted, not signalled
            await asyncio.sleep(0.01)


# -- names ------------------------------------------------------------------------------------------------------------


def test_sources_are_made_from_names_and_options() -> None:
    assert video_source("test_card", ALICE) == TestCardSource(ALICE, loop=900)
    assert video_source({"source": "test_card", "loop": 0}, ALICE) == TestCardSource(ALICE)
    card = video_source({"source": "test_card", "size": "640x360", "fps": 30, "codec": "H264"}, ALICE)
    assert card is not None
    assert (card.format.width, card.format.height, card.format.fps, card.format.codec) == (640, 360, 30, "H264")
    assert audio_source("tone", ALICE) == ToneSource(3)
    assert audio_source({"source": "tone", "index": 8, "amplitude": 0.05}, ALICE) == ToneSource(8, 0.05)
    assert audio_source({"source": "speech", "talk": 2, "pause": 1}, ALICE) == SpeechSource(3, 2, 1)
    assert audio_source("silence", ALICE) == SilenceSource()
    assert video_source(None, ALICE) is None
    mine = Broken()
    assert video_source(mine, ALICE) is mine


WRONG: list[Any] = [
    (video_source, "tone", r"expected a video source \(test_card, .*black\), got 'tone'"),
    (audio_source, {"index": 3}, "expected an audio source .* got None"),
    (video_source, {"source": "test_card", "colour": "red"}, "'test_card' has no option 'colour'; it takes: size"),
    (video_source, {"source": "test_card", "size": "big"}, "size: expected a text like '640x360', got 'big'"),
    (video_source, {"source": "test_card", "size": "321x180"}, "even width and height, got 321x180"),
    (video_source, {"source": "test_card", "fps": 0}, "fps: expected a number from 1 to 60, got 0"),
    (video_source, {"source": "test_card", "fps": True}, "fps: expected a number"),
    (video_source, {"source": "test_card", "codec": "AV1"}, "codec: expected 'VP8' or 'H264', got 'AV1'"),
    (audio_source, {"source": "tone", "index": 64}, "index: expected a number from 0 to 63, got 64"),
    (audio_source, {"source": "tone", "index": 1.5}, "index: expected a whole number, got 1.5"),
    (video_source, {"source": "test_card", "size": "100x60"}, "expected a size from 120x68 to 4096x4096, got 100x60"),
    (video_source, {"source": "test_card", "simulcast": "yes"}, "simulcast: expected true or false"),
    (
        video_source,
        {"source": "test_card", "simulcast": True},
        "expected a size from 480x272, in multiples of 8, got 320x180",
    ),
    (video_source, "file", "video source 'file' needs the option 'path'"),
    (video_source, {"source": "file", "path": "nowhere.mp4"}, "path: nowhere.mp4 is no file"),
    (video_source, {"source": "file", "path": __file__}, "test_sources.py: Invalid data found"),
    (audio_source, {"source": "file", "path": __file__}, "test_sources.py: Invalid data found"),
    (audio_source, {"source": "silence", "index": 1}, "'silence' has no option 'index'"),
    (audio_source, {"source": "speech", "talk": 0}, "talk: expected a number"),
]


@pytest.mark.parametrize(("make", "spec", "text"), WRONG)
def test_a_wrong_spec_is_refused_with_what_was_expected(make: Any, spec: Any, text: str) -> None:
    with pytest.raises(SourceError, match=text):
        make(spec, ALICE)


def test_the_amplitude_of_tones_is_that_of_the_probes() -> None:
    assert AMPLITUDE == tones.AMPLITUDE


def test_scenarios_are_read_without_a_codec_in_memory() -> None:
    code = "import sys, emulator.scenario.loader; print(sorted({'av', 'numpy', 'PIL', 'aiortc'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_source_of_ones_own_needs_only_the_methods() -> None:
    class Buzz:
        loop = 1

        def block(self, number: int) -> Samples:
            return np.full(960, 1000, np.int16)

    assert isinstance(Buzz(), AudioSource)


def test_a_flash_and_a_beep_belong_to_the_same_tenth_of_each_second() -> None:
    """Of a stream's time: picture n is that of n / fps seconds, block n that of n times 20 ms."""
    identity = Identity("0ccc7b54-4df3-4bca-a65a-3da1ecc777f0", "Alice", "self", 3)
    picture = video_source({"source": "flash", "fps": 20}, identity)
    sound = audio_source("beep", identity)
    assert isinstance(picture, StreamTimed)
    assert isinstance(sound, StreamTimed)
    assert picture is not None
    assert sound is not None
    paint = picture.painter()
    bright, read = set(), set()
    for number in range(40):
        luma = paint(number).to_ndarray()[: picture.format.height]
        card = read_card(luma)
        if flashes(luma):
            bright.add(number / 20)
        if card is not None:
            read.add(card.frame_number)
    assert bright == {0.0, 0.05, 1.0, 1.05}
    assert read == set(range(40)), "the flash leaves the card readable"
    loud = {number for number in range(50) if np.abs(sound.block(number)).max() > 1000}
    assert loud == set(range(5))
