from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.media.audio.opus import FRAME, SAMPLE_RATE, OpusDecoder, OpusEncoder, OpusError, packet_samples
from tests.media.audio_signals import LOOKAHEAD, clicks, encoded, residual, rms, strength, tone


def foreign_packets(samples: np.ndarray, *, layout: str = "mono", **options: str) -> list[bytes]:
    """Packets as another sender would make them."""
    context = av.CodecContext.create("libopus", "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout, context.format = SAMPLE_RATE, layout, "flt"
    context.options = options
    context.time_base = Fraction(1, SAMPLE_RATE)
    if layout == "stereo":
        samples = np.repeat(samples, 2)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate, frame.pts = SAMPLE_RATE, 0
    return [bytes(packet) for packet in context.encode(frame)]


@pytest.mark.parametrize(
    ("duration", "application"),
    [
        ("2.5", "lowdelay"),
        ("5", "audio"),
        ("10", "voip"),
        ("20", "voip"),
        ("20", "audio"),
        ("40", "voip"),
        ("60", "voip"),
    ],
)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_packets_of_any_duration_mode_and_channel_count_decode_to_mono(duration, application, layout):
    packets = foreign_packets(tone(440, 30), layout=layout, application=application, frame_duration=duration)
    decoder = OpusDecoder()
    blocks = [decoder.decode(packet) for packet in packets]
    expected = int(float(duration) * 48)
    assert {block.size for block in blocks} == {expected}
    assert {packet_samples(packet) for packet in packets} == {expected}
    heard = np.concatenate(blocks)
    assert heard.dtype == np.float32
    assert strength(heard[FRAME * 5 : FRAME * 25], 440) == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize(
    ("payload", "samples"),
    [
        (b"\xf8", 960),  # nothing but the TOC byte: DTX
        (b"\xf8\xff\xfe", 960),
        (b"\xf9ab", 1920),
        (b"\xfa\x01ab", 1920),
        (b"\xfb\x03abc", 2880),
        (b"\xfb\x83\x01\x01abc", 2880),
        (b"\xfb\x41\x02a\x00\x00", 960),  # two bytes of padding
        (b"\x83\x01a", 120),
    ],
)
def test_duration_is_read_from_the_packet(payload, samples):
    assert packet_samples(payload) == samples


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xf8" + bytes(1276),
        b"\xf9a",
        b"\xfa",
        b"\xfa\xfc",
        b"\xfa\x09ab",
        b"\xfb",
        b"\xfb\x00",
        b"\xfb\x07abcdefg",  # 140 ms
        b"\xfb\x03ab",
        b"\xfb\x41\x09a",
        b"\xfb\x41\xff",
        b"\xfb\x83\x05\x05abc",
    ],
)
def test_malformed_packet_is_refused(payload):
    with pytest.raises(OpusError, match="Opus packet"):
        packet_samples(payload)


@given(st.binary(max_size=60))
@settings(max_examples=150, deadline=None)
def test_whatever_passes_the_check_decodes_to_the_promised_duration_or_raises_opus_error(payload):
    try:
        samples = packet_samples(payload)
    except OpusError:
        return
    try:
        block = OpusDecoder().decode(payload)
    except OpusError:
        return
    assert block.size == samples


def test_decoder_stays_usable_after_a_refused_packet():
    decoder = OpusDecoder()
    packets = encoded(tone(440, 10))
    for packet in packets[:5]:
        decoder.decode(packet)
    for bad in (b"\xff\xff\xff", b""):
        with pytest.raises(OpusError):
            decoder.decode(bad)
    assert rms(np.concatenate([decoder.decode(packet) for packet in packets[5:]])) == pytest.approx(0.177, rel=0.05)


def test_concealment_goes_on_with_the_tone_without_a_click():
    decoder = OpusDecoder()
    packets = encoded(tone(440, 30))
    blocks = [decoder.decode(packet) for packet in packets[:20]]
    blocks += [decoder.conceal(FRAME), decoder.conceal(480), decoder.conceal(480)]
    blocks += [decoder.decode(packet) for packet in packets[22:]]
    heard = np.concatenate(blocks)
    assert heard.size == 30 * FRAME
    assert rms(heard[20 * FRAME : 21 * FRAME]) > 0.15
    assert clicks(heard)[18:26].max() < 2e-4


@pytest.mark.parametrize("samples", [1, 100, 480, 481, 960, 1000, 2880])
def test_concealment_has_the_asked_length(samples):
    for application, duration in (("voip", "60"), ("lowdelay", "5")):
        decoder = OpusDecoder()
        for packet in foreign_packets(tone(200, 6), application=application, frame_duration=duration):
            decoder.decode(packet)
        assert decoder.conceal(samples).shape == (samples,)


def test_concealment_before_the_first_packet_is_silence():
    assert not OpusDecoder().conceal(FRAME).any()


def test_encoding_keeps_a_tone_and_its_place_in_time():
    sent = tone(440, 60)
    decoder = OpusDecoder()
    heard = np.concatenate([decoder.decode(packet) for packet in encoded(sent)])
    error = heard[20 * FRAME + LOOKAHEAD :] - sent[20 * FRAME : -LOOKAHEAD]
    assert rms(error) < 0.25 / 40
    assert residual(heard[20 * FRAME :], 440).max() < 0.02


def test_lasting_silence_repeats_one_small_packet_and_sound_after_it_is_as_ever():
    encoder, untouched = OpusEncoder(), OpusEncoder()
    silence, sound = np.zeros(FRAME, dtype=np.float32), tone(440, 10).reshape(-1, FRAME)
    repeated = [encoder.encode(silence) for _ in range(500)]
    assert len(set(repeated)) == 1
    assert len(repeated[0]) <= 3
    for _ in range(8):
        untouched.encode(silence)
    assert [encoder.encode(frame) for frame in sound] == [untouched.encode(frame) for frame in sound]


def test_frame_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"expected 960 samples, got an array of shape \(480,\)"):
        OpusEncoder().encode(np.zeros(480, dtype=np.float32))


@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_a_decoder_other_than_libopus_reads_our_packets_as_mono_and_as_stereo(layout):
    context = av.CodecContext.create("opus", "r")  # FFmpeg's own
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout = SAMPLE_RATE, layout
    frames = [frame for packet in encoded(tone(440, 40)) for frame in context.decode(av.Packet(packet))]
    assert {frame.samples for frame in frames} == {FRAME}
    for channel in np.concatenate([frame.to_ndarray() for frame in frames], axis=1):
        assert strength(channel[10 * FRAME :], 440) == pytest.approx(0.25, rel=0.02)
